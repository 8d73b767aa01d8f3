#include "bridge/cli/doctor_peers.h"

#include <algorithm>
#include <array>
#include <map>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"
#include "bridge/crypto/system_cryptography.h"
#include "topics/message.h"

namespace clawbridge::cli {
namespace {

using doctor::Shown;
using std::chrono::milliseconds;

core::Options options_of(const config::Settings& settings, const std::optional<core::Keys>& keys) {
  core::Options options;
  options.gateway = settings.gateway.name;
  options.base = settings.broker.base;
  if (keys) options.keys = *keys;
  if (!settings.trust.join.empty()) options.join_secret = settings.trust.join.reveal();
  options.peers = settings.peers;
  return options;
}

/// Whoever only judges states reads no exchanges.
class NoExchanges final : public core::JournalReader {
 public:
  std::optional<core::IncomingRecord> incoming(std::string_view, std::string_view) override { return std::nullopt; }
  std::optional<core::OutgoingRecord> outgoing(std::string_view) override { return std::nullopt; }
  std::uint64_t incoming_bytes(std::string_view) override { return 0; }
  std::vector<core::OutgoingRecord> list_outgoing(std::size_t) override { return {}; }
  std::vector<core::IncomingRecord> list_incoming(std::size_t) override { return {}; }
  std::vector<core::OutgoingRecord> dead_outgoing(std::size_t) override { return {}; }
  std::vector<core::IncomingRecord> dead_incoming(std::size_t) override { return {}; }
  std::vector<core::ReplayMark> replay_marks() override { return {}; }
  std::optional<core::IncomingRecord> find_incoming(std::string_view) override { return std::nullopt; }
};

std::optional<Message> decoded(const doctor::StateMessage& state, const Topics& topics) {
  MessageDecoder decoder;
  auto result = decoder.decode(state.payload, topic::State{state.gateway}, topics);
  auto* message = std::get_if<Message>(&result);
  return message != nullptr && message->get<body::State>() != nullptr ? std::optional(std::move(*message))
                                                                      : std::nullopt;
}

}  // namespace

struct Acquaintance::Core {
  Core(const config::Settings& settings, const std::optional<core::Keys>& keys, core::Snapshot snapshot, WallTime now)
      : has_keys(keys.has_value()),
        context(options_of(settings, keys), journal, crypto, random, snapshot.incarnation),
        peers(context) {
    context.now.wall = now;
    peers.restore(std::move(snapshot.peers));
  }

  bool has_keys;
  crypto::SystemCryptography crypto;
  crypto::SystemRandom random;
  NoExchanges journal;
  core::Context context;
  core::Peers peers;
};

Acquaintance::Acquaintance(const config::Settings& settings, const std::optional<core::Keys>& keys,
                           core::Snapshot snapshot, WallTime now)
    : core_(std::make_unique<Core>(settings, keys, std::move(snapshot), now)) {}
Acquaintance::~Acquaintance() = default;

std::string Acquaintance::hello() {
  if (!core_->has_keys) return {};
  auto& context = core_->context;
  auto event =
      encode_hello({context.new_id(), Address::bridge_of(context.me()), {}, context.now.wall, {}, context.key_id});
  context.sign(event);
  return event;
}

std::string Acquaintance::nonce() {
  std::array<std::uint8_t, 16> bytes{};
  core_->random.fill(bytes);
  return hex_encode(bytes);
}

doctor::NameSeen Acquaintance::own_name(const std::vector<doctor::StateMessage>& states,
                                        const std::string& incarnation) const {
  const auto& context = core_->context;
  doctor::NameSeen seen;
  if (!states.empty()) seen.own_state = Shown::No;
  for (const auto& one : states) {
    if (one.gateway != context.me() || one.payload.empty()) continue;
    const auto message = decoded(one, context.topics);
    if (!message) continue;
    const auto& state = *message->get<body::State>();
    seen.own_state = Shown::Yes;
    seen.presence = to_string(state.presence);
    seen.other_keys = !core_->has_keys || message->key_id != context.key_id || !message->signature ||
                      !context.crypto.verify(state.sign_key, kSignaturePrefix, message->covered, *message->signature);
    seen.other_journal = !seen.other_keys && !incarnation.empty() && state.incarnation != incarnation;
  }
  return seen;
}

void Acquaintance::add_to(std::optional<std::vector<doctor::PeerSeen>>& peers,
                          const std::vector<doctor::StateMessage>& states) {
  auto& context = core_->context;
  const bool daemon_told = peers.has_value();
  if (!peers) peers.emplace();
  const auto of = [&](const std::string& gateway) -> doctor::PeerSeen& {
    const auto found = std::ranges::find(*peers, gateway, &doctor::PeerSeen::gateway);
    if (found != peers->end()) return *found;
    peers->emplace_back().gateway = gateway;
    return peers->back();
  };
  std::map<std::string, WallTime> made;
  for (const auto& one : states) {
    if (one.gateway == context.me() || one.payload.empty()) continue;
    const auto message = decoded(one, context.topics);
    if (!message) continue;
    made[one.gateway] = message->time;
    const auto refused = context.counters["state.key_changed"];
    (void)core_->peers.on_state(*message, one.payload);
    if (context.counters["state.key_changed"] == refused) continue;
    const auto& state = *message->get<body::State>();
    auto& peer = of(one.gateway);
    peer.presence = to_string(state.presence);
    peer.offered_fingerprint = hex_encode(core::fingerprint_of(context.crypto, state.sign_key, state.box_key));
  }
  for (const auto& [gateway, known] : core_->peers.all()) {
    if (daemon_told || gateway == context.me()) continue;
    const auto view = core_->peers.view(known);
    auto& peer = of(gateway);
    peer.trust = view.trust;
    peer.presence = view.presence;
    peer.fingerprint = view.fingerprint;
    peer.version = view.version;
    peer.since = view.since;
    if (!view.offered_fingerprint.empty()) peer.offered_fingerprint = view.offered_fingerprint;
  }
  for (auto& peer : *peers) {
    const auto time = made.find(peer.gateway);
    if (!peer.ahead && time != made.end() && time->second > context.now.wall)
      peer.ahead = time->second - context.now.wall;
  }
}

}  // namespace clawbridge::cli
