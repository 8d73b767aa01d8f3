// What the core keeps across restarts: the records of the journal, the orders that change it, and the view it reads.
//
// Source of truth for an exchange that has not ended is the core's memory, which is what restore() gave plus what the
// core stored since; what has ended, and every payload, stays in the journal and is read back when it is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "topics/address.h"
#include "topics/encoding.h"
#include "topics/error.h"
#include "topics/message.h"
#include "topics/time.h"

namespace clawbridge::core {

using clawbridge::to_string;

/// One stage an exchange has reached, and when this bridge learned of it.
struct StageTime {
  std::string stage;  // accepted, published, deferred, stored, queued, started, ended
  WallTime time{};
};

/// How an exchange ended for its requester: a reply's status, or what the requester concluded by itself.
/// Text form: a ReplyStatus name, `expired` or `unknown`.
struct OutgoingRecord {
  std::string id;              // correlation id; rises in the order of acceptance
  Address source;
  std::string asker;           // session key of the asking session; empty for a person
  Address target;              // its gateway is the peer
  Operation op = Operation::SessionsSend;
  std::string session;         // session key or `label:` + label, as asked; empty for the default: names the lane. Of a cancel: the
                               // id of the exchange that it stops
  std::vector<std::string> chain;  // exchanges that caused this one, first cause first
  WallTime created{};
  WallTime expiry{};
  std::string incarnation;     // the peer's journal that `request` was made for; empty: never left, `request` is data only
  std::string request;         // the payload as published, byte for byte; before that the JSON of its data
  bool receipt = false;        // the peer ever said that it has it
  std::string stage;           // latest stage
  std::string reason;          // of a deferral or of queueing
  std::string run_id;
  std::vector<StageTime> stages;
  std::string status;          // empty while open
  std::string reply;           // the reply's payload, byte for byte
  std::optional<Error> error;  // when the requester itself ended it
  WallTime ended{};
  std::uint64_t request_bytes = 0;  // of `request`, also where the record comes without it
  bool dead = false;           // a dead letter: ended without having been carried out for certain, and nobody has dealt with it yet
  std::string child_session_key;  // of a spawn, once it has started
  bool deliver_late = false;   // the asking session is owed the end, and has not heard of it for certain
};

enum class IncomingStage { Stored, Queued, HandingOver, Started, Ended, Tombstone };

struct IncomingRecord {
  std::string source_gateway;
  std::string id;
  Bytes32 digest{};            // SHA-256 of `request`
  std::string request;         // payload, byte for byte; empty for a tombstone
  Address source;
  Address target;
  Operation op = Operation::SessionsSend;
  std::string session;         // as asked, as in OutgoingRecord
  std::string session_key;     // resolved; empty before
  WallTime expiry{};
  WallTime received{};
  IncomingStage stage = IncomingStage::Stored;
  std::uint32_t attempt = 0;   // of handing over; part of the idempotency key
  std::string boot_id;         // of the gateway, at the last handing over; empty where the gateway has none
  std::string run_id;
  std::string receipt;         // payload of the latest receipt published, byte for byte
  std::string reply;           // payload of the reply, byte for byte
  std::string status;          // of the reply
  std::vector<StageTime> stages;
  std::uint32_t losses = 0;    // how often the gateway went down while it had the turn
  WallTime ended{};
  bool dead = false;           // a dead letter: it brought the gateway down too often
  bool acknowledged = false;
  bool sealed = false;         // the request was, and so is its reply
};

enum class PeerTrust { Pending, Joined, Trusted, Configured, Revoked };
[[nodiscard]] std::string_view to_string(PeerTrust trust);

struct PeerRecord {
  std::string gateway;
  PeerTrust trust = PeerTrust::Pending;
  Bytes32 sign_key{};
  Bytes32 box_key{};
  std::string incarnation;
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  std::string state;           // payload of the latest authentic state
  WallTime seen{};
  // The keys before the latest rotation; `previous_until` is 0 when there was none.
  Bytes32 previous_sign_key{};
  Bytes32 previous_box_key{};
  WallTime previous_until{};
  std::vector<std::string> revoked;  // fingerprints of that name that are never believed again
};

struct ReplayMark {
  std::string gateway;
  WallTime id_time{};          // greatest id time purged
  WallTime expiry{};           // greatest expirytime purged
  WallTime forgotten{};        // greatest id time purged without an acknowledgement: its requester may still ask
};

// ---- orders: each is one small change; a batch of them is one transaction ----

namespace store {
struct PutOutgoing {
  OutgoingRecord record;  // inserts or replaces
};
/// Everything but the identity, `request` and `incarnation` of an outgoing exchange. `reply` empty: leave it.
struct UpdateOutgoing {
  std::string id;
  bool receipt = false;
  std::string stage;
  std::string reason;
  std::string run_id;
  std::vector<StageTime> stages;
  std::string status;
  std::string reply;
  std::optional<Error> error;
  WallTime ended{};
  bool dead = false;
  std::string child_session_key;
  bool deliver_late = false;
};
/// The asking sessions of these outgoing exchanges have heard the end.
struct Told {
  std::vector<std::string> ids;
};
struct PutIncoming {
  IncomingRecord record;
};
/// Everything but the identity, `request` and `digest` of an incoming exchange. `receipt`, `reply` empty: leave them.
struct UpdateIncoming {
  std::string source_gateway;
  std::string id;
  std::string session_key;
  IncomingStage stage = IncomingStage::Stored;
  std::uint32_t attempt = 0;
  std::string boot_id;
  std::string run_id;
  std::string receipt;
  std::string reply;
  std::string status;
  std::vector<StageTime> stages;
  std::uint32_t losses = 0;
  WallTime ended{};
  bool dead = false;
};
/// Somebody has dealt with a dead letter. `source_gateway` empty: one that was asked here.
struct BuryDead {
  std::string source_gateway;
  std::string id;
};
struct AcknowledgeIncoming {
  std::string source_gateway;
  std::vector<std::string> ids;
};
struct PutPeer {
  PeerRecord record;
};
struct RemovePeer {
  std::string gateway;
};
/// Forgets ended exchanges: outgoing ones ended before `outgoing_ended_before`; incoming ones whose expiry is before
/// `incoming_expiry_before` and that are acknowledged or ended before `incoming_ended_before`. The replay marks of
/// the gateways concerned are raised in the same transaction, from the ids and expiry times of the rows removed.
struct Purge {
  WallTime outgoing_ended_before{};
  WallTime incoming_expiry_before{};
  WallTime incoming_ended_before{};
  std::size_t rows_max = 1000;
};
struct PutEpoch {
  std::uint64_t epoch = 0;
};
}  // namespace store

using StoreOrder = std::variant<store::PutOutgoing, store::UpdateOutgoing, store::Told, store::PutIncoming, store::UpdateIncoming,
                                store::BuryDead, store::AcknowledgeIncoming, store::PutPeer, store::RemovePeer, store::Purge, store::PutEpoch>;

/// How many exchanges that have a reply a Snapshot names: more than the last moment of a bridge's life can have brought.
inline constexpr std::size_t kAnsweredMax = 1'024;

/// What a journal holds when the bridge starts. Payloads (`request`, `reply`, `receipt`) of exchanges are left empty:
/// the core asks for them when it needs them. An outgoing record that never left (`incarnation` empty) is the same.
struct Snapshot {
  std::string incarnation;     // 32 lower-case hex digits, made with the journal
  std::uint64_t epoch = 0;     // of the latest broker connection
  std::string last_id;         // greatest id of ours in the journal; empty if none
  std::vector<OutgoingRecord> outgoing;  // open ones, by id
  std::vector<IncomingRecord> incoming;  // not ended, by order received
  std::vector<std::pair<std::string, std::string>> answered;  // target gateway and id of the newest outgoing ones that have a reply
  std::vector<std::string> untold;       // outgoing ones that have ended, whose asking session is owed the end
  std::vector<PeerRecord> peers;
  std::vector<ReplayMark> replay_marks;
  std::vector<std::pair<std::string, std::string>> newest_ids;  // source gateway -> greatest id of it in the journal
};

/// Read access to everything stored so far, including orders of the step before that are not yet durable.
/// Called by the core inside step(); must not fail: a store that cannot read stops the daemon.
class JournalReader {
 public:
  virtual ~JournalReader() = default;
  [[nodiscard]] virtual std::optional<IncomingRecord> incoming(std::string_view source_gateway, std::string_view id) = 0;
  [[nodiscard]] virtual std::optional<OutgoingRecord> outgoing(std::string_view id) = 0;
  /// Bytes of requests and replies that are kept for a peer.
  [[nodiscard]] virtual std::uint64_t incoming_bytes(std::string_view source_gateway) = 0;
  /// The newest `limit` outgoing and incoming exchanges, newest first, without payloads.
  [[nodiscard]] virtual std::vector<OutgoingRecord> list_outgoing(std::size_t limit) = 0;
  [[nodiscard]] virtual std::vector<IncomingRecord> list_incoming(std::size_t limit) = 0;
  /// The newest `limit` dead letters of either kind, newest first, without payloads.
  [[nodiscard]] virtual std::vector<OutgoingRecord> dead_outgoing(std::size_t limit) = 0;
  [[nodiscard]] virtual std::vector<IncomingRecord> dead_incoming(std::size_t limit) = 0;
  [[nodiscard]] virtual std::vector<ReplayMark> replay_marks() = 0;
  /// Any incoming exchange with that id, whoever asked.
  [[nodiscard]] virtual std::optional<IncomingRecord> find_incoming(std::string_view id) = 0;
};

}  // namespace clawbridge::core
