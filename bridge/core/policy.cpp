#include "bridge/core/policy.h"

#include <algorithm>
#include <cmath>

#include "bridge/core/router.h"

namespace clawbridge::core {
namespace {

constexpr std::size_t kBucketsMax = 20'000;

bool any_matches(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return matches_glob(glob, text); });
}

// `*` is every agent, but not the bridge itself: a rule for agents does not cut a peer off from what keeps exchanges
// going.
bool matches_target(const std::vector<std::string>& globs, std::string_view agent) {
  if (agent == kBridgeAgent) return std::find(globs.begin(), globs.end(), agent) != globs.end();
  return any_matches(globs, agent);
}

bool lists(const std::vector<Operation>& ops, Operation op) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

bool denied_by_default(Operation op) {
  return op == Operation::SessionsSpawn || op == Operation::SessionsHistory;
}

bool speaks_of(const PolicyRule& rule, std::string_view source, Operation op, std::string_view agent) {
  return (lists(rule.allow, op) || lists(rule.deny, op)) && any_matches(rule.from, source) &&
         matches_target(rule.to, agent);
}

}  // namespace

bool is_told(const std::vector<action::SessionRule>& rules, std::string_view agent, std::string_view session) {
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&](const auto& r) { return r.agent == agent && matches_glob(r.glob, session); });
  return rule == rules.end() || rule->told;
}

bool matches_glob(std::string_view glob, std::string_view text) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (in < text.size()) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      retry = in;
    } else if (at < glob.size() && glob[at] == text[in]) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++retry;
    } else {
      return false;
    }
  }
  while (at < glob.size() && glob[at] == '*') ++at;
  return at == glob.size();
}

Decision Policy::judge(const Address& source, Operation op, std::string_view agent,
                       const std::optional<std::string>& session) const {
  const auto from = source.str();
  for (const auto& rule : context_.options.policy) {
    if (!speaks_of(rule, from, op, agent)) continue;
    if (!rule.sessions.empty() && agent != kBridgeAgent) {
      if (!session) return {Decision::What::WhenSessionKnown, &rule};
      if (!any_matches(rule.sessions, *session)) continue;
    }
    return {lists(rule.allow, op) ? Decision::What::Allow : Decision::What::Deny, &rule};
  }
  return {denied_by_default(op) ? Decision::What::Deny : Decision::What::Allow, nullptr};
}

std::vector<action::SessionRule> Policy::session_rules(const Address& source, Operation op,
                                                       const std::string& agent) const {
  const auto from = source.str();
  std::vector<action::SessionRule> rules;
  for (const auto& rule : context_.options.policy) {
    if (!speaks_of(rule, from, op, agent)) continue;
    const bool allows = lists(rule.allow, op);
    for (const auto& glob : rule.sessions) rules.push_back({agent, glob, allows});
    if (!rule.sessions.empty()) continue;
    rules.push_back({agent, "*", allows});
    return rules;
  }
  rules.push_back({agent, "*", !denied_by_default(op)});
  return rules;
}

std::optional<std::chrono::milliseconds> Policy::wait_of(Bucket& bucket, std::uint64_t per_minute) const {
  const auto most = static_cast<double>(per_minute);
  const auto passed = std::chrono::duration<double>(context_.now.instant - bucket.at).count();
  bucket.left = std::min(most, bucket.left + passed * most / 60);
  bucket.at = context_.now.instant;
  if (bucket.left >= 1) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::ceil((1 - bucket.left) * 60'000 / most))};
}

// A bucket that nobody has used for a minute is full again, and no different from one that is not there.
Policy::Bucket& Policy::bucket_of(std::string key, std::uint64_t per_minute) {
  if (buckets_.size() >= kBucketsMax && !buckets_.contains(key)) {
    std::erase_if(buckets_,
                  [&](const auto& entry) { return context_.now.instant - entry.second.at >= std::chrono::minutes{1}; });
    if (buckets_.size() >= kBucketsMax) key = "others";
  }
  return buckets_.try_emplace(std::move(key), Bucket{static_cast<double>(per_minute), context_.now.instant})
      .first->second;
}

std::optional<std::chrono::milliseconds> Policy::spend(const Address& source, const Address* target,
                                                       const PolicyRule* rule) {
  if (source.gateway == context_.me()) return std::nullopt;
  const auto& limits = context_.options.limits;
  const auto of_peer = limits.per_minute_per_peer;
  const auto of_pair = target == nullptr                          ? 0
                       : rule != nullptr && rule->per_minute != 0 ? rule->per_minute
                                                                  : limits.per_minute_per_pair;
  Bucket* peer = of_peer == 0 ? nullptr : &bucket_of(source.gateway, of_peer);
  if (peer != nullptr) {
    if (const auto wait = wait_of(*peer, of_peer)) return wait;
  }
  if (of_pair != 0) {
    auto& pair = bucket_of(
        source.str() + ">" + target->agent + (rule != nullptr && rule->per_minute != 0 ? "@" + rule->place : ""),
        of_pair);
    if (const auto wait = wait_of(pair, of_pair)) return wait;
    pair.left -= 1;
  }
  if (peer != nullptr) peer->left -= 1;
  return std::nullopt;
}

}  // namespace clawbridge::core
