#include "bridge/core/acknowledgements.h"

#include <algorithm>
#include <set>
#include <utility>

#include "topics/limits.h"

namespace clawbridge::core {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDelay{500};  // the contract allows 1 s
constexpr std::size_t kSaidMax = 1'024;  // more than one connection's end can lose
// A broker that dies ends our connection and the peer's, and what we say between the two returns reaches nobody: so twice more.
constexpr int kTimesMax = 3;
constexpr std::size_t kOfEarlierLife = kAckIdsMax;

}  // namespace

void Acknowledgements::start() {
  for (const auto& record : context_.journal.list_outgoing(kOfEarlierLife)) {
    const bool answered = !record.status.empty() && record.status != "unknown" && !record.incarnation.empty();
    if (answered) owe(record.target.gateway, record.id);
  }
}

void Acknowledgements::owe(const std::string& gateway, const std::string& id) {
  auto& due = due_[gateway];
  // A reply that comes twice before its acknowledgement leaves is one.
  due.try_emplace(id, 0);
  if (due.size() >= kAckIdsMax) {
    say(gateway);
  } else {
    timers_.schedule_by(gateway, context_.now.instant + kDelay);
  }
}

void Acknowledgements::say_again(const std::string& gateway) {
  const auto first = std::stable_partition(said_.begin(), said_.end(), [&](const Said& said) { return said.gateway != gateway; });
  for (auto said = first; said != said_.end(); ++said) due_[gateway].try_emplace(std::move(said->id), said->times);
  said_.erase(first, said_.end());
  if (due_.contains(gateway)) timers_.schedule_by(gateway, context_.now.instant + context_.jitter(kSpread));
}

void Acknowledgements::on_link(bool up) {
  link_up_ = up;
  if (!up) return;
  std::set<std::string> gateways;
  for (const auto& [gateway, due] : due_) gateways.insert(gateway);
  for (const auto& said : said_) gateways.insert(said.gateway);
  for (const auto& gateway : gateways) say_again(gateway);
}

void Acknowledgements::on_time() {
  while (const auto gateway = timers_.pop_due(context_.now.instant)) say(*gateway);
}

// All that is due. What cannot leave now waits for the link, or for the peer.
void Acknowledgements::say(const std::string& gateway) {
  const auto found = due_.find(gateway);
  const auto* peer = peers_.find_pinned(gateway);
  if (found == due_.end() || peer == nullptr || !peer->can_be_told()) return;
  const bool own = gateway == context_.me();
  if (!link_up_ && !own) return;
  auto due = std::move(found->second);
  due_.erase(found);
  const auto to = Address::bridge_of(gateway);
  while (!due.empty()) {
    body::Ack ack;
    while (!due.empty() && ack.ids.size() < kAckIdsMax) {
      auto next = due.extract(due.begin());
      ack.ids.push_back(next.key());
      if (!own && next.mapped() + 1 < kTimesMax) said_.push_back({gateway, std::move(next.key()), next.mapped() + 1});
    }
    auto event = encode_ack({context_.new_id(), Address::bridge_of(context_.me()), to, context_.now.wall, {}, context_.key_id}, ack);
    context_.authenticate(event, peer->channel().mac_out);
    context_.publish({.topic = context_.topics.inbox(to), .payload = std::move(event), .correlation_id = {}, .response_topic = {}, .expires_in = {}}, gateway);
  }
  while (said_.size() > kSaidMax) said_.pop_front();
}

}  // namespace clawbridge::core
