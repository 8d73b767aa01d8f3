#include "topics/ulid.h"

#include <algorithm>

namespace clawbridge {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// REQUIRES: c is a digit of the alphabet.
std::uint64_t digit_value(char c) { return static_cast<std::uint64_t>(kDigits.find(c)); }

std::uint64_t time_ms(std::string_view ulid) {
  std::uint64_t ms = 0;
  for (const char c : ulid.substr(0, 10)) ms = ms << 5 | digit_value(c);
  return ms;
}

// Adds 1 to 2^32 to an 80-bit big-endian number: by ones, a process that starts after the last id of its journal would give
// the ids again that the process before it gave to questions, which no journal holds. False when it overflows.
bool step(std::array<std::uint8_t, 10>& number, std::span<const std::uint8_t, 10> entropy) {
  std::uint32_t carry = 1;
  for (std::size_t i = number.size(); i-- > 0;) {
    carry += number[i];
    if (i >= number.size() - 4) carry += entropy[i];
    number[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return carry == 0;
}

}  // namespace

bool is_ulid(std::string_view text) {
  return text.size() == 26 && text.front() <= '7' &&
         std::all_of(text.begin(), text.end(), [](char c) { return kDigits.find(c) != std::string_view::npos; });
}

WallTime ulid_time(std::string_view text) {
  return WallTime{std::chrono::milliseconds{static_cast<std::int64_t>(time_ms(text))}};
}

void UlidSequence::start_after(std::string_view ulid) {
  if (!is_ulid(ulid)) return;
  last_ms_ = time_ms(ulid);
  last_random_.fill(0);
  // 16 digits of 5 bits are exactly 10 bytes.
  std::uint32_t bits = 0;
  int count = 0;
  std::size_t at = 0;
  for (const char c : ulid.substr(10)) {
    bits = bits << 5 | static_cast<std::uint32_t>(digit_value(c));
    count += 5;
    if (count >= 8) {
      count -= 8;
      last_random_[at++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  any_ = true;
}

std::string UlidSequence::next(WallTime now, std::span<const std::uint8_t, 10> entropy) {
  const auto now_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_since_epoch().count()));
  if (!any_ || now_ms > last_ms_) {
    last_ms_ = now_ms;
    std::copy(entropy.begin(), entropy.end(), last_random_.begin());
    last_random_[0] &= 0x7f;  // room to count up within one millisecond
  } else if (!step(last_random_, entropy)) {
    ++last_ms_;
  }
  any_ = true;
  std::string out(26, '0');
  for (std::size_t i = 0; i < 10; ++i) out[i] = kDigits[(last_ms_ >> (45 - 5 * i)) & 31];
  std::uint32_t bits = 0;
  int count = 0;
  std::size_t at = 10;
  for (const auto byte : last_random_) {
    bits = bits << 8 | byte;
    count += 8;
    while (count >= 5) {
      count -= 5;
      out[at++] = kDigits[(bits >> count) & 31];
    }
  }
  return out;
}

}  // namespace clawbridge
