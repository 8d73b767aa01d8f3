// Where a message's text comes from, byte for byte.
#include "bridge/cli/message_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bridge/cli/failure.h"

namespace clawbridge::cli {
namespace {

using testing::HasSubstr;

std::string refusal(const MessageSource& source, const std::string& input = {}, bool terminal = false) {
  std::istringstream in(input);
  try {
    return "read: " + read_message(source, in, terminal);
  } catch (const Failure& failure) {
    return failure.what();
  }
}

TEST(MessageInput, KeepsEveryByte) {
  const std::string text("line\r\n\n\ttab \0 nul \xc3\xbc\n", 21);
  std::istringstream in(text);
  EXPECT_EQ(read_message({}, in, false), text);
  std::istringstream dash(text);
  EXPECT_EQ(read_message({{}, "-"}, dash, true), text);
  std::istringstream unused;
  EXPECT_EQ(read_message({"from the argument \n", {}}, unused, true), "from the argument \n");

  const auto path = std::filesystem::temp_directory_path() / "clawbridge-message-input-test";
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(read_message({{}, path.string()}, unused, true), text);
  std::filesystem::remove(path);
}

TEST(MessageInput, NeedsOneSource) {
  EXPECT_THAT(refusal({}, "", true), HasSubstr("no message: give it as an argument"));
  EXPECT_THAT(refusal({"text", "file"}), HasSubstr("given twice"));
  EXPECT_THAT(refusal({{}, "/nonexistent/file"}), HasSubstr("/nonexistent/file\": No such file"));
}

TEST(MessageInput, RefusesWhatCannotBeSent) {
  EXPECT_THAT(refusal({"", {}}), HasSubstr("empty"));
  EXPECT_THAT(refusal({}, ""), HasSubstr("empty"));
  EXPECT_THAT(refusal({}, "abc\xff"), HasSubstr("offset 3"));
}

}  // namespace
}  // namespace clawbridge::cli
