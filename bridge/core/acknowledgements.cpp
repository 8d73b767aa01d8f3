#include "bridge/core/acknowledgements.h"

#include "topics/limits.h"

namespace clawbridge::core {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDelay{500};  // the contract allows 1 s
constexpr std::size_t kSaidMax = 512;  // for each gateway: more than the end of a connection can lose
// A broker that dies ends our connection and the peer's, and what we say between the two returns reaches nobody: so twice more.
constexpr int kTimesMax = 3;

}  // namespace

void Acknowledgements::start() {
  for (const auto& [gateway, id] : std::exchange(answered_, {})) owe(gateway, id);
}

void Acknowledgements::owe(const std::string& gateway, const std::string& id) {
  auto& due = gateways_[gateway].due;
  // A reply that comes twice before its acknowledgement leaves is one.
  due.try_emplace(id, 0);
  if (due.size() >= kAckIdsMax) {
    say(gateway);
  } else {
    timers_.schedule_by(gateway, context_.now.instant + kDelay);
  }
}

// Who is away will come back, and is told then.
void Acknowledgements::say_again(const std::string& gateway) {
  const auto found = gateways_.find(gateway);
  if (found == gateways_.end()) return;
  auto& [due, said] = found->second;
  const auto* peer = peers_.find_pinned(gateway);
  if (peer != nullptr && peer->reachable()) {
    due.merge(said);
    said.clear();
  }
  if (!due.empty()) timers_.schedule_by(gateway, context_.now.instant + context_.jitter(kSpread));
}

void Acknowledgements::on_link(bool up) {
  link_up_ = up;
  if (!up) return;
  for (const auto& [gateway, ids] : gateways_) say_again(gateway);
}

void Acknowledgements::on_time() {
  while (const auto gateway = timers_.pop_due(context_.now.instant)) say(*gateway);
}

// All that is due. What cannot leave now waits for the link, or for the peer.
void Acknowledgements::say(const std::string& gateway) {
  const auto* peer = peers_.find_pinned(gateway);
  const bool own = gateway == context_.me();
  if (peer == nullptr || !peer->can_be_told() || (!link_up_ && !own)) return;
  auto& [due, said] = gateways_[gateway];
  const auto to = Address::bridge_of(gateway);
  while (!due.empty()) {
    body::Ack ack;
    while (!due.empty() && ack.ids.size() < kAckIdsMax) {
      auto next = due.extract(due.begin());
      ack.ids.push_back(next.key());
      if (++next.mapped() < kTimesMax && !own) said.insert(std::move(next));
    }
    auto event = encode_ack({context_.new_id(), Address::bridge_of(context_.me()), to, context_.now.wall, {}, context_.key_id}, ack);
    context_.authenticate(event, peer->channel().mac_out);
    context_.publish({.topic = context_.topics.inbox(to), .payload = std::move(event), .correlation_id = {}, .response_topic = {}, .expires_in = {}}, gateway);
  }
  while (said.size() > kSaidMax) said.erase(said.begin());  // ids rise with time
}

}  // namespace clawbridge::core
