#include "bridge/core/peers.h"

#include <algorithm>

namespace clawbridge::core {
namespace {

using action::Level;

// The MAC key of one direction: wire contract, "Security".
std::optional<Bytes32> mac_key(const Context& context, const Bytes32& shared, std::string_view source, std::string_view target,
                               const Bytes32& source_fingerprint, const Bytes32& target_fingerprint) {
  std::string label = "clawbridge.v1.mac|";
  label.append(source).append("|").append(target).append("|");
  label += as_text(source_fingerprint);
  label += as_text(target_fingerprint);
  return context.crypto.hmac_sha256(as_text(shared), label);
}

}  // namespace

Peer Peers::make_peer(PeerRecord record) const {
  Peer peer;
  const auto fingerprint = fingerprint_of(context_.crypto, record.sign_key, record.box_key);
  peer.fingerprint = hex_encode(fingerprint);
  peer.key_id = peer.fingerprint.substr(0, 16);
  if (const auto shared = context_.crypto.x25519(context_.options.keys.box.secret, record.box_key)) {
    peer.mac_key_out = mac_key(context_, *shared, context_.me(), record.gateway, context_.fingerprint, fingerprint);
    peer.mac_key_in = mac_key(context_, *shared, record.gateway, context_.me(), fingerprint, context_.fingerprint);
  }
  peer.record = std::move(record);
  return peer;
}

void Peers::restore(std::vector<PeerRecord> records) {
  MessageDecoder decoder;
  for (auto& record : records) {
    auto peer = make_peer(std::move(record));
    // What the configuration says now counts, not what it said when the peer was stored.
    const auto pinned = context_.options.peers.find(peer.record.gateway);
    if (pinned != context_.options.peers.end()) {
      if (pinned->second != peer.fingerprint) continue;
      peer.record.trust = PeerTrust::Configured;
    } else if (peer.record.trust == PeerTrust::Configured) {
      peer.record.trust = PeerTrust::Pending;
    }
    const auto decoded = decoder.decode(peer.record.state, topic::State{peer.record.gateway}, context_.topics);
    if (const auto* message = std::get_if<Message>(&decoded)) {
      if (const auto* state = message->get<body::State>()) {
        peer.state = *state;
        peer.known_state = true;
      }
    }
    peers_.insert_or_assign(peer.record.gateway, std::move(peer));
  }
  PeerRecord self;
  self.gateway = context_.me();
  self.trust = PeerTrust::Configured;
  self.sign_key = context_.options.keys.sign.public_key;
  self.box_key = context_.options.keys.box.public_key;
  self.incarnation = context_.incarnation;
  peers_.insert_or_assign(context_.me(), make_peer(std::move(self)));
}

const Peer* Peers::find(std::string_view gateway) const {
  const auto found = peers_.find(gateway);
  return found == peers_.end() ? nullptr : &found->second;
}

const Peer* Peers::find_pinned(std::string_view gateway) const {
  const auto* peer = find(gateway);
  return peer != nullptr && peer->pinned() ? peer : nullptr;
}

bool Peers::configured(std::string_view gateway) const {
  const auto& remotes = context_.options.remote_agents;
  return context_.options.peers.contains(std::string(gateway)) ||
         std::any_of(remotes.begin(), remotes.end(), [&](const auto& entry) { return entry.second.gateway == gateway; });
}

std::optional<PeerTrust> Peers::trust_of(std::string_view gateway, std::string_view fingerprint, const body::State& state) const {
  const auto pinned = context_.options.peers.find(std::string(gateway));
  if (pinned != context_.options.peers.end()) {
    if (pinned->second == fingerprint) return PeerTrust::Configured;
    return std::nullopt;
  }
  if (state.join && context_.options.join_secret) {
    std::string label = "clawbridge.v1.join|";
    label.append(gateway).append("|").append(*hex_decode(fingerprint));
    if (context_.crypto.equal(context_.crypto.hmac_sha256(*context_.options.join_secret, label), *state.join)) {
      return PeerTrust::Joined;
    }
  }
  return PeerTrust::Pending;
}

bool Peers::room_for(std::string_view gateway, PeerTrust trust) {
  if (find(gateway) != nullptr || trust == PeerTrust::Configured) return true;
  const bool pinned = trust != PeerTrust::Pending;
  const auto same = std::count_if(peers_.begin(), peers_.end(), [&](const auto& entry) { return entry.second.pinned() == pinned; });
  const auto most = pinned ? context_.options.limits.peers_pinned : context_.options.limits.peers_pending;
  if (static_cast<std::size_t>(same) < most) return true;
  context_.count("state.too_many_peers");
  context_.note(Level::Warn, "peer.too_many", {{"peer", std::string(gateway)}, {"limit", std::to_string(most)}});
  return false;
}

void Peers::refuse_key(std::string_view gateway, std::string_view fingerprint) {
  context_.count("state.key_changed");
  context_.note(Level::Error, "peer.key_changed",
                {{"peer", std::string(gateway)},
                 {"fingerprint", std::string(fingerprint)},
                 {"remedy", "if its keys were renewed on purpose, remove the peer here and trust the new ones"}});
}

std::optional<PeerChange> Peers::on_state(const Message& message, std::string_view payload) {
  const auto* state = message.get<body::State>();
  const auto& gateway = message.source.gateway;
  if (state == nullptr) {
    context_.count("state.malformed");
    return std::nullopt;
  }
  const auto fingerprint = hex_encode(fingerprint_of(context_.crypto, state->sign_key, state->box_key));
  if (!message.key_id.starts_with(std::string_view(fingerprint).substr(0, 16)) ||
      !context_.crypto.verify(state->sign_key, kSignaturePrefix, message.covered, *message.signature)) {
    context_.count("state.unauthentic");
    return std::nullopt;
  }
  const auto* known = find(gateway);
  if (known != nullptr && known->pinned() && known->fingerprint != fingerprint) {
    refuse_key(gateway, fingerprint);
    return std::nullopt;
  }
  const auto trust = trust_of(gateway, fingerprint, *state);
  if (!trust) {
    refuse_key(gateway, fingerprint);
    return std::nullopt;
  }
  if (!room_for(gateway, *trust)) return std::nullopt;

  const bool same_keys = known != nullptr && known->fingerprint == fingerprint;
  PeerChange change{.gateway = gateway};
  if (same_keys && known->known_state) {
    const auto& kept = known->record;
    const bool rises = std::pair(state->epoch, state->revision) > std::pair(kept.epoch, kept.revision);
    if (state->incarnation != kept.incarnation && state->epoch <= kept.epoch) {
      const auto believed = believed_.find(gateway);
      if (believed == believed_.end() || believed->second != state->incarnation) {
        change.ping = known->pinned();
        if (change.ping) doubted_.insert_or_assign(gateway, std::string(payload));
        return change.ping ? std::optional(change) : std::nullopt;
      }
    } else if (!rises) {
      return payload == kept.state ? std::optional(change) : std::nullopt;
    }
    change.new_epoch = state->epoch != kept.epoch;
    change.new_incarnation = state->incarnation != kept.incarnation;
    change.came_back = !known->reachable() && state->presence != body::Presence::Offline;
  } else {
    change.new_epoch = true;
    change.came_back = state->presence != body::Presence::Offline;
  }

  auto record = same_keys ? known->record : PeerRecord{};
  record.gateway = gateway;
  const bool was_pinned = same_keys && known->pinned();
  // A person's or an earlier join's decision stands; a pending peer may be pinned by its proof.
  if (!was_pinned) record.trust = *trust;
  change.newly_pinned = !was_pinned && record.trust != PeerTrust::Pending;
  record.sign_key = state->sign_key;
  record.box_key = state->box_key;
  record.incarnation = state->incarnation;
  record.epoch = state->epoch;
  record.revision = state->revision;
  record.state.assign(payload);
  record.seen = context_.now.wall;
  auto peer = same_keys ? *known : make_peer(record);
  peer.record = std::move(record);
  peer.state = *state;
  peer.known_state = true;
  context_.store(store::PutPeer{peer.record});
  const bool first = known == nullptr || change.newly_pinned;
  context_.note(first ? Level::Info : Level::Debug, peer.pinned() ? "peer.state" : "peer.pending",
                {{"peer", gateway},
                 {"state", std::string(to_string(state->presence))},
                 {"trust", std::string(to_string(peer.record.trust))},
                 {"fingerprint", fingerprint}});
  believed_.erase(gateway);
  peers_.insert_or_assign(gateway, std::move(peer));
  return change;
}

std::optional<std::string> Peers::believe_incarnation(std::string_view gateway, std::string_view incarnation) {
  const auto doubted = doubted_.find(gateway);
  if (doubted == doubted_.end()) return std::nullopt;
  believed_.insert_or_assign(std::string(gateway), std::string(incarnation));
  auto payload = std::move(doubted->second);
  doubted_.erase(doubted);
  return payload;
}

std::optional<ErrorCode> Peers::check(const Message& message) const {
  const auto* peer = find(message.source.gateway);
  if (peer == nullptr) return ErrorCode::UnknownPeer;
  if (message.key_id != peer->key_id) return ErrorCode::KeyChanged;
  if (message.signature) {
    const bool good = context_.crypto.verify(peer->record.sign_key, kSignaturePrefix, message.covered, *message.signature);
    return good ? std::nullopt : std::optional(ErrorCode::Unauthentic);
  }
  if (!peer->mac_key_in || !message.mac) return ErrorCode::Unauthentic;
  const auto mac = context_.crypto.hmac_sha256(as_text(*peer->mac_key_in), message.covered);
  return context_.crypto.equal(mac, *message.mac) ? std::nullopt : std::optional(ErrorCode::Unauthentic);
}

Result<PeerView> Peers::trust(std::string_view gateway, std::string_view fingerprint) {
  const auto found = peers_.find(gateway);
  if (found == peers_.end() || gateway == context_.me()) {
    return Error{ErrorCode::UnknownPeer, "no gateway \"" + std::string(gateway) + "\" has been seen; `clawbridge peers list` shows those that have", false};
  }
  auto& peer = found->second;
  if (fingerprint.size() < 16 || !peer.fingerprint.starts_with(fingerprint)) {
    return Error{ErrorCode::KeyChanged,
                 "the fingerprint given is not " + std::string(gateway) + "'s; give at least its first 16 digits as `clawbridge key show` prints them on " +
                     std::string(gateway),
                 false};
  }
  if (!peer.pinned()) {
    peer.record.trust = PeerTrust::Trusted;
    context_.store(store::PutPeer{peer.record});
    context_.note(Level::Info, "peer.trusted", {{"peer", peer.record.gateway}, {"fingerprint", peer.fingerprint}});
  }
  return view(peer);
}

std::size_t Peers::pending() const {
  return static_cast<std::size_t>(std::count_if(peers_.begin(), peers_.end(), [](const auto& entry) { return !entry.second.pinned(); }));
}

PeerView Peers::view(const Peer& peer) const {
  PeerView view;
  view.gateway = peer.record.gateway;
  view.trust = to_string(peer.record.trust);
  view.presence = peer.known_state ? std::string(to_string(peer.state.presence)) : "unseen";
  view.since = peer.state.since;
  view.version = peer.state.version;
  view.fingerprint = peer.fingerprint;
  view.gateway_kind = peer.state.gateway_kind;
  view.gateway_version = peer.state.gateway_version;
  view.agents = peer.state.agents;
  view.seen = peer.record.seen;
  return view;
}

}  // namespace clawbridge::core
