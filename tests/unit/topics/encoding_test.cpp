#include "topics/encoding.h"

#include <gtest/gtest.h>

#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "topics/time.h"
#include "topics/ulid.h"

namespace clawbridge {
namespace {

TEST(Base64Url, TakesTheCanonicalFormOnly) {
  EXPECT_EQ(base64url_encode(as_bytes("\xff\xfe!")), "__4h");
  EXPECT_EQ(base64url_decode("__4h"), "\xff\xfe!");
  EXPECT_EQ(base64url_decode("YQ"), "a");
  EXPECT_FALSE(base64url_decode("YR"));    // unused bits set
  EXPECT_FALSE(base64url_decode("YQ=="));  // padding
  EXPECT_FALSE(base64url_decode("Y"));
  EXPECT_FALSE(base64url_decode("Y+"));
  EXPECT_EQ(base64_decode("YQ=="), "a");
  EXPECT_FALSE(base64_decode("YQ"));
  EXPECT_FALSE(base64_decode("YQ="));
}

// RFC 4648, section 10.
TEST(Base64, HasTheTextsOfItsStandard) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64_encode(as_bytes(bytes)), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
}

TEST(Base64, RefusesAForeignByteAtEveryPlace) {
  const std::string text = "Zm9vYmFyZm9vYm";  // two digits behind the whole groups
  for (std::size_t place = 0; place < text.size(); ++place) {
    for (int value = 0; value < 256; ++value) {
      auto altered = text;
      altered[place] = static_cast<char>(value);
      const auto bytes = base64url_decode(altered);
      if (bytes) {
        EXPECT_EQ(base64url_encode(as_bytes(*bytes)), altered) << value << " at " << place;
      }
      const bool is_digit = std::isalnum(value) != 0 || value == '-' || value == '_';
      if (!is_digit) {
        EXPECT_FALSE(bytes) << value << " at " << place;
      }
    }
  }
}

TEST(Hex, TakesLowerCaseOnly) {
  EXPECT_EQ(hex_encode(as_bytes("\x01\xff")), "01ff");
  EXPECT_EQ(hex_decode("01ff"), std::string("\x01\xff"));
  EXPECT_FALSE(hex_decode("01FF"));
  EXPECT_TRUE(is_hex("00ff", 4));
  EXPECT_FALSE(is_hex("00ff", 5));
}

TEST(Utf8, NamesTheFirstBadByte) {
  EXPECT_FALSE(find_invalid_utf8("plain, ü, 🦀"));
  EXPECT_EQ(find_invalid_utf8("ab\xff"), 2u);
  EXPECT_EQ(find_invalid_utf8("\xc0\x80"), 0u);          // overlong
  EXPECT_EQ(find_invalid_utf8("x\xed\xa0\x80"), 1u);     // a surrogate
  EXPECT_EQ(find_invalid_utf8("\xf4\x90\x80\x80"), 0u);  // beyond U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xe2\x82"), 0u);          // cut off
}

TEST(JsonString, SurvivesAParserByteForByte) {
  std::string text("quote \" backslash \\ newline \n nul ");
  text.push_back('\0');
  text += " bell \x07 delete \x7f line separator \u2028 crab 🦀";
  std::string json;
  append_json_string(json, text);
  EXPECT_EQ(nlohmann::json::parse(json).get<std::string>(), text);
}

TEST(JsonString, EscapesEveryByteAtEveryPlaceInAWord) {
  for (int value = 0; value < 128; ++value) {
    for (std::size_t place = 0; place < 17; ++place) {
      std::string text(17, 'x');
      text[place] = static_cast<char>(value);
      std::string json;
      append_json_string(json, text);
      ASSERT_EQ(nlohmann::json::parse(json).get<std::string>(), text) << value << " at " << place;
    }
  }
  std::string json;
  append_json_string(json, "üüüüüüüüüü\x7f€€€€🦀🦀🦀");
  EXPECT_EQ(json, "\"üüüüüüüüüü\x7f€€€€🦀🦀🦀\"");
}

TEST(Time, IsWrittenAndReadInOneFormOnly) {
  const auto time = parse_time("2026-11-22T16:20:01.123Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_time(*time), "2026-11-22T16:20:01.123Z");
  for (const auto* text : {"2026-11-22T16:20:01Z", "2026-11-22T16:20:01.123+00:00", "2026-02-30T16:20:01.123Z",
                           "2026-11-22T24:20:01.123Z", "2026-11-22 16:20:01.123Z", ""}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
  EXPECT_EQ(format_time(WallTime::max()), "9999-12-31T23:59:59.999Z");
}

TEST(Ulid, RisesWhenTheClockStandsStillOrGoesBack) {
  UlidSequence sequence;
  const std::array<std::uint8_t, 10> entropy{255, 255, 255, 255, 255, 255, 255, 255, 255, 254};
  const WallTime now{std::chrono::milliseconds{1'795'364'401'123}};
  auto last = sequence.next(now, entropy);
  EXPECT_TRUE(is_ulid(last));
  EXPECT_EQ(ulid_time(last), now);
  for (int i = 0; i < 1000; ++i) {
    auto id = sequence.next(now - std::chrono::milliseconds{i}, entropy);
    EXPECT_LT(last, id);
    last = std::move(id);
  }
  UlidSequence restarted;
  restarted.start_after(last);
  EXPECT_LT(last, restarted.next(now - std::chrono::hours{1}, entropy));
}

TEST(Ulid, OfARestartedProcessIsNotTheOneThatTheProcessBeforeItGave) {
  const std::string last = "01M820XBZAC4PEAQ5JRFVJ00CF";
  const WallTime back{std::chrono::milliseconds{0}};
  UlidSequence first;
  first.start_after(last);
  UlidSequence second;
  second.start_after(last);
  EXPECT_NE(first.next(back, std::array<std::uint8_t, 10>{0, 0, 0, 0, 0, 0, 1, 2, 3, 4}),
            second.next(back, std::array<std::uint8_t, 10>{0, 0, 0, 0, 0, 0, 4, 3, 2, 1}));
}

TEST(Ulid, KnowsItsForm) {
  EXPECT_TRUE(is_ulid("01M820XBZAC4PEAQ5JRFVJ00CF"));
  EXPECT_FALSE(is_ulid("01m820xbzac4peaq5jrfvj00cf"));
  EXPECT_FALSE(is_ulid("81M820XBZAC4PEAQ5JRFVJ00CF"));  // more than 128 bits
  EXPECT_FALSE(is_ulid("01M820XBZAC4PEAQ5JRFVJ00C"));
  EXPECT_FALSE(is_ulid("01M820XBZAC4PEAQ5JRFVJ00CI"));
}

}  // namespace
}  // namespace clawbridge
