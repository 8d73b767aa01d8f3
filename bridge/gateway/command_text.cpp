#include "bridge/gateway/command_text.h"

#include <algorithm>
#include <array>

namespace clawbridge::gateway {

namespace {

// Every blank in UTF-8: White_Space of Unicode 15, then the three invisible ones.
constexpr std::array<std::string_view, 28> kBlanks = {
    "\x09",         "\x0a",         "\x0b",         "\x0c",         "\x0d",         "\x20",         "\xc2\x85",
    "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
    "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xe2\x80\x8b", "\xe2\x81\xa0", "\xef\xbb\xbf",
};

}  // namespace

bool looks_like_command(std::string_view text) {
  while (true) {
    const auto* blank = std::find_if(kBlanks.begin(), kBlanks.end(), [&](auto each) { return text.starts_with(each); });
    if (blank == kBlanks.end()) return text.starts_with('/');
    text.remove_prefix(blank->size());
  }
}

std::string guard_commands(std::string_view text) {
  if (!looks_like_command(text)) return std::string(text);
  return std::string(kCommandGuard).append(text);
}

}  // namespace clawbridge::gateway
