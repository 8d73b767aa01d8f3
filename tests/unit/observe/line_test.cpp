// What a log line looks like, and that nobody can forge one.
#include "bridge/observe/line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "topics/encoding.h"

namespace clawbridge::observe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

const WallTime kTime = parse_time("2026-11-22T16:20:01.123Z").value();

std::string line(Format format, const std::vector<Field>& fields, std::string_view name = "exchange.ended") {
  std::string out;
  append_line(out, format, kTime, Level::Info, name, fields);
  return out;
}

/// The value part of `f=…`.
std::string logfmt(const std::string& value) {
  const std::string whole = line(Format::Logfmt, {{"f", value}});
  return whole.substr(whole.find(" f=") + 3);
}

TEST(Line, IsLogfmt) {
  EXPECT_EQ(line(Format::Logfmt, {{"cid", "01KAN"}, {"peer", "imac"}, {"took", "12ms"}}),
            "time=2026-11-22T16:20:01.123Z level=info event=exchange.ended cid=01KAN peer=imac took=12ms");
  EXPECT_EQ(line(Format::Logfmt, {}), "time=2026-11-22T16:20:01.123Z level=info event=exchange.ended");
}

TEST(Line, IsJson) {
  EXPECT_EQ(
      line(Format::Json, {{"cid", "01KAN"}, {"text", "a \"b\"\n"}}),
      R"({"time":"2026-11-22T16:20:01.123Z","level":"info","event":"exchange.ended","cid":"01KAN","text":"a \"b\"\n"})");
  EXPECT_EQ(line(Format::Json, {}), R"({"time":"2026-11-22T16:20:01.123Z","level":"info","event":"exchange.ended"})");
}

TEST(Line, AppendsToWhatIsThere) {
  std::string out = "x";
  append_line(out, Format::Logfmt, kTime, Level::Error, "a", {});
  EXPECT_EQ(out, "xtime=2026-11-22T16:20:01.123Z level=error event=a");
}

TEST(Line, NamesLevels) {
  EXPECT_EQ(level_name(Level::Debug), "debug");
  EXPECT_EQ(level_name(Level::Info), "info");
  EXPECT_EQ(level_name(Level::Warn), "warn");
  EXPECT_EQ(level_name(Level::Error), "error");
}

TEST(Line, QuotesWhatNeedsIt) {
  EXPECT_EQ(logfmt("plain:/-_.,{}[]"), "plain:/-_.,{}[]");
  EXPECT_EQ(logfmt(""), "\"\"");
  EXPECT_EQ(logfmt("two words"), "\"two words\"");
  EXPECT_EQ(logfmt("a=b"), "\"a=b\"");
  EXPECT_EQ(logfmt("say \"hi\""), R"("say \"hi\"")");
  EXPECT_EQ(logfmt("back\\slash"), R"("back\\slash")");
  EXPECT_EQ(logfmt("Grüße, 世界 🦀"), "\"Grüße, 世界 🦀\"");
}

TEST(Line, CannotBeForged) {
  EXPECT_EQ(logfmt("x\ntime=2026-11-22T16:20:01.123Z level=error event=forged"),
            R"("x\ntime=2026-11-22T16:20:01.123Z level=error event=forged")");
  EXPECT_EQ(logfmt("x\" level=error event=\"forged"), R"("x\" level=error event=\"forged")");
  EXPECT_EQ(logfmt("x\\\" level=error"), R"("x\\\" level=error")");
  EXPECT_EQ(logfmt("\r\t"), R"("\r\t")");
  EXPECT_EQ(logfmt(std::string("\0\x1b[2J\x7f", 6)), R"("\u0000\u001b[2J\u007f")");
}

TEST(Line, EscapesWhatTerminalsAndReadersObey) {
  EXPECT_EQ(logfmt("\xC2\x9B"
                   "2J"),
            R"("\u009b2J")")
      << "C1 control sequence introducer";
  EXPECT_EQ(logfmt("\xC2\x85"), R"("\u0085")") << "next line";
  EXPECT_EQ(logfmt("\xE2\x80\xA8\xE2\x80\xA9"), R"("\u2028\u2029")") << "line and paragraph separator";
  EXPECT_EQ(logfmt("\xE2\x80\xAE"), R"("\u202e")") << "right-to-left override";
  EXPECT_EQ(logfmt("\xE2\x81\xA6"), R"("\u2066")") << "left-to-right isolate";
  EXPECT_EQ(logfmt("\xEF\xBB\xBF"), R"("\ufeff")") << "byte order mark";
}

TEST(Line, ReplacesBytesThatAreNotUtf8) {
  constexpr const char* kBad = "\xEF\xBF\xBD";
  const std::string one = "\"" + std::string(kBad) + "\"";
  EXPECT_EQ(logfmt("\xff"), one);
  EXPECT_EQ(logfmt("\x80"), one);
  EXPECT_EQ(logfmt("\xC3"), one) << "cut short";
  EXPECT_EQ(logfmt("\xC0\x8A"), "\"" + std::string(kBad) + kBad + "\"") << "overlong newline";
  EXPECT_EQ(logfmt("\xE0\x80\x8A"), "\"" + std::string(kBad) + kBad + kBad + "\"") << "overlong newline";
  EXPECT_EQ(logfmt("\xED\xA0\x80"), "\"" + std::string(kBad) + kBad + kBad + "\"") << "surrogate";
  EXPECT_EQ(logfmt("\xC3\""), "\"" + std::string(kBad) + "\\\"\"") << "a quote is never swallowed";
}

TEST(Line, StaysOneValidLineForAnyByte) {
  for (int first = 0; first < 256; ++first) {
    for (const int second :
         {0x00, 0x0a, 0x22, 0x41, 0x5c, 0x7f, 0x80, 0x85, 0x9b, 0xa8, 0xbf, 0xc3, 0xe2, 0xf0, 0xff}) {
      const std::string value{static_cast<char>(first), static_cast<char>(second), '"', '\n'};
      for (const Format format : {Format::Logfmt, Format::Json}) {
        const std::string text = line(format, {{"f", value}});
        ASSERT_EQ(text.find_first_of("\n\r\x1b"), std::string::npos) << first << " " << second;
        ASSERT_EQ(find_invalid_utf8(text), std::nullopt) << first << " " << second;
      }
      const auto json = nlohmann::json::parse(line(Format::Json, {{"f", value}}), nullptr, false);
      ASSERT_TRUE(json.is_object()) << first << " " << second;
      if (first < 0x80 && second < 0x80) {
        ASSERT_EQ(json.at("f").get<std::string>(), value);
      }
    }
  }
}

TEST(Line, CutsLongValuesBetweenCharacters) {
  const std::string long_value(kValueBytesMax + 100, 'x');
  EXPECT_EQ(logfmt(long_value), "\"" + std::string(kValueBytesMax, 'x') + "…(+100 bytes)\"");
  const std::string exact(kValueBytesMax, 'x');
  EXPECT_EQ(logfmt(exact), exact);
  const std::string split = std::string(kValueBytesMax - 1, 'x') + "🦀";
  EXPECT_THAT(logfmt(split), EndsWith("x…(+4 bytes)\""));
  const std::string bytes(kValueBytesMax + 10, '\x80');
  EXPECT_THAT(logfmt(bytes), HasSubstr("(+13 bytes)"));
}

TEST(Line, KeepsNamesPlain) {
  EXPECT_EQ(line(Format::Logfmt, {{"a b=\"\n", "x"}}, "bad name\n"),
            "time=2026-11-22T16:20:01.123Z level=info event=bad_name_ a_b___=x");
  EXPECT_THAT(line(Format::Json, {{"a\"b", "x"}}), Not(HasSubstr("a\"b")));
}

}  // namespace
}  // namespace clawbridge::observe
