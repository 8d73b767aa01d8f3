#include "bridge/core/inbox.h"

#include <algorithm>

#include "bridge/core/content.h"
#include "bridge/core/outbox.h"
#include "bridge/core/router.h"

namespace clawbridge::core {
namespace {

using action::Level;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr microseconds kReceiptHold = milliseconds{5};
constexpr microseconds kHoldFirst = seconds{1};
constexpr microseconds kHoldMost = seconds{30};
constexpr microseconds kPurgeEvery = seconds{10};
constexpr std::size_t kPurgeRows = 5'000;
constexpr milliseconds kBusyRetry = seconds{2};
constexpr milliseconds kTrustRetry = seconds{60};
constexpr milliseconds kFullRetry = seconds{60};
constexpr hours kKeepAfterExpiry{1};
constexpr hours kKeepUnacknowledged{7 * 24};
constexpr std::size_t kTombstonesPerPeer = 10'000;
constexpr std::size_t kLabelBytesMax = 256;
constexpr std::size_t kSessionKeyBytesMax = 512;

body::Reply failure(ReplyStatus status, ErrorCode code, std::string message, bool retryable = false) {
  body::Reply reply;
  reply.status = status;
  reply.error = Error{code, std::move(message), retryable};
  return reply;
}

body::Reply rejected(ErrorCode code, std::string message) { return failure(ReplyStatus::Rejected, code, std::move(message)); }

body::Reply expired_reply() {
  return failure(ReplyStatus::Expired, ErrorCode::Expired, "expirytime passed before the turn started; the request did not run", true);
}

std::string lane_of(const IncomingRecord& record) {
  return record.target.agent + "|" + (record.session.empty() ? default_session(record.target.agent) : record.session);
}

RunKey run_key(const IncomingRecord& record) { return {record.source_gateway, record.id, record.attempt}; }

std::string idempotency_key(const IncomingRecord& record) {
  return "claw:" + record.source_gateway + ":" + record.id + ":" + std::to_string(record.attempt);
}

// The gateway has it, as far as we know: only then its reports count.
bool is_handed_over(const IncomingRecord& record) { return record.stage == IncomingStage::HandingOver || record.stage == IncomingStage::Started; }

constexpr std::string_view kHandingOver = "handing_over";
constexpr std::string_view kRateLimited = "rate_limited";
constexpr Operation kOperationsHere[] = {Operation::SessionsSend};  // on an agent

}  // namespace

// ---- start ----

void Inbox::restore(std::vector<IncomingRecord> records, std::vector<ReplayMark> marks,
                    std::vector<std::pair<std::string, std::string>> newest_ids) {
  for (auto& mark : marks) {
    auto gateway = mark.gateway;
    marks_.insert_or_assign(std::move(gateway), std::move(mark));
  }
  for (auto& [gateway, id] : newest_ids) newest_id_.insert_or_assign(gateway, id);
  for (auto& record : records) {
    Open open;
    open.record = std::move(record);
    open.arrival = ++arrivals_;
    open.lane = lane_of(open.record);
    const Key key{open.record.source_gateway, open.record.id};
    const bool handed_over = open.record.stage == IncomingStage::HandingOver || open.record.stage == IncomingStage::Started;
    open.waiting = handed_over ? Waiting::ForRecovery : Waiting::ForTurn;
    if (handed_over) runs_.insert_or_assign(open.record.session_key, key);
    ++open_by_peer_[key.first];
    const auto& kept = open.record;
    auto session = std::optional(kept.session_key);
    if (session->empty()) session = kept.session.empty() ? default_session(kept.target.agent) : kept.session;
    if (session->starts_with("label:")) session.reset();
    open.rule = policy_.judge(kept.source, kept.op, kept.target.agent, session).rule;
    ++open_by_rule_[open.rule];
    lanes_[open.lane].push_back(key);
    expiries_.schedule(key, Instant{});
    open_.emplace(key, std::move(open));
  }
  purges_.schedule(0, Instant{});
}

// ---- a request arrives ----

bool Inbox::on_request(const Message& message, std::string_view payload) {
  const auto digest = context_.crypto.sha256(payload);
  const bool read_only = is_read_only(message.op);
  if (!read_only && answer_known(message, payload, digest)) return true;
  const auto* peer = peers_.find(message.source.gateway);
  if (peer != nullptr && peer->revoked()) {
    context_.count("request.revoked_peer");
    return false;
  }
  if (!taking_) {
    context_.count("request.not_taken");
    return true;
  }
  if (peer == nullptr || !peer->pinned()) {
    context_.count("request.awaiting_trust");
    publish_receipt(message, {.stage = Stage::Deferred, .reason = "awaiting_trust", .retry_after = kTrustRetry, .position = {}, .run_id = {}});
    return true;
  }
  // A question about exchanges that another journal took must not be answered by this one, which knows of none.
  const bool of_another_journal = read_only && !message.incarnation.empty() && message.incarnation != context_.incarnation;
  if (const auto code = of_another_journal ? std::optional(ErrorCode::JournalChanged) : read_only ? std::nullopt : refuse_old(message)) {
    refuse(message, payload, *code);
    return true;
  }
  const bool too_late = *message.expiry + kClockSkew < context_.now.wall;
  const bool too_early = *message.expiry > context_.now.wall + kExpiryMax + kClockSkew;
  const PolicyRule* rule = nullptr;
  std::optional<body::Reply> no;
  if (too_late) {
    no = expired_reply();
  } else if (too_early) {
    no = rejected(ErrorCode::BadRequest, "expirytime is more than 7 days ahead");
  } else {
    no = reject(message, rule);
  }
  if (read_only) {
    const bool keeps_exchanges_going = message.op == Operation::Status || message.op == Operation::Ping;
    if (!no && !keeps_exchanges_going) {
      if (const auto wait = policy_.spend(message.source, nullptr, nullptr)) {
        no = failure(ReplyStatus::Rejected, ErrorCode::RateLimited,
                     message.source.gateway + " asks too often; ask again in " + std::to_string(wait->count()) + " ms", true);
      }
    }
    if (no) {
      publish_reply(message.source, message.id, encode(message.subject, message.source, message.id, *no, message.sealed));
    } else {
      answer_read_only(message);
    }
    return true;
  }
  if (const auto deferral = reason_to_defer(message.source, message.subject, payload.size(), rule, !no)) {
    context_.count(deferral->counter);
    publish_receipt(message, {.stage = Stage::Deferred, .reason = std::string(deferral->reason), .retry_after = deferral->retry_after, .position = {}, .run_id = {}});
    return true;
  }
  if (!no) {
    if (const auto* send = message.get<body::SessionsSend>(); send != nullptr && send->label.empty()) {
      no = reject_loop(message.chain, send->session_key.empty() ? default_session(message.subject.agent) : send->session_key);
    }
  }
  if (no) {
    record_rejection(message, payload, digest, *no);
  } else {
    take(message, payload, digest, rule);
  }
  return true;
}

// Rule 1. An id above the newest one seen from that gateway is certainly new and costs no look into the journal.
bool Inbox::answer_known(const Message& message, std::string_view payload, const Bytes32& digest) {
  const auto& gateway = message.source.gateway;
  if (auto* open = find(Key{gateway, message.id})) {
    context_.count("request.duplicate");
    if (open->record.digest != digest) {
      refuse(message, payload, ErrorCode::IdReused);
      return true;
    }
    const auto stored = context_.incoming(gateway, message.id);
    if (stored && !stored->receipt.empty()) {
      publish_reply(open->record.source, message.id, stored->receipt);
    } else {
      owe_receipt(*open);
    }
    return true;
  }
  const auto newest = newest_id_.find(gateway);
  if (newest == newest_id_.end() || message.id > newest->second) return false;
  auto record = context_.incoming(gateway, message.id);
  if (!record) return false;
  context_.count("request.duplicate");
  answer_known_record(std::move(*record), message, payload, digest);
  return true;
}

void Inbox::answer_known_record(IncomingRecord record, const Message& message, std::string_view payload, const Bytes32& digest) {
  if (record.stage == IncomingStage::Tombstone) {
    // The first bytes that arrive for a tombstone become its bytes.
    auto full = record_of(message, payload, digest);
    full.request.clear();  // it will never run: the digest is all that is needed, and no limit was asked
    full.stage = IncomingStage::Ended;
    full.status = to_string(ReplyStatus::Expired);
    full.reply = encode(message.subject, message.source, message.id, expired_reply(), message.sealed);
    full.ended = record.ended;
    auto reply = full.reply;
    context_.store(store::PutIncoming{std::move(full)});
    publish_reply(message.source, message.id, std::move(reply));
  } else if (record.digest != digest) {
    refuse(message, payload, ErrorCode::IdReused);
  } else {
    publish_reply(record.source, message.id, std::move(record.reply));
  }
}

void Inbox::refresh_marks() {
  if (!std::exchange(marks_stale_, false)) return;
  for (auto& mark : context_.journal.replay_marks()) {
    auto gateway = mark.gateway;
    marks_.insert_or_assign(std::move(gateway), std::move(mark));
  }
}

std::optional<ErrorCode> Inbox::refuse_old(const Message& message) {
  if (!message.incarnation.empty() && message.incarnation != context_.incarnation) return ErrorCode::JournalChanged;
  refresh_marks();
  const auto mark = marks_.find(message.source.gateway);
  if (mark != marks_.end() && ulid_time(message.id) <= mark->second.id_time && *message.expiry <= mark->second.expiry) {
    return ErrorCode::Replayed;
  }
  return std::nullopt;
}

// Operation, content and policy. `rule`: the one that lets it in.
std::optional<body::Reply> Inbox::reject(const Message& message, const PolicyRule*& rule) {
  if (message.major != 1 || message.op == Operation::Unknown) {
    return rejected(ErrorCode::Unsupported, context_.me() + " does not know " + message.op_name + (message.major != 1 ? " of that version" : ""));
  }
  if (const auto* error = std::get_if<Error>(&message.body)) return rejected(error->code, error->message);
  const auto* send = message.get<body::SessionsSend>();
  if (send != nullptr) {
    // Whose session it is comes first: a rule about sessions is never asked about one that is not the agent's own.
    if (auto no = reject_target(message, *send)) return no;
  }
  std::optional<std::string> session = default_session(message.subject.agent);
  if (send != nullptr && !send->label.empty()) session.reset();
  if (send != nullptr && !send->session_key.empty()) session = send->session_key;
  if (auto no = reject_by_policy(message.source, message.op, message.op_name, message.subject, session, rule)) return no;
  if (rule != nullptr && rule->message_bytes != 0 && message.covered.size() > rule->message_bytes) {
    return rejected(ErrorCode::TooLarge, "the message has " + std::to_string(message.covered.size()) + " bytes, and " + context_.me() + " takes " +
                                             std::to_string(rule->message_bytes) + " from " + message.source.str());
  }
  switch (message.op) {
    case Operation::SessionsSpawn:
    case Operation::SessionsHistory:
    case Operation::SessionsList:
    case Operation::SessionStatus:
    case Operation::Cancel: return rejected(ErrorCode::Unsupported, context_.me() + " does not carry out " + message.op_name + " in this release");
    case Operation::AgentsList:
    case Operation::Status:
    case Operation::Ping:
      if (!message.subject.is_bridge()) return rejected(ErrorCode::BadRequest, message.op_name + " is asked of " + context_.me() + "/_bridge");
      return std::nullopt;
    default: break;
  }
  if (!agents_known_) return std::nullopt;  // judged when the gateway is there
  return reject_agent(message.source, message.subject.agent);
}

// The asker learns that it is forbidden, and whom to ask; which rule says so is for the operator here.
std::optional<body::Reply> Inbox::reject_by_policy(const Address& source, Operation op, const std::string& op_name, const Address& target,
                                                   const std::optional<std::string>& session, const PolicyRule*& rule) {
  if (source.gateway == context_.me()) return std::nullopt;
  const auto decision = policy_.judge(source, op, target.agent, session);
  rule = decision.rule;
  if (decision.what != Decision::What::Deny) return std::nullopt;
  context_.count("request.forbidden");
  context_.note(Level::Warn, "request.forbidden",
                {{"from", source.str()}, {"to", target.str()}, {"op", op_name}, {"session", session.value_or("")},
                 {"rule", rule != nullptr ? rule->place : "default"}});
  return rejected(ErrorCode::Forbidden, source.str() + " may not use " + op_name + " on " + target.str() +
                                            (session && !target.is_bridge() && *session != default_session(target.agent) ? " in " + *session : "") + "; ask " +
                                            context_.me() + "'s operator for a policy rule that allows it");
}

// A chain that comes back to a session which still waits in it would never end; one that goes on for ever costs money.
std::optional<body::Reply> Inbox::reject_loop(const std::vector<std::string>& chain, std::string_view session_key) const {
  std::string why;
  if (chain.size() > context_.options.limits.max_hops) {
    why = "the chain of requests that led here is longer than " + context_.me() + "'s limit of " + std::to_string(context_.options.limits.max_hops);
  }
  for (const auto& id : chain) {
    const auto awaited = context_.awaited.find(id);
    if (awaited == context_.awaited.end() || awaited->second != session_key) continue;
    why = std::string(session_key) + " still waits for the reply to " + id + ", which led to this request";
    break;
  }
  if (why.empty()) return std::nullopt;
  return rejected(ErrorCode::Loop, why + "; answer the request instead of asking back, or ask without waiting");
}

// The session, now that it is known: the rules about sessions and loops can be asked. (A gateway may know a session by another
// spelling than the one asked for.)
std::optional<body::Reply> Inbox::reject_session(Open& open, const std::string& session_key) {
  const auto& record = open.record;
  if (agent_of_session(session_key) != record.target.agent) {
    return rejected(ErrorCode::Forbidden, "the session found is not " + record.target.agent + "'s own");
  }
  if (session_key == record.session) return std::nullopt;  // judged when it came
  const PolicyRule* rule = nullptr;
  if (auto no = reject_by_policy(record.source, record.op, std::string(to_string(record.op)), record.target, session_key, rule)) return no;
  leave_rule(open);
  open.rule = rule;
  ++open_by_rule_[rule];
  const auto stored = context_.incoming(record.source_gateway, record.id);
  const auto message = stored ? read_back(context_, peers_, stored->request, topic::Inbox{record.target}) : std::nullopt;
  return message ? reject_loop(message->chain, session_key) : std::nullopt;
}

std::vector<std::string> Inbox::chain_of(std::string_view agent, std::string_view session_key) const {
  if (agent == kBridgeAgent) return {};
  const auto run = runs_.find(session_key.empty() ? default_session(agent) : std::string(session_key));
  if (run == runs_.end()) return {};
  const auto record = context_.incoming(run->second.first, run->second.second);
  if (!record) return {};
  std::vector<std::string> chain;
  if (const auto message = read_back(context_, peers_, record->request, topic::Inbox{record->target})) chain = message->chain;
  chain.push_back(record->id);
  return chain;
}

std::optional<body::Reply> Inbox::reject_target(const Message& message, const body::SessionsSend& send) const {
  const auto& agent = message.subject.agent;
  if (message.subject.is_bridge()) return rejected(ErrorCode::BadRequest, "sessions_send is asked of an agent, not of the bridge");
  if (send.label.size() > kLabelBytesMax || send.session_key.size() > kSessionKeyBytesMax) {
    return rejected(ErrorCode::BadRequest, "the session key or label is too long");
  }
  if (!send.session_key.empty()) {
    const auto owner = agent_of_session(send.session_key);
    if (owner.empty()) return rejected(ErrorCode::BadRequest, "sessionKey must be written agent:" + agent + ":<name>");
    if (owner != agent) return rejected(ErrorCode::Forbidden, "session " + send.session_key + " is not " + agent + "'s own");
  }
  return std::nullopt;
}

// Others may address the exposed agents, our own callers all of them.
std::optional<body::Reply> Inbox::reject_agent(const Address& source, const std::string& agent) const {
  const auto is_it = [&](const auto& candidate) { return candidate.id == agent; };
  if (std::any_of(exposed_.begin(), exposed_.end(), is_it)) return std::nullopt;
  const bool own = source.gateway == context_.me();
  if (own && std::any_of(gateway_.agents.begin(), gateway_.agents.end(), is_it)) return std::nullopt;
  std::string known;
  for (const auto& candidate : exposed_) known.append(known.empty() ? "" : ", ").append(candidate.id);
  return rejected(ErrorCode::UnknownAgent, context_.me() + " has no agent \"" + agent + "\"; it has: " + (known.empty() ? "none" : known));
}

// Not now: nothing is journaled, and the same bytes come again. `allowed`: it would be taken otherwise.
std::optional<Inbox::Deferral> Inbox::reason_to_defer(const Address& source, const Address& target, std::size_t bytes, const PolicyRule* rule, bool allowed) {
  const auto& limits = context_.options.limits;
  const auto& gateway = source.gateway;
  const auto of_peer = open_by_peer_.find(gateway);
  if (open_.size() >= limits.incoming_open || (of_peer != open_by_peer_.end() && of_peer->second >= limits.incoming_open_per_peer)) {
    return Deferral{"busy", "request.deferred.busy", kBusyRetry};
  }
  if (const auto of_rule = open_by_rule_.find(rule); allowed && rule != nullptr && rule->open != 0 && of_rule != open_by_rule_.end() && of_rule->second >= rule->open) {
    return Deferral{"busy", "request.deferred.busy", kBusyRetry};
  }
  if (gateway != context_.me() && context_.journal.incoming_bytes(gateway) + bytes > limits.journal_bytes_per_peer) return Deferral{"store_full", "request.deferred.store_full", kFullRetry};
  if (const auto wait = policy_.spend(source, allowed ? &target : nullptr, rule)) return Deferral{kRateLimited, "request.deferred.rate_limited", *wait};
  return std::nullopt;
}

// ---- operations that only read ----

void Inbox::answer_read_only(const Message& message) {
  body::Reply reply;
  switch (message.op) {
    case Operation::Ping:
      reply.pong = body::Pong{context_.options.version, format_time(context_.now.wall), context_.incarnation, open_.size()};
      break;
    case Operation::AgentsList: {
      reply.agents = exposed_;
      for (auto& agent : *reply.agents) {
        for (const auto op : kOperationsHere) {
          const auto what = policy_.judge(message.source, op, agent.id, default_session(agent.id)).what;
          if (what != Decision::What::Deny) agent.ops.emplace_back(to_string(op));
        }
      }
      break;
    }
    default: reply = answer_status(message); break;
  }
  publish_reply(message.source, message.id, encode(message.subject, message.source, message.id, reply, message.sealed));
}

// What became of exchanges that the asking gateway made. `not_found` is made certain by a tombstone.
body::Reply Inbox::answer_status(const Message& message) {
  const auto& gateway = message.source.gateway;
  body::Reply reply;
  reply.exchanges.emplace();
  for (const auto& id : message.get<body::Status>()->ids) {
    if (const auto* open = find(Key{gateway, id})) {
      const auto stage = open->record.stage;
      const bool started = stage == IncomingStage::Started || stage == IncomingStage::HandingOver;
      reply.exchanges->push_back({id, started ? "started" : open->waiting == Waiting::ForTurn ? "stored" : "queued", {}});
      continue;
    }
    auto record = context_.incoming(gateway, id);
    if (!record) {
      if (may_be_purged(gateway, id)) continue;
      if (tombstones_by_peer_[gateway] >= kTombstonesPerPeer) continue;
      tombstone(gateway, id);
      reply.exchanges->push_back({id, "not_found", {}});
    } else if (record->stage == IncomingStage::Tombstone) {
      reply.exchanges->push_back({id, "not_found", {}});
    } else {
      reply.exchanges->push_back({id, "ended", record->status});
      publish_reply(record->source, id, std::move(record->reply));
    }
  }
  return reply;
}

// An exchange that nobody acknowledged is forgotten 7 days after its end: from then on nobody here knows whether it ran.
bool Inbox::may_be_purged(const std::string& gateway, std::string_view id) {
  refresh_marks();
  const auto mark = marks_.find(gateway);
  return mark != marks_.end() && ulid_time(id) <= mark->second.id_time && ulid_time(id) + kKeepUnacknowledged <= context_.now.wall;
}

void Inbox::tombstone(const std::string& gateway, const std::string& id) {
  IncomingRecord record;
  record.source_gateway = gateway;
  record.id = id;
  record.source = Address::bridge_of(gateway);
  record.target = Address::bridge_of(context_.me());
  record.op = Operation::Unknown;
  record.expiry = context_.now.wall;
  record.received = context_.now.wall;
  record.ended = context_.now.wall;
  record.stage = IncomingStage::Tombstone;
  context_.store(store::PutIncoming{std::move(record)});
  auto& newest = newest_id_[gateway];
  newest = std::max(newest, id);
  ++tombstones_by_peer_[gateway];
}

void Inbox::on_ack(const Message& message) {
  const auto* ack = message.get<body::Ack>();
  if (ack == nullptr || ack->ids.empty()) {
    context_.count("ack.ignored");
    return;
  }
  context_.store(store::AcknowledgeIncoming{message.source.gateway, ack->ids});
}

// ---- taking ----

IncomingRecord Inbox::record_of(const Message& message, std::string_view payload, const Bytes32& digest) const {
  IncomingRecord record;
  record.source_gateway = message.source.gateway;
  record.id = message.id;
  record.digest = digest;
  record.request.assign(payload);
  record.source = message.source;
  record.target = message.subject;
  record.op = message.op;
  if (const auto* send = message.get<body::SessionsSend>()) {
    record.session = send->label.empty() ? send->session_key : "label:" + send->label;
  }
  record.sealed = message.sealed;
  record.expiry = *message.expiry;
  record.received = context_.now.wall;
  record.stages.push_back({"stored", context_.now.wall});
  return record;
}

void Inbox::record_rejection(const Message& message, std::string_view payload, const Bytes32& digest, const body::Reply& reply) {
  auto record = record_of(message, payload, digest);
  record.stage = IncomingStage::Ended;
  record.status = to_string(reply.status);
  record.ended = context_.now.wall;
  record.reply = encode(message.subject, message.source, message.id, reply, message.sealed);
  auto bytes = record.reply;
  auto& newest = newest_id_[message.source.gateway];
  newest = std::max(newest, message.id);
  context_.store(store::PutIncoming{std::move(record)});
  context_.count("request.rejected");
  context_.note(Level::Info, "exchange.answered",
                {{"cid", message.id}, {"peer", message.source.gateway}, {"agent", message.subject.agent},
                 {"status", std::string(to_string(reply.status))}, {"code", std::string(to_string(reply.error->code))}});
  publish_reply(message.source, message.id, std::move(bytes));
}

void Inbox::take(const Message& message, std::string_view payload, const Bytes32& digest, const PolicyRule* rule) {
  auto& newest = newest_id_[message.source.gateway];
  newest = std::max(newest, message.id);
  take_record(record_of(message, payload, digest), rule, message.get<body::SessionsSend>()->message);
}

void Inbox::take_record(IncomingRecord full, const PolicyRule* rule, const std::string& text) {
  const Key key{full.source_gateway, full.id};
  Open open;
  open.record = full;
  open.record.request.clear();
  open.arrival = ++arrivals_;
  open.lane = lane_of(full);
  open.rule = rule;
  ++open_by_rule_[rule];
  ++open_by_peer_[key.first];
  expiries_.schedule(key, context_.now.instant + (full.expiry + kClockSkew - context_.now.wall));
  context_.count("request.taken");
  context_.note(Level::Debug, "request.taken", {{"cid", key.second}, {"peer", key.first}, {"from", full.source.str()}, {"agent", full.target.agent}});
  auto& entry = open_.emplace(key, std::move(open)).first->second;
  auto& lane = lanes_[entry.lane];
  lane.push_back(key);
  if (lane.size() == 1 && may_run_at_once(entry)) {
    // One write to the journal holds the request and its handing over.
    hand_over(entry);
    full.session_key = entry.record.session_key;
    full.stage = entry.record.stage;
    full.attempt = entry.record.attempt;
    full.boot_id = entry.record.boot_id;
    full.stages = entry.record.stages;
    context_.store(store::PutIncoming{std::move(full)});
    order_run(entry, text);
  } else {
    context_.store(store::PutIncoming{std::move(full)});
    if (lane.size() == 1) start(entry, &text);
  }
  if (find(key) != nullptr) owe_receipt(entry);
}

// ---- plain requests ----

// Journaled like any other, so that the turn survives a crash; but the client can ask twice, and then it runs twice.
void Inbox::on_plain(const Address& to, const event::BrokerMessage& message) {
  PlainRequest request{message.payload, message.response_topic, message.correlation_data};
  const Address source{std::string(kPlainGateway), "client"};
  const auto session = plain_session(context_, to.agent, request.response_topic);
  const PolicyRule* rule = nullptr;
  std::optional<body::Reply> no;
  if (!taking_) {
    no = rejected(ErrorCode::Busy, context_.me() + " takes no requests now; try again later");
  } else if (message.payload.size() > context_.options.limits.message.message_bytes) {
    no = rejected(ErrorCode::TooLarge, "the text is longer than " + std::to_string(context_.options.limits.message.message_bytes) + " bytes");
  } else if (find_invalid_utf8(message.payload)) {
    no = rejected(ErrorCode::BadRequest, "the text is not valid UTF-8");
  } else {
    no = reject_by_policy(source, Operation::SessionsSend, "sessions_send", to, session, rule);
    if (!no && agents_known_) no = reject_agent(source, to.agent);
  }
  if (!no) {
    // A client that is no bridge cannot be put off: it is told, and asks again itself.
    if (const auto deferral = reason_to_defer(source, to, message.payload.size(), rule, true)) {
      no = deferral->reason == kRateLimited
               ? rejected(ErrorCode::RateLimited, "too many requests; try again in " + std::to_string(deferral->retry_after.count()) + " ms")
               : rejected(ErrorCode::Busy, context_.me() + " has too much to do; try again later");
    }
  }
  if (no) {
    context_.count("plain.rejected");
    answer_plain(request, *no);
    return;
  }
  IncomingRecord record;
  record.source_gateway = kPlainGateway;
  record.id = context_.new_id();
  record.digest = context_.crypto.sha256(message.payload);
  record.request = plain_to_record(request);
  record.source = source;
  record.target = to;
  record.session = session;
  record.session_key = session;
  record.expiry = context_.now.wall + kExpiryDefault;
  record.received = context_.now.wall;
  record.stages.push_back({"stored", context_.now.wall});
  context_.count("plain.taken");
  take_record(std::move(record), rule, request.text);
}

void Inbox::answer_plain(const PlainRequest& request, const body::Reply& reply) {
  context_.actions.emplace_back(action::Publish{.topic = request.response_topic,
                                                .payload = plain_answer(reply),
                                                .correlation_id = request.correlation_data,
                                                .response_topic = {},
                                                .expires_in = {},
                                                .plain = true});
}

// ---- turns ----

Inbox::Open* Inbox::find(const Key& key) {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &found->second;
}

// The exchange whose current attempt that is.
Inbox::Open* Inbox::find(const RunKey& run) {
  auto* open = find(Key{run.source_gateway, run.id});
  return open != nullptr && open->record.attempt == run.attempt ? open : nullptr;
}

std::optional<std::string> Inbox::text_of(const IncomingRecord& record) const {
  const auto stored = context_.incoming(record.source_gateway, record.id);
  if (!stored) return std::nullopt;
  if (record.source_gateway == kPlainGateway) {
    auto plain = plain_from_record(stored->request);
    return plain ? std::optional(std::move(plain->text)) : std::nullopt;
  }
  const auto message = read_back(context_, peers_, stored->request, topic::Inbox{record.target});
  const auto* send = message ? message->get<body::SessionsSend>() : nullptr;
  if (send == nullptr) return std::nullopt;
  return send->message;
}

// Moves the head of a lane on, if it can move.
void Inbox::advance(const std::string& lane) {
  // What ends at once advances its lane again: a list instead of recursion, however long the lane is.
  to_advance_.push_back(lane);
  if (std::exchange(advancing_, true)) return;
  while (!to_advance_.empty()) {
    const auto next = std::move(to_advance_.back());
    to_advance_.pop_back();
    const auto found = lanes_.find(next);
    if (found == lanes_.end()) continue;
    auto* head = find(found->second.front());
    if (head != nullptr && head->waiting == Waiting::ForTurn && !head->held) start(*head, nullptr);
  }
  advancing_ = false;
}

void Inbox::advance_all() {
  std::vector<std::string> lanes;
  for (const auto& [lane, keys] : lanes_) lanes.push_back(lane);
  for (const auto& lane : lanes) advance(lane);
}

// The head of a lane: finds its session, then its turn. `text`: the message, when it is at hand.
void Inbox::start(Open& open, const std::string* text) {
  if (!gateway_up_) return;
  auto& record = open.record;
  if (expired(open)) {
    end(open, expired_reply());
    return;
  }
  if (auto no = reject_agent(record.source, record.target.agent)) {
    end(open, std::move(*no));
    return;
  }
  const auto fallback = default_session(record.target.agent);
  if (record.session.empty() || record.session == fallback) record.session_key = fallback;
  if (record.session_key.empty()) {
    open.waiting = Waiting::Resolving;
    const bool label = record.session.starts_with("label:");
    context_.actions.emplace_back(action::ResolveSession{run_key(record), record.target.agent, label ? std::string() : record.session,
                                                         label ? record.session.substr(6) : std::string()});
    return;
  }
  if (runs_.contains(record.session_key) || is_full(open)) {
    wait_for_session(open);
    return;
  }
  if (text != nullptr) {
    run(open, *text);
  } else if (const auto stored = text_of(record)) {
    run(open, *stored);
  } else {
    end(open, failure(ReplyStatus::Error, ErrorCode::Internal, "the request could not be read back from the journal"));
  }
}

// No slot is free: of all turns, or of those that its rule lets run at once.
bool Inbox::is_full(const Open& open) const {
  if (runs_.size() >= context_.options.limits.runs) return true;
  if (open.rule == nullptr || open.rule->concurrent == 0) return false;
  const auto of_rule = std::count_if(runs_.begin(), runs_.end(), [&](const auto& run) {
    const auto running = open_.find(run.second);
    return running != open_.end() && running->second.rule == open.rule;
  });
  return static_cast<std::size_t>(of_rule) >= open.rule->concurrent;
}

void Inbox::wait_for_session(Open& open) {
  open.waiting = Waiting::ForSession;
  if (open.record.stage == IncomingStage::Stored) open.record.stage = IncomingStage::Queued;
  session_waiters_[open.record.session_key].emplace(open.arrival, Key{open.record.source_gateway, open.record.id});
}

// Nothing is in the way of the turn of a request for its agent's default session.
bool Inbox::may_run_at_once(const Open& open) const {
  const auto& record = open.record;
  const auto session_key = default_session(record.target.agent);
  if (!gateway_up_ || !(record.session.empty() || record.session == session_key)) return false;
  if (runs_.contains(session_key) || is_full(open)) return false;
  return !reject_agent(record.source, record.target.agent);
}

// "Handing over" is journaled before the gateway hears of the turn.
void Inbox::run(Open& open, const std::string& text) {
  hand_over(open);
  save(open);
  order_run(open, text);
}

void Inbox::hand_over(Open& open) {
  auto& record = open.record;
  if (record.session_key.empty()) record.session_key = default_session(record.target.agent);
  open.waiting = Waiting::Running;
  ++record.attempt;
  record.stage = IncomingStage::HandingOver;
  record.boot_id = gateway_.boot_id;
  reached(open, kHandingOver);
  runs_.insert_or_assign(record.session_key, Key{record.source_gateway, record.id});
}

void Inbox::order_run(const Open& open, const std::string& text) {
  const auto& record = open.record;
  context_.count("turn.handed_over");
  context_.note(Level::Debug, "turn.handed_over", {{"cid", record.id}, {"agent", record.target.agent}, {"session", record.session_key}});
  context_.actions.emplace_back(action::StartRun{.run = run_key(record),
                                                 .idempotency_key = idempotency_key(record),
                                                 .agent = record.target.agent,
                                                 .session_key = record.session_key,
                                                 .text = text,
                                                 .source_session = record.source.str(),
                                                 .source_channel = "mqtt:" + record.id});
}

void Inbox::recover(Open& open) {
  open.waiting = Waiting::Recovering;
  const auto& record = open.record;
  context_.count("turn.recovering");
  context_.note(Level::Info, "turn.recovering", {{"cid", record.id}, {"agent", record.target.agent}, {"session", record.session_key}});
  const auto latest = std::find_if(record.stages.rbegin(), record.stages.rend(), [](const auto& stage) { return stage.stage == kHandingOver; });
  const auto handed_over = latest == record.stages.rend() ? record.received : latest->time;
  context_.actions.emplace_back(action::RecoverRun{.run = run_key(record),
                                                   .idempotency_key = idempotency_key(record),
                                                   .agent = record.target.agent,
                                                   .session_key = record.session_key,
                                                   .source_channel = "mqtt:" + record.id,
                                                   .text = text_of(record).value_or(""),
                                                   .boot_id = record.boot_id,
                                                   .handed_over = handed_over});
}

// The session is free, and with it a slot.
void Inbox::release_session(const std::string& session_key) {
  runs_.erase(session_key);
  fill_slots();
}

// Starts those whose session is free, whoever arrived first.
void Inbox::fill_slots() {
  while (runs_.size() < context_.options.limits.runs) {
    auto oldest = session_waiters_.end();
    for (auto at = session_waiters_.begin(); at != session_waiters_.end(); ++at) {
      const auto* first = find(at->second.begin()->second);
      if (runs_.contains(at->first) || (first != nullptr && is_full(*first))) continue;
      if (oldest == session_waiters_.end() || at->second.begin()->first < oldest->second.begin()->first) oldest = at;
    }
    if (oldest == session_waiters_.end()) return;
    const auto key = oldest->second.begin()->second;
    oldest->second.erase(oldest->second.begin());
    if (oldest->second.empty()) session_waiters_.erase(oldest);
    if (auto* open = find(key)) {
      open->waiting = Waiting::ForTurn;
      start(*open, nullptr);
    }
  }
}

void Inbox::leave_rule(const Open& open) {
  const auto of_rule = open_by_rule_.find(open.rule);
  if (of_rule != open_by_rule_.end() && --of_rule->second == 0) open_by_rule_.erase(of_rule);
}

void Inbox::end(Open& open, body::Reply reply) {
  auto& record = open.record;
  const Key key{record.source_gateway, record.id};
  const auto lane = open.lane;
  const auto session_key = record.session_key;
  if (reply.session_key.empty() && reply.status != ReplyStatus::Rejected) reply.session_key = session_key;
  if (!reply.run_id.empty()) record.run_id = reply.run_id;
  record.stage = IncomingStage::Ended;
  record.status = to_string(reply.status);
  record.ended = context_.now.wall;
  reached(open, "ended");
  std::optional<PlainRequest> plain;
  if (record.source_gateway == kPlainGateway) {
    if (const auto stored = context_.incoming(key.first, key.second)) plain = plain_from_record(stored->request);
  }
  auto payload = plain ? plain_answer(reply) : encode(record.target, record.source, record.id, reply, record.sealed);
  save(open, {}, payload);
  if (record.attempt > 0) context_.actions.emplace_back(action::ForgetRun{run_key(record), idempotency_key(record)});
  context_.count("turn.ended");
  const auto took = std::chrono::duration_cast<milliseconds>(record.ended - record.received);
  context_.note(Level::Info, "exchange.answered",
                {{"cid", record.id}, {"peer", record.source_gateway}, {"agent", record.target.agent}, {"session", session_key},
                 {"status", record.status}, {"ms", std::to_string(took.count())}});
  if (plain) {
    answer_plain(*plain, reply);
    context_.store(store::AcknowledgeIncoming{key.first, {key.second}});  // nobody else will
  } else {
    publish_reply(record.source, record.id, std::move(payload));
  }

  const auto run = runs_.find(session_key);
  const bool was_running = run != runs_.end() && run->second == key;
  if (const auto waiters = session_waiters_.find(session_key); waiters != session_waiters_.end()) {
    waiters->second.erase(open.arrival);
    if (waiters->second.empty()) session_waiters_.erase(waiters);
  }
  receipts_.cancel(key);
  held_.cancel(key);
  expiries_.cancel(key);
  if (auto of_peer = open_by_peer_.find(key.first); of_peer != open_by_peer_.end() && --of_peer->second == 0) open_by_peer_.erase(of_peer);
  leave_rule(open);
  open_.erase(key);
  if (const auto queue = lanes_.find(lane); queue != lanes_.end()) {
    if (queue->second.front() == key) {
      queue->second.pop_front();
    } else {
      std::erase(queue->second, key);
    }
    if (queue->second.empty()) lanes_.erase(queue);
  }
  advance(lane);
  if (was_running) release_session(session_key);
}

// ---- the local gateway ----

void Inbox::choose_exposed() {
  const auto& expose = context_.options.expose;
  exposed_.clear();
  for (const auto& agent : gateway_.agents) {
    if (expose && std::find(expose->begin(), expose->end(), agent.id) == expose->end()) continue;
    if (!is_agent_id(agent.id)) continue;
    exposed_.push_back({agent.id, context_.options.agent_names ? agent.name : "", {}});
  }
}

void Inbox::on_gateway_up(const event::GatewayUp& up) {
  gateway_ = up;
  choose_exposed();
  gateway_up_ = true;
  agents_known_ = true;
  gateway_error_.clear();
  context_.note(Level::Info, "gateway.up", {{"kind", up.kind}, {"version", up.version}, {"agents", std::to_string(up.agents.size())}});
  std::vector<Key> lost;
  for (const auto& [key, open] : open_) {
    if (open.waiting == Waiting::ForRecovery) lost.push_back(key);
  }
  for (const auto& key : lost) {
    if (auto* open = find(key)) recover(*open);
  }
  advance_all();
}

void Inbox::on_gateway_down(const event::GatewayDown& down) {
  if (gateway_up_ || gateway_error_ != down.reason) {
    context_.note(Level::Warn, "gateway.down", {{"reason", down.reason}});
  }
  const bool was_up = std::exchange(gateway_up_, false);
  gateway_error_ = down.reason;
  // Questions about sessions die with the connection.
  for (auto& [key, open] : open_) {
    if (open.waiting == Waiting::Resolving) open.waiting = Waiting::ForTurn;
    if (open.waiting == Waiting::Recovering) open.waiting = Waiting::ForRecovery;
    if (was_up && open.waiting == Waiting::ForTurn) owe_receipt(open);
  }
}

void Inbox::on_gateway_agents(std::vector<event::GatewayAgent> agents) {
  gateway_.agents = std::move(agents);
  choose_exposed();
  agents_known_ = true;
}

void Inbox::on_session_resolved(const event::SessionResolved& resolved) {
  auto* open = find(resolved.run);
  if (open == nullptr || open->waiting != Waiting::Resolving) return;
  open->waiting = Waiting::ForTurn;
  if (resolved.session_key) {
    if (auto no = reject_session(*open, *resolved.session_key)) {
      end(*open, std::move(*no));
      return;
    }
    open->record.session_key = *resolved.session_key;
    start(*open, nullptr);
  } else if (resolved.session_key.error().code == ErrorCode::GatewayDown) {
    open->held = true;
    held_.schedule({open->record.source_gateway, open->record.id}, context_.now.instant + kHoldFirst);
  } else {
    end(*open, rejected(resolved.session_key.error().code, resolved.session_key.error().message));
  }
}

void Inbox::on_run_started(const event::RunStarted& started) {
  auto* open = find(started.run);
  if (open == nullptr || !is_handed_over(open->record)) return;
  if (open->waiting == Waiting::Recovering) open->waiting = Waiting::Running;
  open->record.stage = IncomingStage::Started;
  open->record.run_id = started.run_id;
  reached(*open, "started");
  owe_receipt(*open);
}

void Inbox::on_run_ended(const event::RunEnded& ended) {
  auto* open = find(ended.run);
  if (open == nullptr) {
    context_.count("turn.late_outcome");
    return;
  }
  end(*open, ended.outcome);
}

void Inbox::on_run_not_taken(const event::RunNotTaken& not_taken) {
  auto* open = find(not_taken.run);
  if (open == nullptr || !is_handed_over(open->record)) return;
  auto& record = open->record;
  context_.count("turn.not_taken");
  context_.note(Level::Warn, "turn.not_taken", {{"cid", record.id}, {"agent", record.target.agent}, {"reason", not_taken.reason}});
  record.stage = IncomingStage::Queued;
  open->waiting = Waiting::ForTurn;
  open->held = true;
  open->retry_delay = open->retry_delay.count() == 0 ? kHoldFirst : std::min(open->retry_delay * 2, kHoldMost);
  save(*open);
  const Key key{record.source_gateway, record.id};
  held_.schedule(key, context_.now.instant + open->retry_delay);
  expiries_.schedule(key, context_.now.instant);
  owe_receipt(*open);
  if (const auto run = runs_.find(record.session_key); run != runs_.end() && run->second == key) release_session(std::string(record.session_key));
}

void Inbox::on_run_lost(const event::RunLost& lost) {
  auto* open = find(lost.run);
  if (open == nullptr || !is_handed_over(open->record)) return;
  context_.note(Level::Warn, "turn.lost", {{"cid", open->record.id}, {"agent", open->record.target.agent}, {"reason", lost.reason}});
  open->waiting = Waiting::ForRecovery;
  if (gateway_up_) recover(*open);
}

// ---- telling the requester ----

void Inbox::owe_receipt(Open& open) {
  receipts_.schedule_by({open.record.source_gateway, open.record.id}, context_.now.instant + kReceiptHold);
}

void Inbox::send_receipt(const Key& key) {
  auto* open = find(key);
  if (open == nullptr) return;
  auto& record = open->record;
  const auto* peer = peers_.find(key.first);
  if (peer == nullptr || !peer->can_be_told()) return;
  body::Receipt receipt;
  if (record.stage == IncomingStage::Started) {
    receipt.stage = Stage::Started;
    receipt.run_id = record.run_id;
  } else if (!gateway_up_) {
    receipt.stage = Stage::Queued;
    receipt.reason = "gateway_down";
  } else if (record.stage == IncomingStage::Stored && open->waiting != Waiting::ForSession && lanes_[open->lane].front() == key) {
    receipt.stage = Stage::Stored;
  } else if (record.stage == IncomingStage::HandingOver) {
    receipt.stage = Stage::Stored;
  } else {
    receipt.stage = Stage::Queued;
    receipt.reason = "busy";
  }
  const auto told = std::string(to_string(receipt.stage)) + receipt.reason;
  if (open->receipt_sent && told == open->receipt_told) {
    // The same again only for a duplicate, and then the same bytes.
    if (const auto stored = context_.incoming(key.first, key.second); stored && !stored->receipt.empty()) {
      publish_reply(record.source, record.id, stored->receipt);
    }
    return;
  }
  open->receipt_sent = true;
  open->receipt_told = told;
  auto event = encode_receipt({context_.new_id(), record.target, record.source, context_.now.wall, record.id, context_.key_id}, receipt);
  context_.authenticate(event, peer->channel().mac_out);
  save(*open, event);
  publish_reply(record.source, record.id, std::move(event));
}

// A receipt for what was not taken: nothing of it is kept.
void Inbox::publish_receipt(const Message& message, const body::Receipt& receipt) {
  const auto* peer = peers_.find(message.source.gateway);
  if (peer == nullptr || !peer->can_be_told()) return;
  auto event = encode_receipt({context_.new_id(), message.subject, message.source, context_.now.wall, message.id, context_.key_id}, receipt);
  context_.authenticate(event, peer->channel().mac_out);
  publish_reply(message.source, message.id, std::move(event));
}

void Inbox::publish_reply(const Address& to, const std::string& correlation_id, std::string payload) {
  if (payload.empty()) return;
  context_.publish({.topic = context_.topics.reply(to), .payload = std::move(payload), .correlation_id = correlation_id, .response_topic = {}, .expires_in = {}},
                   to.gateway);
}

// `id_reused`, `replayed` and `journal_changed`: one per arrival, signed, nothing journaled.
void Inbox::refuse(const Message& message, std::string_view payload, ErrorCode code) {
  context_.count("request.refused");
  context_.note(Level::Warn, "request.refused_here",
                {{"cid", message.id}, {"peer", message.source.gateway}, {"code", std::string(to_string(code))}});
  auto event = encode_refusal({context_.new_id(), message.subject, message.source, context_.now.wall, {}, context_.key_id},
                              {hex_encode(context_.crypto.sha256(payload)), code});
  context_.sign(event);
  publish_reply(message.source, {}, std::move(event));
}

std::string Inbox::encode(const Address& from, const Address& to, const std::string& correlation_id, const body::Reply& reply, bool sealed) const {
  const auto* peer = peers_.find(to.gateway);
  if (peer == nullptr || !peer->can_be_told()) return {};
  const auto write = [&](const body::Reply& what) {
    return make_reply(context_, *peer, {context_.new_id(), from, to, context_.now.wall, correlation_id, context_.key_id}, what, sealed);
  };
  auto event = write(reply);
  const auto most = context_.message_bytes_max(peer->state.message_bytes);
  if (event.size() <= most) return event;
  // The turn has run: its outcome must arrive, even if not all of its words can.
  auto cut = reply;
  cut.truncated = true;
  auto keep = static_cast<std::size_t>(static_cast<double>(reply.reply.size()) * static_cast<double>(most) / static_cast<double>(event.size()));
  for (;; keep -= keep / 8 + 1) {
    while (keep > 0 && (static_cast<unsigned char>(reply.reply[keep]) & 0xc0) == 0x80) --keep;
    cut.reply.assign(reply.reply, 0, keep);
    event = write(cut);
    if (event.size() <= most || keep == 0) return event;
  }
}

void Inbox::reached(Open& open, std::string_view stage) {
  auto& stages = open.record.stages;
  if (!stages.empty() && stages.back().stage == stage) return;
  if (stages.size() < 16) stages.push_back({std::string(stage), context_.now.wall});
}

void Inbox::save(const Open& open, std::string receipt, std::string reply) {
  const auto& record = open.record;
  context_.store(store::UpdateIncoming{record.source_gateway, record.id, record.session_key, record.stage, record.attempt, record.boot_id,
                                       record.run_id, std::move(receipt), std::move(reply), record.status, record.stages, record.ended});
}

// ---- time ----

void Inbox::purge() {
  context_.store(store::Purge{.outgoing_ended_before = context_.now.wall - context_.options.keep,
                              .incoming_expiry_before = context_.now.wall - kKeepAfterExpiry,
                              .incoming_ended_before = context_.now.wall - kKeepUnacknowledged,
                              .rows_max = kPurgeRows});
  marks_stale_ = true;
  if (context_.now.instant < tombstones_counted_since_ + hours{24}) return;
  tombstones_counted_since_ = context_.now.instant;
  tombstones_by_peer_.clear();
}

void Inbox::on_time() {
  const auto now = context_.now.instant;
  while (const auto key = receipts_.pop_due(now)) send_receipt(*key);
  while (const auto key = held_.pop_due(now)) {
    if (auto* open = find(*key)) {
      open->held = false;
      advance(std::string(open->lane));
    }
  }
  while (const auto key = expiries_.pop_due(now)) {
    auto* open = find(*key);
    if (open == nullptr || open->waiting == Waiting::Running || open->waiting == Waiting::Recovering || open->waiting == Waiting::ForRecovery) continue;
    if (expired(*open)) {
      end(*open, expired_reply());
    } else {
      // The wall clock may jump: look again at least every ten minutes.
      const auto left = open->record.expiry + kClockSkew - context_.now.wall + milliseconds{1};
      expiries_.schedule(*key, now + std::min<microseconds>(left, minutes{10}));
    }
  }
  while (purges_.pop_due(now)) {
    purge();
    purges_.schedule(0, now + kPurgeEvery);
  }
}

std::optional<Instant> Inbox::next_deadline() const {
  return earliest(earliest(receipts_.next(), held_.next()), earliest(expiries_.next(), purges_.next()));
}

// ---- views ----

ExchangeView Inbox::view_of(const IncomingRecord& record) const {
  ExchangeView view;
  view.correlation_id = record.id;
  view.outgoing = false;
  view.remote = record.source_gateway != context_.me();
  view.status = record.status.empty() ? "accepted" : record.status;
  view.gateway = context_.me();
  view.agent = record.target.agent;
  view.source = record.source.str();
  view.operation = to_string(record.op);
  view.session_key = record.session_key;
  view.run_id = record.run_id;
  view.stage = record.stages.empty() ? "stored" : record.stages.back().stage;
  view.stages = record.stages;
  view.created = record.received;
  view.expiry = record.expiry;
  return view;
}

std::optional<ExchangeView> Inbox::view(std::string_view id) const {
  const auto record = context_.journal.find_incoming(id);
  if (!record) return std::nullopt;
  auto view = view_of(*record);
  if (record->source_gateway == kPlainGateway) {
    if (auto plain = plain_from_record(record->request)) view.message = std::move(plain->text);
    if (!record->status.empty()) view.reply = record->reply;
    return view;
  }
  if (const auto message = read_back(context_, peers_, record->request, topic::Inbox{record->target})) {
    if (const auto* send = message->get<body::SessionsSend>()) view.message = send->message;
  }
  if (const auto message = read_back(context_, peers_, record->reply, topic::Reply{record->source})) {
    if (const auto* body = message->get<body::Reply>()) add_reply(view, *body);
  }
  return view;
}

}  // namespace clawbridge::core
