// The message: one CloudEvents 1.0 event in JSON, its attributes, its typed content and its trailer.
//
// Receiving: decode() checks size, form, attributes and topic, in that order, and says what the trailer covers; whether
// the trailer is authentic is the caller's business, because only the caller has keys. The content of `data` is decoded
// in the same pass, but its faults wait in Message::body, because they are answered only after authentication.
//
// Sending: encode_*() writes the event up to and including `"keyid"`; finish() appends the trailer. So the bytes under
// a MAC are the bytes that travel: nothing is ever encoded twice.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "topics/address.h"
#include "topics/encoding.h"
#include "topics/error.h"
#include "topics/limits.h"
#include "topics/result.h"
#include "topics/time.h"
#include "topics/topic.h"

namespace clawbridge {

enum class MessageType { Request, Receipt, Progress, Reply, Ack, Refusal, Part, State, Hello };

/// The operations this release knows, and a place for those it does not.
enum class Operation { SessionsSend, SessionsSpawn, SessionsList, SessionStatus, SessionsHistory, AgentsList, Status, Cancel, Ping, Unknown };
inline constexpr Operation kAllOperations[] = {Operation::SessionsSend,    Operation::SessionsSpawn, Operation::SessionsList,
                                            Operation::SessionStatus,   Operation::SessionsHistory, Operation::AgentsList,
                                            Operation::Status,          Operation::Cancel,          Operation::Ping};
[[nodiscard]] std::string_view to_string(Operation op);
[[nodiscard]] Operation operation_from(std::string_view name);
/// Only reads: not journaled, may run twice, expires with the asker's wait.
[[nodiscard]] bool is_read_only(Operation op);

enum class ReplyStatus { Ok, NoReply, Error, Rejected, Expired, Cancelled, Interrupted };
[[nodiscard]] std::string_view to_string(ReplyStatus status);
[[nodiscard]] std::optional<ReplyStatus> reply_status_from(std::string_view name);

enum class Stage { Deferred, Stored, Queued, Started };
[[nodiscard]] std::string_view to_string(Stage stage);

// ---- content of `data`, one struct for each type and operation ----

namespace body {

/// A file that travels with a message or its reply.
struct Attachment {
  std::string name;
  std::string mime_type;
  std::string content;  // standard base64 with padding
  std::string digest;   // SHA-256 of the file's bytes, 64 lower-case hex digits
};
struct SessionsSend {
  std::string message;
  std::string session_key;  // empty: the agent's default session, unless label names one
  std::string label;
  std::optional<double> timeout_seconds;  // the asker's wait; informative for the responder
  bool progress = false;
  std::vector<Attachment> attachments;
};
/// Start a session of its own with that task.
struct SessionsSpawn {
  std::string task;
  std::string label;     // of the new session; empty: none
  std::string model;     // empty: the agent's own
  std::string thinking;  // empty: the agent's own
  std::optional<double> run_timeout_seconds;
  bool progress = false;
  std::vector<Attachment> attachments;
};
// The three that only read; what is not set is for the gateway to choose.
struct SessionsList {
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> offset;
  std::optional<double> active_minutes;
  std::optional<std::uint64_t> message_limit;
  std::vector<std::string> kinds;
  std::string label;
  std::string search;
};
struct SessionsHistory {
  std::string session_key;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> offset;
  bool include_tools = false;
};
struct SessionStatus {
  std::string session_key;  // empty: the agent's default session
};
struct AgentsList {};
struct Ping {};
struct Status {
  std::vector<std::string> ids;
};
/// Stop the exchange with that id, which the asking gateway made.
struct Cancel {
  std::string id;
  WallTime expiry{};  // the `expirytime` of the exchange to be stopped
};
/// An operation that this release does not carry out, or sealed content that nobody has opened yet.
struct Opaque {};

struct Receipt {
  Stage stage = Stage::Stored;
  std::string reason;  // deferred, queued
  std::optional<std::chrono::milliseconds> retry_after;
  std::optional<std::uint64_t> position;
  std::string run_id;  // started
  std::string child_session_key;  // started, of a spawn
};
/// The agent's text so far.
struct Progress {
  std::string text;
};

struct AgentInfo {
  std::string id;
  std::string name;
  std::vector<std::string> ops;  // only in the reply to agents_list
};
struct ExchangeInfo {
  std::string id;
  std::string state;  // not_found, stored, queued, started, ended
  std::string status;  // of an ended one
};
struct Pong {
  std::string version;
  std::string time;
  std::string incarnation;
  std::uint64_t journal_open = 0;
};
struct Reply {
  ReplyStatus status = ReplyStatus::Ok;
  std::string reply;  // the agent's text
  std::string run_id;
  std::string session_key;
  std::string child_session_key;  // of a spawn
  bool truncated = false;
  std::optional<bool> ran;  // cancelled
  std::optional<Error> error;
  std::vector<Attachment> attachments;
  // The results of the operations that only read. At most one is set.
  std::string listing;  // sessions_list, sessions_history, session_status: a JSON object whose members stand beside `status`
  std::optional<std::vector<AgentInfo>> agents;
  std::optional<std::vector<ExchangeInfo>> exchanges;
  std::optional<Pong> pong;
  // The result of `cancel`: cancelled, already_ended or cannot_abort; and the status of an exchange that had ended.
  std::string cancel_result;
  std::string cancel_outcome;
};
struct Ack {
  std::vector<std::string> ids;
};
struct Refusal {
  std::string digest;  // SHA-256 of the refused bytes, hex
  ErrorCode code = ErrorCode::BadRequest;
};

enum class Presence { Online, Degraded, Offline };
/// The old signing key says that its owner's new keys are these: see the wire contract, "Rotation".
struct Rotation {
  Bytes32 old_sign_key{};
  Bytes64 proof{};
};
struct State {
  Presence presence = Presence::Offline;
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  WallTime since{};
  std::string version;
  std::vector<std::string> ops;
  std::string incarnation;
  Bytes32 sign_key{};
  Bytes32 box_key{};
  std::optional<Bytes32> join;
  std::optional<Rotation> rotation;
  std::vector<AgentInfo> agents;
  std::uint64_t message_bytes = 0;
  std::string gateway_kind;
  std::string gateway_version;
  bool gateway_connected = false;
};
struct Hello {};

}  // namespace body

[[nodiscard]] std::string_view to_string(body::Presence presence);

using Body = std::variant<body::Opaque, body::SessionsSend, body::SessionsSpawn, body::SessionsList, body::SessionsHistory,
                          body::SessionStatus, body::AgentsList, body::Ping, body::Status, body::Cancel,
                          body::Receipt, body::Progress, body::Reply, body::Ack, body::Refusal, body::State, body::Hello>;

/// The revision that a will carries: the end of its epoch.
inline constexpr std::uint64_t kWillRevision = 4'294'967'295;

/// One decoded message. Owns everything but the views, which point into the payload given to decode().
struct Message {
  MessageType type = MessageType::Request;
  int major = 1;              // of the type attribute: other majors than 1 are answered `unsupported`
  Operation op = Operation::Unknown;  // requests
  std::string op_name;        // requests: the operation as written
  std::string id;
  Address source;
  Address subject;            // empty for state and hello
  WallTime time{};
  std::string correlation_id;
  std::vector<std::string> chain;
  std::string reply_to;
  std::optional<WallTime> expiry;
  std::string incarnation;    // requests: the receiver's, as last seen by the sender
  std::string status;         // replies: the attribute
  std::string sequence;       // progress
  std::string key_id;
  bool sealed = false;
  std::string sealed_content; // nonce and ciphertext; `body` is Opaque until decode_data() was given what they hold
  std::variant<Body, Error> body;  // an Error: `data` is not what its type asks for

  std::string_view covered;   // the payload's bytes before the trailer: what the MAC or signature is over
  std::optional<Bytes32> mac;
  std::optional<Bytes64> signature;

  template <class T>
  [[nodiscard]] const T* get() const {
    const auto* good = std::get_if<Body>(&body);
    return good == nullptr ? nullptr : std::get_if<T>(good);
  }
};

/// The check that a payload failed, in the contract's order.
enum class Check { Size, Form, Attributes, TopicName };

/// What sealing binds the content to: `type|id|source|subject`, the additional data of its authenticated encryption.
[[nodiscard]] std::string sealing_context(std::string_view type, std::string_view id, const Address& source, const Address& subject);
/// The same of a message received. REQUIRES: a request, progress or reply.
[[nodiscard]] std::string sealing_context(const Message& message);

struct DecodeFailure {
  Check check = Check::Form;
  Error error;
  // The claimed source and subject, as far as they could be read: for the one refusal that a failure may cause.
  std::optional<Address> claimed_source;
  std::optional<Address> claimed_subject;
};

/// Decodes payloads. Keeps its parser's memory between calls; one thread at a time.
class MessageDecoder {
 public:
  explicit MessageDecoder(MessageLimits limits = {});
  ~MessageDecoder();
  MessageDecoder(MessageDecoder&&) noexcept;
  MessageDecoder& operator=(MessageDecoder&&) noexcept;

  /// Checks size, form, attributes and topic, in that order. `topic` is where the payload arrived; the names in it and
  /// in the payload must agree. The result's views are valid as long as `payload` is.
  /// Numbers that fit neither 64 bits nor a double are refused (RFC 8259, section 6 allows such a limit).
  [[nodiscard]] std::variant<Message, DecodeFailure> decode(std::string_view payload, const Topic& topic, const Topics& topics);
  /// Decodes the JSON of a `data` object, which was sealed, into `message.body`; an Error there when it is not one.
  void decode_data(Message& message, std::string_view json);

 private:
  struct Parser;
  MessageLimits limits_;
  std::unique_ptr<Parser> parser_;
};

// ---- sending ----

/// The attributes a sender chooses. Empty strings and nullopt are left out.
struct Envelope {
  std::string id;
  Address source;
  Address subject;
  WallTime time{};
  std::string correlation_id;
  std::string key_id;
};

/// A request: an Envelope and what only requests have.
struct RequestEnvelope {
  Operation op = Operation::SessionsSend;
  std::string id;  // also the correlation id
  Address source;
  Address subject;
  WallTime time{};
  std::vector<std::string> chain;
  WallTime expiry{};
  std::string incarnation;  // empty for operations that only read
  std::string key_id;
};

/// What stands in a request or reply: the JSON of its data object, from encode_data(), or that sealed (nonce and ciphertext).
struct Content {
  std::string_view bytes;
  bool sealed = false;
};

/// Each returns the event without its trailer: hand it to finish_with_mac() or finish_with_signature().
[[nodiscard]] std::string encode_request(const RequestEnvelope& envelope, const Topics& topics, Content content);
[[nodiscard]] std::string encode_receipt(const Envelope& envelope, const body::Receipt& receipt);
/// `number`: from 1, rising in one exchange.
[[nodiscard]] std::string encode_progress(const Envelope& envelope, std::uint64_t number, Content content);
[[nodiscard]] std::string encode_reply(const Envelope& envelope, ReplyStatus status, Content content);
[[nodiscard]] std::string encode_reply(const Envelope& envelope, const body::Reply& reply);
[[nodiscard]] std::string encode_ack(const Envelope& envelope, const body::Ack& ack);
[[nodiscard]] std::string encode_refusal(const Envelope& envelope, const body::Refusal& refusal);
[[nodiscard]] std::string encode_state(const Envelope& envelope, const body::State& state);
[[nodiscard]] std::string encode_hello(const Envelope& envelope);

/// The data object of a request, progress or reply. REQUIRES: texts are valid UTF-8.
[[nodiscard]] std::string encode_data(const body::SessionsSend& send);
[[nodiscard]] std::string encode_data(const body::SessionsSpawn& spawn);
[[nodiscard]] std::string encode_data(const body::SessionsList& list);
[[nodiscard]] std::string encode_data(const body::SessionsHistory& history);
[[nodiscard]] std::string encode_data(const body::SessionStatus& status);
[[nodiscard]] std::string encode_data(const body::Progress& progress);
[[nodiscard]] std::string encode_data(const body::Status& status);
[[nodiscard]] std::string encode_data(const body::Cancel& cancel);
[[nodiscard]] std::string encode_data(const body::Ping&);
[[nodiscard]] std::string encode_data(const body::AgentsList&);
[[nodiscard]] std::string encode_data(const body::Reply& reply);

[[nodiscard]] std::string request_type(std::string_view op_name);
inline constexpr std::string_view kReplyType = "claw.v1.reply";
inline constexpr std::string_view kProgressType = "claw.v1.progress";

/// What the signature of a state, hello or refusal is over: a fixed prefix, then the event's bytes.
inline constexpr std::string_view kSignaturePrefix = "clawbridge.v1.signature\n";

/// Appends `,"mac":"…"}` or `,"signature":"…"}`.
void finish_with_mac(std::string& event, const Bytes32& mac);
void finish_with_signature(std::string& event, const Bytes64& signature);

inline constexpr std::string_view kContentType = "application/cloudevents+json";

}  // namespace clawbridge
