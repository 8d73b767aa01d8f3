// A token-by-token rewrite from JSON5 to JSON. See json5.h; JSON5 1.0.0, sections 3 to 7.
#include "config/json5.h"

#include <algorithm>
#include <cstddef>

namespace clawbridge::config {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_number_character(char c) {
  return is_name_character(c) || c == '+' || c == '-' || c == '.';
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : text_(text) {}

  std::string run() {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    while (true) {
      skip_blanks_and_comments();
      if (text_.empty()) break;
      rewrite_token();
    }
    return std::move(out_);
  }

 private:
  void rewrite_token() {
    const char c = text_.front();
    if (c == ',') {
      comma_ = true;
      text_.remove_prefix(1);
      return;
    }
    if (comma_ && c != '}' && c != ']') out_ += ',';
    comma_ = false;
    if (c == '"' || c == '\'') {
      rewrite_string(c);
    } else if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
      if (c == '+') text_.remove_prefix(1);
      out_ += take_while(is_number_character);
    } else if (is_name_character(c)) {
      const std::string_view name = take_while(is_name_character);
      const bool literal = name == "true" || name == "false" || name == "null";
      out_ += literal ? std::string(name) : '"' + std::string(name) + '"';
    } else {
      out_ += c;
      text_.remove_prefix(1);
    }
  }

  void rewrite_string(char quote) {
    out_ += '"';
    text_.remove_prefix(1);
    while (!text_.empty() && text_.front() != quote) {
      if (text_.front() == '\\' && text_.size() > 1) {
        rewrite_escape();
        continue;
      }
      if (text_.front() == '"') out_ += '\\';
      out_ += text_.front();
      text_.remove_prefix(1);
    }
    if (text_.empty()) return;
    out_ += '"';
    text_.remove_prefix(1);
  }

  void rewrite_escape() {
    const char c = text_[1];
    text_.remove_prefix(2);
    switch (c) {
      case '\n':
        return;  // the string goes on in the next line
      case '\r':
        if (text_.starts_with('\n')) text_.remove_prefix(1);
        return;
      case 'v':
        out_ += "\\u000b";
        return;
      case '0':
        out_ += "\\u0000";
        return;
      case 'x':
        out_ += "\\u00";
        return;  // its two digits follow by themselves
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
      case 'u':
        out_ += '\\';
        out_ += c;
        return;
      default:
        out_ += c;
    }
  }

  void skip_blanks_and_comments() {
    while (!text_.empty()) {
      if (text_.starts_with("//")) {
        text_.remove_prefix(std::min(text_.find_first_of("\r\n"), text_.size()));
      } else if (text_.starts_with("/*")) {
        const std::size_t end = text_.find("*/", 2);
        text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 2);
      } else if (text_.front() == ' ' || text_.front() == '\t' || text_.front() == '\n' || text_.front() == '\r') {
        out_ += text_.front();  // keeps line numbers right in the JSON parser's errors
        text_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  std::string_view take_while(bool (*wanted)(char)) {
    std::size_t count = 0;
    while (count < text_.size() && wanted(text_[count])) ++count;
    const std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(count);
    return taken;
  }

  std::string_view text_;
  std::string out_;
  bool comma_ = false;  // seen and not yet written: it is dropped before a closing bracket
};

}  // namespace

std::string json_from_json5(std::string_view text) {
  return Rewriter(text).run();
}

}  // namespace clawbridge::config
