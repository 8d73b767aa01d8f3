#include "topics/address.h"

#include <algorithm>

namespace clawbridge {
namespace {

bool is_name(std::string_view text, std::size_t length_max) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= length_max && alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return alphanumeric(c) || c == '_' || c == '-'; });
}

}  // namespace

bool is_gateway_name(std::string_view text) { return is_name(text, 63); }

bool is_agent_id(std::string_view text) { return is_name(text, 64); }

std::optional<Address> Address::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto gateway = text.substr(0, slash);
  const auto agent = text.substr(slash + 1);
  if (!is_gateway_name(gateway) || (agent != kBridgeAgent && !is_agent_id(agent))) return std::nullopt;
  return Address{std::string(gateway), std::string(agent)};
}

}  // namespace clawbridge
