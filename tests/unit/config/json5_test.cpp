// What JSON5 adds, rewritten as JSON; and bytes that are neither.
#include "config/json5.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace clawbridge::config {
namespace {

using Json = nlohmann::json;

Json parsed(const std::string& text) {
  return Json::parse(json_from_json5(text), nullptr, false);
}

TEST(Json5, LeavesJsonAsItIs) {
  const std::string json = R"({"a": [1, -2.5e+3, true, false, null, "x\"\\\/\n\u00e9,]}//"], "b": {}})";
  EXPECT_EQ(parsed(json), Json::parse(json));
}

TEST(Json5, DropsCommentsAndTrailingCommas) {
  EXPECT_EQ(parsed("// a\n[1, /* , */ 2, // x\n]"), Json::parse("[1,2]"));
  EXPECT_EQ(parsed("{a: 1,}"), Json::parse(R"({"a":1})"));
  EXPECT_TRUE(parsed("[1 2]").is_discarded());
  EXPECT_TRUE(parsed("[1] /* open").is_array());
}

TEST(Json5, QuotesNames) {
  EXPECT_EQ(parsed("{$a_1: true, 'b c': +1}"), Json::parse(R"({"$a_1":true,"b c":1})"));
}

TEST(Json5, RewritesStrings) {
  EXPECT_EQ(parsed(R"('it\'s "x"')"), Json("it's \"x\""));
  EXPECT_EQ(parsed("'a\\\nb\\\r\nc'"), Json("abc"));
  EXPECT_EQ(parsed(R"("\x41\v\q")"), Json("A\vq"));
  EXPECT_EQ(parsed("\xEF\xBB\xBF{}"), Json::object());
}

TEST(Json5, SurvivesWhatIsNeither) {
  for (const std::string text : {"", "'", "\"\\", "/*", "//", ",", "{,}", "+", "\\", "\x80\xff", "[", "'\\"}) {
    (void)parsed(text);
  }
}

}  // namespace
}  // namespace clawbridge::config
