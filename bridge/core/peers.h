// Who else is there: the peers' keys, how far they are trusted, and what their latest authentic state says.
//
// A peer is pinned (by configuration, by the join secret or by a person), pending or revoked. Only a pinned peer's
// messages have any effect beyond being counted; a pending one's requests are put off until a person trusts it, a revoked
// one's are refused. Pinned keys change in two ways only: their owner rotates them, proven by the old signing key, or a
// person trusts the new ones. Any other state with other keys is refused with `key_changed`.
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

/// The secrets between one key pair of ours and one of a peer's, each for one direction.
struct Channel {
  std::string key_id;            // of the peer's keys
  Bytes32 mac_in{};
  Bytes32 mac_out{};
  Bytes32 seal_in{};
  Bytes32 seal_out{};
  WallTime until = WallTime::max();  // of keys before a rotation: messages are taken until then
};

struct Peer {
  PeerRecord record;
  std::string fingerprint;       // 64 hex digits
  std::string key_id;            // its first 16
  // The first is for the current keys of both; the others for those before a rotation. Empty when the key exchange is
  // refused (an all-zero result): nothing can be said to that peer then.
  std::vector<Channel> channels;
  body::State state;             // as in record.state
  bool known_state = false;      // record.state was seen, in this life or an earlier one
  std::string offered_fingerprint;  // other keys that claim the name, refused with `key_changed`; empty: none
  std::string offered_state;        // the payload that brought them

  [[nodiscard]] bool pinned() const { return record.trust != PeerTrust::Pending && record.trust != PeerTrust::Revoked; }
  [[nodiscard]] bool revoked() const { return record.trust == PeerTrust::Revoked; }
  [[nodiscard]] bool can_be_told() const { return !channels.empty(); }
  /// REQUIRES: can_be_told().
  [[nodiscard]] const Channel& channel() const { return channels.front(); }
  [[nodiscard]] bool reachable() const { return known_state && state.presence != body::Presence::Offline; }
};

/// What an accepted state changed, for those who wait for it; nothing but the name when it says what was known already.
struct PeerChange {
  std::string gateway;
  bool newly_pinned = false;
  bool new_epoch = false;
  bool new_incarnation = false;
  bool came_back = false;        // from offline or unseen
  std::uint64_t doubt = 0;       // not 0: another incarnation with a lower epoch; ask whether it is alive (AskForIncarnation)
};

class Peers {
 public:
  explicit Peers(Context& context) : context_(context) {}

  void restore(std::vector<PeerRecord> records);
  /// Other settings hold: pins are made and taken back as at a start. Returns whom they let in.
  [[nodiscard]] std::vector<PeerChange> on_settings();

  [[nodiscard]] const Peer* find(std::string_view gateway) const;
  [[nodiscard]] const Peer* find_pinned(std::string_view gateway) const;
  [[nodiscard]] const std::map<std::string, Peer, std::less<>>& all() const { return peers_; }
  /// True when the configuration names that gateway, seen or not.
  [[nodiscard]] bool configured(std::string_view gateway) const;

  /// A state whose source is not our own gateway. Nothing when it changed nothing or was refused (which is counted).
  [[nodiscard]] std::optional<PeerChange> on_state(const Message& message, std::string_view payload);
  /// The answer to the ping for that doubt. Returns the payload of the state that was doubted, which is believed when it is
  /// judged again; nothing when another incarnation answered, or something newer came between.
  [[nodiscard]] std::optional<std::string> settle_doubt(std::string_view gateway, std::uint64_t doubt, std::string_view incarnation);

  /// Checks keyid and MAC (or signature) of a message of a known peer. Nothing when it is authentic; otherwise
  /// UnknownPeer, KeyChanged or Unauthentic.
  [[nodiscard]] std::optional<ErrorCode> check(const Message& message) const;

  /// A person trusts a pending peer, or the other keys that claim a known peer's name. `fingerprint`: at least
  /// kTrustDigits hex digits that begin theirs.
  [[nodiscard]] Result<PeerView> trust(std::string_view gateway, std::string_view fingerprint);
  /// A person withdraws it. The keys are remembered: neither a join secret nor a rotation brings them back.
  [[nodiscard]] Result<PeerView> revoke(std::string_view gateway);

  /// A pinned peer's state says that it is offline.
  [[nodiscard]] bool any_offline() const;
  [[nodiscard]] PeerView view(const Peer& peer) const;
  [[nodiscard]] std::size_t pending() const;
  /// Pinned, and there; without ourselves.
  [[nodiscard]] std::size_t online() const;

 private:
  [[nodiscard]] Peer make_peer(PeerRecord record) const;
  void add_channel(Peer& peer, const Keys& own, const Bytes32& own_fingerprint, const Bytes32& sign_key, const Bytes32& box_key, WallTime until) const;
  [[nodiscard]] bool rotated(const Peer& known, const body::State& state, std::string_view fingerprint) const;
  void offer(Peer& known, std::string_view fingerprint, std::string_view payload);
  [[nodiscard]] const Peer* adopt_offered(Peer& peer);
  [[nodiscard]] std::optional<PeerTrust> trust_of(std::string_view gateway, std::string_view fingerprint, const body::State& state) const;
  [[nodiscard]] bool room_for(std::string_view gateway, PeerTrust trust);
  void refuse_key(std::string_view gateway, std::string_view fingerprint);
  [[nodiscard]] bool is_pinned_elsewhere(const PeerRecord& record, std::string_view fingerprint) const;

  Context& context_;
  std::map<std::string, Peer, std::less<>> peers_;
  /// A state of another incarnation with a lower epoch: a lost journal and clock, or a replay.
  struct Doubt {
    std::uint64_t number = 0;
    std::string incarnation;
    std::string payload;
    Instant asked{};
    bool settled = false;  // the incarnation has answered
  };
  std::map<std::string, Doubt, std::less<>> doubts_;  // by pinned gateway
  std::uint64_t doubts_made_ = 0;
};

}  // namespace clawbridge::core
