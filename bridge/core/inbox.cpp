#include "bridge/core/inbox.h"

#include <algorithm>

#include "bridge/core/content.h"
#include "bridge/core/late.h"
#include "bridge/core/outbox.h"
#include "bridge/core/plain.h"
#include "bridge/core/planted.h"
#include "bridge/core/router.h"

namespace clawbridge::core {
namespace {

using action::Level;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds kPurgeEvery = seconds{10};
constexpr std::size_t kPurgeRows = 5'000;
constexpr milliseconds kBusyRetry = seconds{2};
constexpr milliseconds kTrustRetry = seconds{60};
constexpr milliseconds kFullRetry = seconds{60};
constexpr hours kKeepAfterExpiry{1};
constexpr hours kKeepUnacknowledged{7 * 24};
constexpr std::size_t kTombstonesPerPeer = 10'000;
constexpr std::string_view kRateLimited = "rate_limited";
constexpr Operation kOperationsHere[] = {Operation::SessionsSend, Operation::SessionsSpawn, Operation::SessionsList, Operation::SessionStatus,
                                         Operation::SessionsHistory};  // on an agent

}  // namespace

// ---- a request arrives ----

void Inbox::restore(std::vector<IncomingRecord> records, std::vector<ReplayMark> marks, std::vector<std::pair<std::string, std::string>> newest_ids) {
  for (auto& mark : marks) {
    auto gateway = mark.gateway;
    marks_.insert_or_assign(std::move(gateway), std::move(mark));
  }
  for (auto& [gateway, id] : newest_ids) newest_id_.insert_or_assign(gateway, id);
  const auto cancels = std::stable_partition(records.begin(), records.end(), [](const auto& record) { return record.op != Operation::Cancel; });
  cancels_.restore({std::make_move_iterator(cancels), std::make_move_iterator(records.end())});
  records.erase(cancels, records.end());
  turns_.restore(std::move(records));
  purges_.schedule(0, Instant{});
}

bool Inbox::on_request(const Message& message, std::string_view payload) {
  const auto digest = context_.crypto.sha256(payload);
  const bool read_only = is_read_only(message.op);
  if (planted(Planted::ExpiryBeforeKnownIds) && !read_only && *message.expiry + kClockSkew < context_.now.wall) {
    answers_.reply(message, expired_reply());
    return true;
  }
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
    answers_.receipt(message, {.stage = Stage::Deferred, .reason = "awaiting_trust", .retry_after = kTrustRetry, .position = {}, .run_id = {}, .child_session_key = {}});
    return true;
  }
  // A question about exchanges that another journal took must not be answered by this one, which knows of none.
  const bool of_another_journal = read_only && !message.incarnation.empty() && message.incarnation != context_.incarnation;
  if (const auto code = of_another_journal ? std::optional(ErrorCode::JournalChanged) : read_only ? std::nullopt : refuse_old(message)) {
    answers_.refuse(message, payload, *code);
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
    no = admission_.reject(message, rule);
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
      answers_.reply(message, *no);
    } else {
      answer_read_only(message);
    }
    return true;
  }
  if (const auto deferral = reason_to_defer(message.source, message.subject, payload.size(), rule, !no)) {
    context_.count(deferral->counter);
    answers_.receipt(message, {.stage = Stage::Deferred, .reason = std::string(deferral->reason), .retry_after = deferral->retry_after, .position = {}, .run_id = {}, .child_session_key = {}});
    return true;
  }
  if (!no) {
    const auto* send = message.get<body::SessionsSend>();
    if (send != nullptr && send->label.empty()) {
      no = admission_.reject_loop(message.chain, send->session_key.empty() ? default_session(message.subject.agent) : send->session_key);
    } else if (message.op == Operation::SessionsSpawn) {
      no = admission_.reject_loop(message.chain, {});  // a new session waits for nobody, but a chain may be too long
    }
  }
  if (no) {
    record_rejection(message, payload, digest, *no);
  } else if (message.op == Operation::Cancel) {
    take_cancel(message, payload, digest);
  } else {
    take(message, payload, digest, rule);
  }
  return true;
}

// Rule 1. An id above the newest one seen from that gateway is certainly new and costs no look into the journal.
bool Inbox::answer_known(const Message& message, std::string_view payload, const Bytes32& digest) {
  const auto& gateway = message.source.gateway;
  if (const auto* open = turns_.find({gateway, message.id})) {
    context_.count("request.duplicate");
    if (open->digest == digest) {
      turns_.tell_again({gateway, message.id});
    } else {
      answers_.refuse(message, payload, ErrorCode::IdReused);
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
    const bool cancelled = record.status == to_string(ReplyStatus::Cancelled);
    const auto answer = cancelled ? cancelled_reply(false) : expired_reply();
    auto full = record_of(message, payload, digest);
    full.request.clear();  // it will never run: the digest is all that is needed, and no limit was asked
    full.stage = IncomingStage::Ended;
    full.status = to_string(answer.status);
    full.reply = answers_.encode(message.subject, message.source, message.id, answer, message.sealed);
    full.ended = record.ended;
    auto reply = full.reply;
    context_.store(store::PutIncoming{std::move(full)});
    answers_.publish(message.source, message.id, std::move(reply));
  } else if (record.digest != digest) {
    answers_.refuse(message, payload, ErrorCode::IdReused);
  } else {
    answers_.publish(record.source, message.id, std::move(record.stage == IncomingStage::Ended ? record.reply : record.receipt));
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
  if (is_below_mark(message.source.gateway, message.id, *message.expiry)) return ErrorCode::Replayed;
  return std::nullopt;
}

// It may have been taken, and forgotten since.
bool Inbox::is_below_mark(const std::string& gateway, std::string_view id, WallTime expiry) {
  refresh_marks();
  const auto mark = marks_.find(gateway);
  return mark != marks_.end() && ulid_time(id) <= mark->second.id_time && expiry <= mark->second.expiry;
}

// Not now: nothing is journaled, and the same bytes come again. `allowed`: it would be taken otherwise.
std::optional<Inbox::Deferral> Inbox::reason_to_defer(const Address& source, const Address& target, std::size_t bytes, const PolicyRule* rule, bool allowed) {
  const auto& limits = context_.options.limits;
  const auto& gateway = source.gateway;
  const bool needs_a_place = !target.is_bridge();  // a cancel may free one
  if (needs_a_place && (turns_.open() >= limits.incoming_open || turns_.open_of(gateway) >= limits.incoming_open_per_peer)) {
    return Deferral{"busy", "request.deferred.busy", kBusyRetry};
  }
  if (allowed && rule != nullptr && rule->open != 0 && turns_.open_under(rule) >= rule->open) {
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
      reply.pong = body::Pong{context_.options.version, format_time(context_.now.wall), context_.incarnation, turns_.open()};
      break;
    case Operation::AgentsList: {
      // As admission decides: our own callers may address every agent, and no rule is about them.
      const bool own = message.source.gateway == context_.me();
      reply.agents = gateway_.exposed();
      if (own) {
        reply.agents->clear();
        for (const auto& agent : gateway_.info().agents) {
          if (is_agent_id(agent.id)) reply.agents->push_back({agent.id, agent.name, {}});
        }
      }
      for (auto& agent : *reply.agents) {
        for (const auto op : kOperationsHere) {
          if (own || policy_.judge(message.source, op, agent.id, default_session(agent.id)).what != Decision::What::Deny) agent.ops.emplace_back(to_string(op));
        }
      }
      break;
    }
    case Operation::SessionsList:
    case Operation::SessionsHistory:
    case Operation::SessionStatus: {
      const auto* peer = peers_.find(message.source.gateway);
      reads_.take(message, admission_.readable(message), context_.message_bytes_max(peer == nullptr ? 0 : peer->state.message_bytes));
      return;
    }
    default: reply = answer_status(message); break;
  }
  answers_.reply(message, reply);
}

// What became of exchanges that the asking gateway made. `not_found` is made certain by a tombstone.
body::Reply Inbox::answer_status(const Message& message) {
  const auto& gateway = message.source.gateway;
  body::Reply reply;
  reply.exchanges.emplace();
  for (const auto& id : message.get<body::Status>()->ids) {
    if (turns_.find({gateway, id}) != nullptr) {
      reply.exchanges->push_back({id, std::string(turns_.state_of({gateway, id})), {}});
      continue;
    }
    auto record = context_.incoming(gateway, id);
    if (!record) {
      if (may_be_purged(gateway, id)) continue;
      if (tombstones_by_peer_[gateway] >= kTombstonesPerPeer) continue;
      tombstone(gateway, id, ReplyStatus::Expired, context_.now.wall);
      reply.exchanges->push_back({id, "not_found", {}});
    } else if (record->stage == IncomingStage::Tombstone && record->status != to_string(ReplyStatus::Cancelled)) {
      reply.exchanges->push_back({id, "not_found", {}});
    } else if (record->stage == IncomingStage::Stored) {
      reply.exchanges->push_back({id, "stored", {}});  // a cancel request: what it is to stop runs
    } else {
      reply.exchanges->push_back({id, "ended", record->status});
      answers_.publish(record->source, id, std::move(record->reply));
    }
  }
  return reply;
}

// An exchange that nobody acknowledged is forgotten 7 days after its end, by a clock that may have been wrong: from then on nobody
// here knows whether it ran.
bool Inbox::may_be_purged(const std::string& gateway, std::string_view id) {
  refresh_marks();
  const auto mark = marks_.find(gateway);
  return mark != marks_.end() && ulid_time(id) <= mark->second.forgotten;
}

// Makes it certain that an exchange which was never taken will never be: `status` is what its request is answered, should it come.
void Inbox::tombstone(const std::string& gateway, const std::string& id, ReplyStatus status, WallTime expiry) {
  IncomingRecord record;
  record.source_gateway = gateway;
  record.id = id;
  record.source = Address::bridge_of(gateway);
  record.target = Address::bridge_of(context_.me());
  record.op = Operation::Unknown;
  record.expiry = expiry;
  record.status = to_string(status);
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

void Inbox::take_cancel(const Message& message, std::string_view payload, const Bytes32& digest) {
  const auto& gateway = message.source.gateway;
  const auto& cancel = *message.get<body::Cancel>();
  auto& newest = newest_id_[gateway];
  newest = std::max(newest, message.id);
  auto record = record_of(message, payload, digest);
  if (turns_.find({gateway, cancel.id}) != nullptr) {
    if (!cancels_.take(record)) cancels_.answer(std::move(record), rejected(ErrorCode::Busy, "too many requests to stop " + cancel.id + " wait already"));
    return;
  }
  if (const auto target = context_.incoming(gateway, cancel.id)) {
    const bool never_ran = target->stage == IncomingStage::Tombstone;
    cancels_.answer(std::move(record), cancel_reply(target->status, never_ran ? std::optional(false) : std::nullopt));
  } else if (is_below_mark(gateway, cancel.id, cancel.expiry)) {
    cancels_.answer(std::move(record), rejected(ErrorCode::UnknownExchange, context_.me() + " knows nothing of " + cancel.id + " any more; it is too long ago"));
  } else {
    if (!planted(Planted::CancelWithoutTombstone)) tombstone(gateway, cancel.id, ReplyStatus::Cancelled, std::clamp(cancel.expiry, context_.now.wall, context_.now.wall + kExpiryMax + kClockSkew));
    cancels_.answer(std::move(record), cancel_reply(to_string(ReplyStatus::Cancelled), false));
  }
}

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
  if (message.op == Operation::SessionsSpawn) {
    record.session = spawned_session(message.subject.agent, message.source.gateway, message.id);
    record.session_key = record.session;
  }
  if (const auto* cancel = message.get<body::Cancel>()) record.session = cancel->id;
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
  record.reply = answers_.encode(message.subject, message.source, message.id, reply, message.sealed);
  auto bytes = record.reply;
  auto& newest = newest_id_[message.source.gateway];
  newest = std::max(newest, message.id);
  if (!planted(Planted::RejectionNotJournaled)) context_.store(store::PutIncoming{std::move(record)});
  context_.count("request.rejected");
  ++context_.tally.ended[{Direction::Incoming, message.op, "rejected"}];
  ++context_.tally.refused[reply.error->code];
  context_.note(Level::Info, "exchange.answered",
                {{"cid", message.id}, {"peer", message.source.gateway}, {"agent", message.subject.agent},
                 {"status", std::string(to_string(reply.status))}, {"code", std::string(to_string(reply.error->code))}});
  answers_.publish(message.source, message.id, std::move(bytes));
}

void Inbox::take(const Message& message, std::string_view payload, const Bytes32& digest, const PolicyRule* rule) {
  auto& newest = newest_id_[message.source.gateway];
  newest = std::max(newest, message.id);
  turns_.take(record_of(message, payload, digest), rule, *task_of(message));
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
    no = admission_.reject_by_policy(source, Operation::SessionsSend, "sessions_send", to, session, rule);
    if (!no) no = gateway_.reject_agent(source, to.agent);
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
    answers_.plain(request, *no);
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
  Task task;
  task.text = std::move(request.text);
  turns_.take(std::move(record), rule, std::move(task));
}

// ---- late replies ----

void Inbox::take_late_replies() {
  while (!context_.late_replies.empty()) {
    auto record = std::move(context_.late_replies.front());
    context_.late_replies.pop_front();
    if (context_.incoming(record.source_gateway, record.id)) continue;
    Task task;
    task.text = record.request;
    context_.count("reply.late");
    turns_.take(std::move(record), nullptr, std::move(task));
  }
}

// ---- time ----

void Inbox::purge() {
  context_.store(store::Purge{.outgoing_ended_before = context_.now.wall - context_.options.keep,
                              .incoming_expiry_before = context_.now.wall - kKeepAfterExpiry,
                              .incoming_ended_before = context_.now.wall - (planted(Planted::ReplyForgottenBeforeAck) ? hours{0} : kKeepUnacknowledged),
                              .rows_max = kPurgeRows});
  marks_stale_ = true;
  if (context_.now.instant < tombstones_counted_since_ + hours{24}) return;
  tombstones_counted_since_ = context_.now.instant;
  tombstones_by_peer_.clear();
}

void Inbox::on_time() {
  reads_.on_time();
  while (purges_.pop_due(context_.now.instant)) {
    purge();
    purges_.schedule(0, context_.now.instant + kPurgeEvery);
  }
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
  if (record->source_gateway == kLateGateway) {
    view.message = record->request;
    return view;
  }
  if (const auto message = read_back(context_, peers_, record->request, topic::Inbox{record->target})) {
    if (auto task = task_of(*message)) view.message = std::move(task->text);
  }
  if (const auto message = read_back(context_, peers_, record->reply, topic::Reply{record->source})) {
    if (const auto* body = message->get<body::Reply>()) add_reply(view, *body);
  }
  return view;
}

}  // namespace clawbridge::core
