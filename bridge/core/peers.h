// Who else is there: the peers' keys, how far they are trusted, and what their latest authentic state says.
//
// A peer is pinned (by configuration, by the join secret or by a person) or pending. Only a pinned peer's messages
// have any effect beyond being counted; a pending one's requests are put off until a person trusts it. Pinned keys never
// change here: a state with other keys is refused with `key_changed`.
//
// Our own gateway is in the table too, so that a request to a local agent takes the same path as any other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/context.h"
#include "bridge/core/views.h"

namespace clawbridge::core {

struct Peer {
  PeerRecord record;
  std::string fingerprint;       // 64 hex digits
  std::string key_id;            // its first 16
  std::optional<Bytes32> mac_key_out;  // nothing when the key exchange is refused (an all-zero result)
  std::optional<Bytes32> mac_key_in;
  body::State state;             // as in record.state
  bool known_state = false;      // record.state was seen, in this life or an earlier one

  [[nodiscard]] bool pinned() const { return record.trust != PeerTrust::Pending; }
  [[nodiscard]] bool reachable() const { return known_state && state.presence != body::Presence::Offline; }
};

/// What an accepted state changed, for those who wait for it; nothing but the name when it says what was known already.
struct PeerChange {
  std::string gateway;
  bool newly_pinned = false;
  bool new_epoch = false;
  bool new_incarnation = false;
  bool came_back = false;        // from offline or unseen
  bool ping = false;             // another incarnation with a lower epoch: ask whether it is alive
};

class Peers {
 public:
  explicit Peers(Context& context) : context_(context) {}

  void restore(std::vector<PeerRecord> records);

  [[nodiscard]] const Peer* find(std::string_view gateway) const;
  [[nodiscard]] const Peer* find_pinned(std::string_view gateway) const;
  [[nodiscard]] const std::map<std::string, Peer, std::less<>>& all() const { return peers_; }
  /// True when the configuration names that gateway, seen or not.
  [[nodiscard]] bool configured(std::string_view gateway) const;

  /// A state whose source is not our own gateway. Nothing when it changed nothing or was refused (which is counted).
  [[nodiscard]] std::optional<PeerChange> on_state(const Message& message, std::string_view payload);
  /// The answer to a ping that PeerChange::ping asked for: the next state with this incarnation is believed. Returns the
  /// payload of the one that was doubted, to be judged again.
  [[nodiscard]] std::optional<std::string> believe_incarnation(std::string_view gateway, std::string_view incarnation);

  /// Checks keyid and MAC (or signature) of a message of a known peer. Nothing when it is authentic; otherwise
  /// UnknownPeer, KeyChanged or Unauthentic.
  [[nodiscard]] std::optional<ErrorCode> check(const Message& message) const;

  /// A person trusts a pending peer. `fingerprint`: at least 16 hex digits that begin the peer's.
  [[nodiscard]] Result<PeerView> trust(std::string_view gateway, std::string_view fingerprint);

  [[nodiscard]] PeerView view(const Peer& peer) const;
  [[nodiscard]] std::size_t pending() const;

 private:
  [[nodiscard]] Peer make_peer(PeerRecord record) const;
  [[nodiscard]] std::optional<PeerTrust> trust_of(std::string_view gateway, std::string_view fingerprint, const body::State& state) const;
  [[nodiscard]] bool room_for(std::string_view gateway, PeerTrust trust);
  void refuse_key(std::string_view gateway, std::string_view fingerprint);

  Context& context_;
  std::map<std::string, Peer, std::less<>> peers_;
  std::map<std::string, std::string, std::less<>> doubted_;   // pinned gateway -> state of another incarnation, lower epoch
  std::map<std::string, std::string, std::less<>> believed_;  // pinned gateway -> incarnation that answered a ping
};

}  // namespace clawbridge::core
