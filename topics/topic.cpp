#include "topics/topic.h"

#include <algorithm>

namespace clawbridge {
namespace {

std::string join(std::string_view base, std::string_view a, std::string_view b, std::string_view c = {}) {
  std::string out;
  out.reserve(base.size() + a.size() + b.size() + c.size() + 3);
  out.append(base).append("/").append(a).append("/").append(b);
  if (!c.empty()) out.append("/").append(c);
  return out;
}

bool is_base_level(std::string_view level) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  return !level.empty() && std::all_of(level.begin(), level.end(), allowed);
}

}  // namespace

bool is_topic_base(std::string_view text) {
  constexpr std::ptrdiff_t kSlashesMax = 7 - 3;  // the longest topic adds three
  if (text.size() > 200 || std::count(text.begin(), text.end(), '/') > kSlashesMax) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const auto slash = std::min(text.find('/', at), text.size());
    if (!is_base_level(text.substr(at, slash - at))) return false;
    at = slash + 1;
  }
  return true;
}

std::string Topics::inbox(const Address& to) const { return join(base_, to.gateway, to.agent, "inbox"); }
std::string Topics::reply(const Address& to) const { return join(base_, to.gateway, to.agent, "reply"); }
std::string Topics::state(std::string_view gateway) const { return join(base_, gateway, "state"); }
std::string Topics::hello() const { return join(base_, "_all", "hello"); }
std::string Topics::gateway_filter(std::string_view gateway) const { return join(base_, gateway, "#"); }
std::string Topics::inbox_filter(std::string_view gateway) const { return join(base_, gateway, "+", "inbox"); }
std::string Topics::reply_filter(std::string_view gateway) const { return join(base_, gateway, "+", "reply"); }
std::string Topics::state_filter() const { return join(base_, "+", "state"); }

std::optional<Topic> Topics::parse(std::string_view text) const {
  if (!text.starts_with(base_) || text.size() <= base_.size() || text[base_.size()] != '/') return std::nullopt;
  auto rest = text.substr(base_.size() + 1);
  if (rest == "_all/hello") return topic::Hello{};
  const auto slash = rest.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto last = rest.substr(slash + 1);
  rest = rest.substr(0, slash);
  if (last == "state") {
    if (!is_gateway_name(rest)) return std::nullopt;
    return topic::State{std::string(rest)};
  }
  auto address = Address::parse(rest);
  if (!address) return std::nullopt;
  if (last == "inbox") return topic::Inbox{std::move(*address)};
  if (last == "reply") return topic::Reply{std::move(*address)};
  return std::nullopt;
}

}  // namespace clawbridge
