#include "bridge/core/peers.h"

#include <algorithm>

namespace clawbridge::core {
namespace {

using action::Level;

constexpr std::size_t kRevokedMax = 64;
constexpr std::chrono::seconds kDoubtPause{5};  // each costs a ping

// A key of one direction: wire contract, "Security". `purpose`: mac or seal.
Bytes32 direction_key(const Context& context, std::string_view purpose, const Bytes32& shared, std::string_view source,
                      std::string_view target, const Bytes32& source_fingerprint, const Bytes32& target_fingerprint) {
  std::string label = "clawbridge.v1.";
  label.append(purpose).append("|").append(source).append("|").append(target).append("|");
  label += as_text(source_fingerprint);
  label += as_text(target_fingerprint);
  return context.crypto.hmac_sha256(as_text(shared), label);
}

// What a state says, as the record keeps it.
void keep_state(PeerRecord& record, const body::State& state, std::string_view payload, WallTime seen) {
  record.sign_key = state.sign_key;
  record.box_key = state.box_key;
  record.incarnation = state.incarnation;
  record.epoch = state.epoch;
  record.revision = state.revision;
  record.state.assign(payload);
  record.seen = seen;
}

// Of the keys before the latest rotation; empty when there was none.
std::string previous_fingerprint(const Context& context, const PeerRecord& record) {
  if (record.previous_until == WallTime{}) return {};
  return hex_encode(fingerprint_of(context.crypto, record.previous_sign_key, record.previous_box_key));
}

std::string shown_prefix(std::string_view fingerprint) { return std::string(fingerprint.substr(0, kTrustDigits)); }

}  // namespace

void Peers::add_channel(Peer& peer, const Keys& own, const Bytes32& own_fingerprint, const Bytes32& sign_key, const Bytes32& box_key,
                        WallTime until) const {
  const auto shared = context_.crypto.x25519(own.box.secret, box_key);
  if (!shared) return;
  const auto& me = context_.me();
  const auto& them = peer.record.gateway;
  const auto fingerprint = fingerprint_of(context_.crypto, sign_key, box_key);
  peer.channels.push_back({.key_id = hex_encode(fingerprint).substr(0, 16),
                           .mac_in = direction_key(context_, "mac", *shared, them, me, fingerprint, own_fingerprint),
                           .mac_out = direction_key(context_, "mac", *shared, me, them, own_fingerprint, fingerprint),
                           .seal_in = direction_key(context_, "seal", *shared, them, me, fingerprint, own_fingerprint),
                           .seal_out = direction_key(context_, "seal", *shared, me, them, own_fingerprint, fingerprint),
                           .until = until});
}

Peer Peers::make_peer(PeerRecord record) const {
  Peer peer;
  peer.fingerprint = hex_encode(fingerprint_of(context_.crypto, record.sign_key, record.box_key));
  peer.key_id = peer.fingerprint.substr(0, 16);
  peer.record = std::move(record);
  const auto& kept = peer.record;
  const auto with_own = [&](const Keys& own, const Bytes32& own_fingerprint, WallTime until) {
    add_channel(peer, own, own_fingerprint, kept.sign_key, kept.box_key, until);
    if (kept.previous_until != WallTime{} && !peer.channels.empty()) {
      add_channel(peer, own, own_fingerprint, kept.previous_sign_key, kept.previous_box_key, std::min(until, kept.previous_until));
    }
  };
  with_own(context_.options.keys, context_.fingerprint, WallTime::max());
  if (const auto& previous = context_.options.previous_keys; previous && !peer.channels.empty()) {
    with_own(previous->keys, fingerprint_of(context_.crypto, previous->keys.sign.public_key, previous->keys.box.public_key), previous->until);
  }
  return peer;
}

// True when the settings pin other keys for that gateway than these, or than those these were rotated from.
bool Peers::is_pinned_elsewhere(const PeerRecord& record, std::string_view fingerprint) const {
  const auto pinned = context_.options.peers.find(record.gateway);
  if (pinned == context_.options.peers.end() || pinned->second == fingerprint) return false;
  return pinned->second != previous_fingerprint(context_, record);
}

void Peers::restore(std::vector<PeerRecord> records) {
  MessageDecoder decoder;
  for (auto& record : records) {
    auto peer = make_peer(std::move(record));
    // What the configuration says now counts, not what it said when the peer was stored; but what a person revoked stays so.
    if (is_pinned_elsewhere(peer.record, peer.fingerprint)) {
      if (peer.record.revoked.empty()) continue;
      peer.record.trust = PeerTrust::Revoked;  // for the sake of the keys that are never believed again
    }
    if (!peer.revoked()) {
      const bool configured_now = context_.options.peers.contains(peer.record.gateway);
      if (configured_now) {
        peer.record.trust = PeerTrust::Configured;
      } else if (peer.record.trust == PeerTrust::Configured) {
        peer.record.trust = PeerTrust::Pending;
      }
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
  if (const auto& previous = context_.options.previous_keys) {
    // What was asked of our own agents before a rotation is under way still.
    self.previous_sign_key = previous->keys.sign.public_key;
    self.previous_box_key = previous->keys.box.public_key;
    self.previous_until = previous->until;
  }
  peers_.insert_or_assign(context_.me(), make_peer(std::move(self)));
}

std::vector<PeerChange> Peers::on_settings() {
  std::erase_if(peers_, [&](const auto& entry) {
    const auto& [gateway, peer] = entry;
    return gateway != context_.me() && peer.record.revoked.empty() && is_pinned_elsewhere(peer.record, peer.fingerprint);
  });
  std::vector<PeerChange> let_in;
  for (auto& [gateway, peer] : peers_) {
    if (gateway == context_.me() || peer.revoked()) continue;
    const bool was_pinned = peer.pinned();
    const auto before = peer.record.trust;
    if (is_pinned_elsewhere(peer.record, peer.fingerprint)) {
      peer.record.trust = PeerTrust::Revoked;
    } else if (context_.options.peers.contains(gateway)) {
      peer.record.trust = PeerTrust::Configured;
    } else if (before == PeerTrust::Configured) {
      peer.record.trust = trust_of(gateway, peer.fingerprint, peer.state).value_or(PeerTrust::Pending);
    }
    if (peer.record.trust == before) continue;
    context_.store(store::PutPeer{peer.record});
    if (!was_pinned && peer.pinned()) let_in.push_back({.gateway = gateway, .newly_pinned = true});
  }
  return let_in;
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
                 {"remedy", "if its keys were made anew on purpose: clawbridge peers trust " + std::string(gateway) + " " + shown_prefix(fingerprint)}});
}

// The old signing key vouches for the new keys.
bool Peers::rotated(const Peer& known, const body::State& state, std::string_view fingerprint) const {
  if (!state.rotation || state.rotation->old_sign_key != known.record.sign_key) return false;
  const auto label = "clawbridge.v1.rotate|" + known.record.gateway + "|";
  return context_.crypto.verify(known.record.sign_key, label, *hex_decode(fingerprint), state.rotation->proof);
}

// Other keys claim the name: kept, so that a person may trust them, and told once.
void Peers::offer(Peer& known, std::string_view fingerprint, std::string_view payload) {
  if (known.offered_fingerprint != fingerprint) {
    refuse_key(known.record.gateway, fingerprint);
  } else {
    context_.count("state.key_changed");
  }
  known.offered_fingerprint = fingerprint;
  known.offered_state.assign(payload);
}

std::optional<PeerChange> Peers::on_state(const Message& message, std::string_view payload) {
  const auto* state = message.get<body::State>();
  const auto& gateway = message.source.gateway;
  if (state == nullptr) {
    context_.count("state.malformed");
    return std::nullopt;
  }
  const auto fingerprint = hex_encode(fingerprint_of(context_.crypto, state->sign_key, state->box_key));
  const auto found = peers_.find(gateway);
  auto* known = found == peers_.end() ? nullptr : &found->second;
  const bool known_bytes = known != nullptr && known->known_state && payload == known->record.state;  // verified before
  if (!message.key_id.starts_with(std::string_view(fingerprint).substr(0, 16)) ||
      (!known_bytes && !context_.crypto.verify(state->sign_key, kSignaturePrefix, message.covered, *message.signature))) {
    context_.count("state.unauthentic");
    return std::nullopt;
  }
  if (known != nullptr && std::find(known->record.revoked.begin(), known->record.revoked.end(), fingerprint) != known->record.revoked.end()) {
    context_.count("state.revoked");
    return std::nullopt;
  }
  const bool rotates = known != nullptr && known->pinned() && known->fingerprint != fingerprint && rotated(*known, *state, fingerprint);
  if (known != nullptr && known->pinned() && known->fingerprint != fingerprint && !rotates) {
    offer(*known, fingerprint, payload);
    return std::nullopt;
  }
  auto trust = rotates ? std::optional(known->record.trust) : trust_of(gateway, fingerprint, *state);
  if (!trust) {
    refuse_key(gateway, fingerprint);
    return std::nullopt;
  }
  // Who stole a revoked bridge's keys may know the join secret as well: after a revocation only a person lets the name in.
  if (known != nullptr && !known->pinned() && !known->record.revoked.empty() && *trust == PeerTrust::Joined) trust = PeerTrust::Pending;
  if (!room_for(gateway, *trust)) return std::nullopt;

  // A rotation carries over what is known of the old keys.
  const bool same_keys = known != nullptr && (known->fingerprint == fingerprint || rotates);
  PeerChange change{.gateway = gateway};
  if (same_keys && known->known_state) {
    const auto& kept = known->record;
    const bool rises = std::pair(state->epoch, state->revision) > std::pair(kept.epoch, kept.revision);
    if (state->incarnation != kept.incarnation && state->epoch <= kept.epoch) {
      const auto doubt = doubts_.find(gateway);
      if (doubt == doubts_.end() || !doubt->second.settled || doubt->second.payload != payload) {
        if (!known->pinned()) return std::nullopt;
        if (doubt != doubts_.end() && context_.now.instant < doubt->second.asked + kDoubtPause) return std::nullopt;
        change.doubt = ++doubts_made_;
        doubts_.insert_or_assign(gateway, Doubt{change.doubt, state->incarnation, std::string(payload), context_.now.instant, false});
        return change;
      }
    } else if (!rises) {
      const bool pins_now = known_bytes && !known->pinned() && *trust != PeerTrust::Pending;  // the settings have changed since
      if (!pins_now) return known_bytes ? std::optional(change) : std::nullopt;
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
  if (!same_keys && known != nullptr) record.revoked = known->record.revoked;
  if (rotates) {
    record.previous_sign_key = known->record.sign_key;
    record.previous_box_key = known->record.box_key;
    record.previous_until = context_.now.wall + kPreviousKeysTaken;
    context_.count("peer.rotated");
    context_.note(Level::Warn, "peer.keys_rotated", {{"peer", gateway}, {"from", known->fingerprint}, {"to", fingerprint}});
  }
  const bool was_pinned = same_keys && known->pinned();
  // A person's or an earlier join's decision stands; a pending peer may be pinned by its proof.
  if (!was_pinned) record.trust = *trust;
  change.newly_pinned = !was_pinned && record.trust != PeerTrust::Pending;
  keep_state(record, *state, payload, context_.now.wall);
  auto peer = same_keys && !rotates ? *known : make_peer(record);
  peer.offered_fingerprint.clear();
  peer.offered_state.clear();
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
  doubts_.erase(gateway);
  peers_.insert_or_assign(gateway, std::move(peer));
  return change;
}

std::optional<std::string> Peers::settle_doubt(std::string_view gateway, std::uint64_t doubt, std::string_view incarnation) {
  const auto found = doubts_.find(gateway);
  if (found == doubts_.end() || found->second.number != doubt) return std::nullopt;
  if (found->second.incarnation != incarnation) {
    doubts_.erase(found);  // an old state, replayed
    return std::nullopt;
  }
  found->second.settled = true;
  return found->second.payload;
}

std::optional<ErrorCode> Peers::check(const Message& message) const {
  const auto* peer = find(message.source.gateway);
  if (peer == nullptr) return ErrorCode::UnknownPeer;
  if (message.signature) {
    const bool previous = message.key_id != peer->key_id;
    if (previous && (context_.now.wall >= peer->record.previous_until || !previous_fingerprint(context_, peer->record).starts_with(message.key_id))) {
      return ErrorCode::KeyChanged;
    }
    const auto& key = previous ? peer->record.previous_sign_key : peer->record.sign_key;
    return context_.crypto.verify(key, kSignaturePrefix, message.covered, *message.signature) ? std::nullopt : std::optional(ErrorCode::Unauthentic);
  }
  if (peer->channels.empty() || !message.mac) return ErrorCode::Unauthentic;
  bool key_known = false;
  for (const auto& channel : peer->channels) {
    if (channel.key_id != message.key_id || context_.now.wall >= channel.until) continue;
    key_known = true;
    if (context_.crypto.equal(context_.crypto.hmac_sha256(as_text(channel.mac_in), message.covered), *message.mac)) return std::nullopt;
  }
  return key_known ? ErrorCode::Unauthentic : ErrorCode::KeyChanged;
}

// The state that brought the other keys is judged as if it came now, with the peer's name free.
const Peer* Peers::adopt_offered(Peer& peer) {
  MessageDecoder decoder;
  const auto gateway = peer.record.gateway;
  const auto payload = peer.offered_state;
  const auto decoded = decoder.decode(payload, topic::State{gateway}, context_.topics);
  const auto* message = std::get_if<Message>(&decoded);
  const auto* state = message == nullptr ? nullptr : message->get<body::State>();
  if (state == nullptr) return nullptr;
  PeerRecord record;
  record.gateway = gateway;
  record.trust = PeerTrust::Trusted;
  keep_state(record, *state, payload, context_.now.wall);
  record.revoked = peer.record.revoked;
  auto adopted = make_peer(std::move(record));
  adopted.state = *state;
  adopted.known_state = true;
  return &peers_.insert_or_assign(gateway, std::move(adopted)).first->second;
}

Result<PeerView> Peers::trust(std::string_view gateway, std::string_view fingerprint) {
  const auto found = peers_.find(gateway);
  if (found == peers_.end() || gateway == context_.me()) {
    return Error{ErrorCode::UnknownPeer, "no gateway \"" + std::string(gateway) + "\" has been seen; `clawbridge peers list` shows those that have", false};
  }
  auto* peer = &found->second;
  const bool enough = fingerprint.size() >= kTrustDigits;
  const bool offered = enough && !peer->offered_fingerprint.empty() && peer->offered_fingerprint.starts_with(fingerprint);
  if (!offered && (!enough || !peer->fingerprint.starts_with(fingerprint))) {
    return Error{ErrorCode::KeyChanged,
                 "the fingerprint given is not " + std::string(gateway) + "'s; give at least its first " + std::to_string(kTrustDigits) +
                     " digits as `clawbridge key show` prints them on " + std::string(gateway),
                 false};
  }
  if (offered) {
    if (context_.options.peers.contains(std::string(gateway))) {
      return Error{ErrorCode::KeyChanged, "the settings pin other keys for " + std::string(gateway) + "; change peers." + std::string(gateway) + ".fingerprint there", false};
    }
    if (adopt_offered(*peer) == nullptr) return Error{ErrorCode::Internal, "the state that brought the new keys cannot be read; wait for the next one", true};
    peer = &peers_.find(gateway)->second;
  }
  if (!peer->pinned() || offered) {
    peer->record.trust = PeerTrust::Trusted;
    std::erase(peer->record.revoked, peer->fingerprint);
    context_.store(store::PutPeer{peer->record});
    context_.note(Level::Info, "peer.trusted", {{"peer", peer->record.gateway}, {"fingerprint", peer->fingerprint}});
  }
  return view(*peer);
}

Result<PeerView> Peers::revoke(std::string_view gateway) {
  const auto found = peers_.find(gateway);
  if (found == peers_.end() || gateway == context_.me()) {
    return Error{ErrorCode::UnknownPeer, "no gateway \"" + std::string(gateway) + "\" is known; `clawbridge peers list` shows those that are", false};
  }
  auto& peer = found->second;
  if (!peer.revoked()) {
    peer.record.trust = PeerTrust::Revoked;
    auto& revoked = peer.record.revoked;
    // The keys before a rotation are not believed either: they were stolen together, or before.
    if (auto previous = previous_fingerprint(context_, peer.record); !previous.empty()) revoked.push_back(std::move(previous));
    revoked.push_back(peer.fingerprint);
    while (revoked.size() > kRevokedMax) revoked.erase(revoked.begin());
    context_.store(store::PutPeer{peer.record});
    context_.note(Level::Warn, "peer.revoked", {{"peer", peer.record.gateway}, {"fingerprint", peer.fingerprint}});
  }
  return view(peer);
}

std::size_t Peers::pending() const {
  return static_cast<std::size_t>(std::count_if(peers_.begin(), peers_.end(), [](const auto& entry) { return entry.second.record.trust == PeerTrust::Pending; }));
}

std::size_t Peers::online() const {
  return static_cast<std::size_t>(std::count_if(peers_.begin(), peers_.end(), [&](const auto& entry) {
    return entry.second.pinned() && entry.second.reachable() && entry.first != context_.me();
  }));
}

bool Peers::any_offline() const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    return entry.second.pinned() && !entry.second.reachable() && entry.first != context_.me();
  });
}

PeerView Peers::view(const Peer& peer) const {
  PeerView view;
  view.gateway = peer.record.gateway;
  view.trust = to_string(peer.record.trust);
  view.presence = peer.known_state ? std::string(to_string(peer.state.presence)) : "unseen";
  view.since = peer.state.since;
  view.version = peer.state.version;
  view.fingerprint = peer.fingerprint;
  view.offered_fingerprint = peer.offered_fingerprint;
  view.gateway_kind = peer.state.gateway_kind;
  view.gateway_version = peer.state.gateway_version;
  view.agents = peer.state.agents;
  view.seen = peer.record.seen;
  return view;
}

}  // namespace clawbridge::core
