#include "bridge/cli/message_input.h"

#include <iterator>

#include "bridge/cli/failure.h"
#include "bridge/cli/local_files.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string read_source(const MessageSource& source, std::istream& in, bool in_is_terminal) {
  if (source.argument && source.file)
    throw usage("the message is given twice, as an argument and with --message-file; give it once");
  if (source.argument) return *source.argument;
  if (source.file && *source.file != "-") return read_file(*source.file, "the message from");
  if (!source.file && in_is_terminal)
    throw usage("no message: give it as an argument, with --message-file FILE, or on stdin");
  return read_all(in);
}

}  // namespace

std::string read_message(const MessageSource& source, std::istream& in, bool in_is_terminal) {
  std::string text = read_source(source, in, in_is_terminal);
  if (text.empty()) throw usage("the message is empty; there is nothing to send");
  if (const auto offset = find_invalid_utf8(text)) {
    throw usage("the message is not valid UTF-8: the byte at offset " + std::to_string(*offset) +
                " is wrong; convert it first (iconv -t UTF-8)");
  }
  return text;
}

}  // namespace clawbridge::cli
