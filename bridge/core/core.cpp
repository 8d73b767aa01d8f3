#include "bridge/core/core.h"

#include <algorithm>

#include "bridge/core/content.h"
#include "bridge/core/late.h"
#include "bridge/core/plain.h"
#include "bridge/core/router.h"
#include "topics/doctor.h"

namespace clawbridge::core {
namespace {

using action::Level;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr microseconds kRefusalEvery = seconds{10};
constexpr std::size_t kRefusedGatewaysMax = 256;
constexpr microseconds kDrainWait = seconds{3};
constexpr microseconds kOfflineWait = seconds{2};

std::vector<ExchangeView> newest(std::vector<ExchangeView> views, std::size_t limit) {
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.correlation_id > b.correlation_id; });
  if (views.size() > limit) views.resize(limit);
  return views;
}

}  // namespace

Core::Core(Options options, Snapshot restored, JournalReader& journal, const Cryptography& crypto, Random& random)
    : context_(std::move(options), journal, crypto, random, restored.incarnation),
      decoder_(context_.options.limits.message),
      peers_(context_),
      asks_(context_),
      outbox_(context_, peers_, asks_),
      gateway_(context_),
      inbox_(context_, peers_, gateway_),
      link_(context_, peers_, outbox_, asks_, gateway_, restored.epoch) {
  if (!restored.last_id.empty()) context_.ids.start_after(restored.last_id);
  peers_.restore(std::move(restored.peers));
  outbox_.restore(std::move(restored.outgoing), std::move(restored.answered), std::move(restored.untold));
  inbox_.restore(std::move(restored.incoming), std::move(restored.replay_marks), std::move(restored.newest_ids));
}

// One overload per event.
struct Core::Handler {
  Core& core;

  void operator()(const event::Tick&) const {}
  void operator()(const event::BrokerConnected& e) const { core.link_.on_connected(e); }
  void operator()(const event::BrokerConnectFailed& e) const {
    core.link_.on_connect_failed(e);
    core.link_changed();
  }
  void operator()(const event::BrokerLost& e) const {
    core.link_.on_lost(e);
    core.link_changed();
  }
  void operator()(const event::BrokerSubscribed& e) const {
    core.link_.on_subscribed(e);
    core.link_changed();
  }
  void operator()(const event::BrokerPublished& e) const {
    if (e.token % 2 == 0) {
      core.link_.on_published(e);
    } else if (!e.ok) {
      core.outbox_.on_publish_failed(e);
    }
  }
  void operator()(const event::BrokerMessage& e) const {
    if (!core.receive_plain(e)) core.receive(e.topic, e.payload, e.retained, Origin::Broker);
  }
  void operator()(const event::GatewayUp& e) const {
    core.gateway_.on_up(e);
    core.inbox_.turns().on_gateway_up();
    core.link_.on_gateway_changed();
  }
  void operator()(const event::GatewayDown& e) const {
    const bool was_up = core.gateway_.is_up();
    core.gateway_.on_down(e);
    core.inbox_.turns().on_gateway_down(was_up);
    if (was_up) core.link_.on_gateway_changed();
  }
  void operator()(const event::GatewayAgents& e) const {
    core.gateway_.on_agents(e.agents);
    core.link_.on_gateway_changed();
  }
  void operator()(const event::SessionResolved& e) const { core.inbox_.turns().on_session_resolved(e); }
  void operator()(const event::RunStarted& e) const { core.inbox_.turns().on_run_started(e); }
  void operator()(const event::RunEnded& e) const { core.inbox_.turns().on_run_ended(e); }
  void operator()(const event::RunNotTaken& e) const { core.inbox_.turns().on_run_not_taken(e); }
  void operator()(const event::RunLost& e) const { core.inbox_.turns().on_run_lost(e); }
  void operator()(const event::RunProgress& e) const { core.inbox_.turns().on_run_progress(e); }
  void operator()(const event::SessionsRead& e) const { core.inbox_.on_sessions_read(e); }
  void operator()(const event::AbortRefused& e) const { core.inbox_.turns().on_abort_refused(e); }
  void operator()(const event::LocalSend& e) const { core.send(e); }
  void operator()(const event::LocalSpawn& e) const { core.spawn(e); }
  void operator()(const event::LocalAsk& e) const { core.ask(e); }
  void operator()(const event::LocalWait& e) const { core.outbox_.wait(e); }
  void operator()(const event::LocalCancel& e) const { core.outbox_.cancel(e); }
  void operator()(const event::LocalReplay& e) const { core.replay(e); }
  void operator()(const event::LocalDrop& e) const { core.drop(e); }
  void operator()(const event::LocalGone& e) const {
    core.outbox_.forget(e.ticket);
    core.asks_.forget(e.ticket);
  }
  void operator()(const event::LocalTrust& e) const { core.trust(e); }
  void operator()(const event::LocalRevoke& e) const { core.revoke(e); }
  void operator()(const event::SettingsChanged& e) const { core.take_settings(*e.to); }
  void operator()(const event::Shutdown&) const {
    if (core.stopping_ != Stopping::No) return;
    core.stopping_ = Stopping::Draining;
    core.stop_deadline_ = core.context_.now.instant + kDrainWait;
    core.inbox_.stop_taking();
  }
};

Actions Core::step(Now now, Event event) {
  context_.now = now;
  if (!started_) {
    started_ = true;
    link_.start();
    inbox_.start();
    outbox_.start();
  }
  std::visit(Handler{*this}, event);
  drain_loopback();
  const bool was_up = link_.up();
  link_.on_time();
  if (was_up != link_.up()) link_changed();
  outbox_.on_time();
  inbox_.turns().on_time();
  inbox_.on_time();
  for (const auto& answer : asks_.on_time()) on_ask_answer(answer);
  drain_loopback();
  go_on_stopping();
  return context_.end_step();
}

std::optional<Instant> Core::next_deadline() const {
  if (!started_) return Instant{};
  auto next = earliest(earliest(link_.next_deadline(), outbox_.next_deadline()), earliest(inbox_.next_deadline(), asks_.next_deadline()));
  next = earliest(next, inbox_.turns().next_deadline());
  if (stopping_ == Stopping::Draining || stopping_ == Stopping::Offline) next = earliest(next, stop_deadline_);
  return next;
}

void Core::drain_loopback() {
  for (;;) {
    inbox_.settle_cancels();
    inbox_.take_late_replies();
    if (context_.loopback.empty()) return;
    const auto [topic, payload] = std::move(context_.loopback.front());
    context_.loopback.pop_front();
    receive(topic, payload, false, Origin::Loopback);
  }
}

void Core::link_changed() {
  if (link_.name_conflict()) {
    inbox_.stop_taking();
  } else if (stopping_ == Stopping::No) {
    inbox_.take_again();
  }
  outbox_.on_link(link_.up(), link_.broker_error());
}

void Core::go_on_stopping() {
  if (stopping_ == Stopping::Draining && (inbox_.turns().running() == 0 || context_.now.instant >= stop_deadline_)) {
    stopping_ = Stopping::Offline;
    stop_deadline_ = context_.now.instant + kOfflineWait;
    link_.say_offline();
  }
  if (stopping_ == Stopping::Offline && (link_.offline_said() || context_.now.instant >= stop_deadline_)) {
    stopping_ = Stopping::Done;
    link_.disconnect();
    context_.actions.emplace_back(action::Stopped{});
  }
}

// ---- a message arrives ----

void Core::dropped(std::string_view counter, std::string_view topic, std::string_view payload, std::string why) {
  context_.count(counter);
  context_.note(Level::Warn, counter, {{"topic", std::string(topic)}, {"bytes", std::to_string(payload.size())}, {"reason", std::move(why)}});
}

// The contract's checks up to the MAC, in its order; what passes is authentic.
void Core::receive(std::string_view topic_text, std::string_view payload, bool retained, Origin origin) {
  const auto topic = context_.topics.parse(topic_text);
  if (!topic) {
    if (is_doctors(context_.topics, context_.me(), topic_text)) {
      context_.count("dropped.doctor");
      return;
    }
    dropped("dropped.topic", topic_text, payload, "the topic is none of the contract's");
    return;
  }
  if (std::holds_alternative<topic::State>(*topic)) {
    receive_state(*topic, payload, retained);
    return;
  }
  const auto* inbox = std::get_if<topic::Inbox>(&*topic);
  const auto* reply = std::get_if<topic::Reply>(&*topic);
  const auto* to = inbox != nullptr ? &inbox->to : reply != nullptr ? &reply->to : nullptr;
  if (to != nullptr && to->gateway != context_.me()) {
    dropped("dropped.topic", topic_text, payload, "the topic is another gateway's");
    return;
  }
  if (retained) {
    dropped("dropped.retained", topic_text, payload, "retained messages mean nothing there; clear it with an empty retained message");
    return;
  }
  auto decoded = decoder_.decode(payload, *topic, context_.topics);
  if (const auto* failure = std::get_if<DecodeFailure>(&decoded)) {
    static constexpr std::string_view kCounters[] = {"dropped.size", "dropped.form", "dropped.attributes", "dropped.topic"};
    dropped(kCounters[static_cast<std::size_t>(failure->check)], topic_text, payload, failure->error.message);
    refuse(failure->claimed_source, failure->claimed_subject, payload, failure->error.code);
    return;
  }
  auto& message = std::get<Message>(decoded);
  if (message.type == MessageType::State) {
    handle_state(message, payload);  // an answer to our hello: it brings its own keys
    return;
  }
  if (const auto code = peers_.check(message)) {
    static constexpr auto kCounter = [](ErrorCode what) -> std::string_view {
      if (what == ErrorCode::UnknownPeer) return "dropped.unknown_peer";
      return what == ErrorCode::KeyChanged ? "dropped.key_changed" : "dropped.unauthentic";
    };
    dropped(kCounter(*code), topic_text, payload, "not authentic: " + std::string(to_string(*code)) + ", claimed source " + message.source.str());
    refuse(message.source, message.subject.gateway.empty() ? std::nullopt : std::optional(message.subject), payload, *code);
    return;
  }
  open_content(context_, peers_, decoder_, message);
  if (origin == Origin::Broker && message.source.gateway == context_.me()) {
    handle_from_own_name(message);
  } else {
    handle(message, payload);
  }
}

// Text of a client that is no bridge. False when it is none, or when no such client is let in at all.
bool Core::receive_plain(const event::BrokerMessage& message) {
  if (context_.options.plain_clients.empty() || message.retained || !is_plain(message.payload)) return false;
  const auto topic = context_.topics.parse(message.topic);
  const auto* inbox = topic ? std::get_if<topic::Inbox>(&*topic) : nullptr;
  if (inbox == nullptr || inbox->to.gateway != context_.me() || inbox->to.is_bridge()) return false;
  if (auto why = refuse_plain(context_.options, inbox->to.agent, message)) {
    dropped("dropped.plain", message.topic, message.payload, std::move(*why));
  } else {
    inbox_.on_plain(inbox->to, message);
  }
  return true;
}

void Core::receive_state(const Topic& topic, std::string_view payload, bool retained) {
  const auto& gateway = std::get<topic::State>(topic).gateway;
  if (payload.empty() && gateway != context_.me()) {
    context_.count("state.empty");
    return;
  }
  const auto decoded = decoder_.decode(payload, topic, context_.topics);
  if (gateway == context_.me()) {
    link_.on_own_state(decoded, payload, retained);
    link_changed();
    return;
  }
  if (const auto* failure = std::get_if<DecodeFailure>(&decoded)) {
    dropped("state.malformed", context_.topics.state(gateway), payload, failure->error.message);
    return;
  }
  handle_state(std::get<Message>(decoded), payload);
}

void Core::handle_state(const Message& message, std::string_view payload) {
  if (message.source.gateway == context_.me()) return;
  const auto* before = peers_.find(message.source.gateway);
  const bool was_reachable = before != nullptr && before->reachable();
  const auto change = peers_.on_state(message, payload);
  if (!change) return;
  if (change->doubt != 0) {
    asks_.ask(*peers_.find(change->gateway), Operation::Ping, encode_data(body::Ping{}), AskForIncarnation{change->doubt}, seconds{10});
    return;
  }
  if (const auto* peer = peers_.find_pinned(change->gateway); peer != nullptr && was_reachable && !peer->reachable()) link_.on_peer_offline();
  outbox_.on_peer(*change);
}

void Core::handle(const Message& message, std::string_view payload) {
  const auto& gateway = message.source.gateway;
  if (message.type == MessageType::Request) {
    if (const auto* peer = peers_.find_pinned(gateway); peer != nullptr && gateway != context_.me()) {
      if (!peer->reachable()) link_.look_again();
      if (!message.incarnation.empty() && message.incarnation != context_.incarnation) link_.on_asked_for_another_journal();
    }
    if (!inbox_.on_request(message, payload)) refuse(message.source, message.subject, payload, ErrorCode::UnknownPeer);
    return;
  }
  if (message.type == MessageType::Hello) {
    link_.on_hello(message);
    return;
  }
  if (peers_.find_pinned(gateway) == nullptr) {
    context_.count(peers_.find(gateway)->revoked() ? "dropped.revoked_peer" : "dropped.pending_peer");
    return;
  }
  // Who speaks is not offline: its newer state was lost on the way, and the broker may still have it.
  if (gateway != context_.me() && !peers_.find(gateway)->reachable()) link_.look_again();
  switch (message.type) {
    case MessageType::Receipt: outbox_.on_receipt(message); break;
    case MessageType::Progress: outbox_.on_progress(message); break;
    case MessageType::Reply: handle_reply(message, payload); break;
    case MessageType::Refusal: {
      const auto* refusal = message.get<body::Refusal>();
      if (refusal != nullptr && refusal->code == ErrorCode::JournalChanged) link_.look_again();
      if (refusal != nullptr && refusal->code == ErrorCode::UnknownPeer) link_.introduce(gateway);
      outbox_.on_refusal(message);
      break;
    }
    case MessageType::Ack: inbox_.on_ack(message); break;
    default: context_.count("dropped.unexpected"); break;  // parts
  }
}

void Core::handle_reply(const Message& message, std::string_view payload) {
  if (const auto answer = asks_.on_reply(message)) {
    on_ask_answer(*answer);
  } else {
    outbox_.on_reply(message, payload);
  }
}

// Our own name and keys, but not from here: the echo of our own ping, or another bridge that bears our name.
void Core::handle_from_own_name(const Message& message) {
  const auto purpose = asks_.purpose_of(message.id);
  const bool to_answer = !purpose || std::holds_alternative<AskForOurselves>(*purpose);
  if (message.type == MessageType::Request && message.op == Operation::Ping && to_answer) {
    body::Reply reply;
    reply.pong = body::Pong{context_.options.version, format_time(context_.now.wall), context_.incarnation, inbox_.turns().open()};
    auto event = make_reply(context_, *peers_.find(context_.me()),
                            {context_.new_id(), message.subject, message.source, context_.now.wall, message.id, context_.key_id}, reply, message.sealed);
    context_.actions.emplace_back(action::Publish{.topic = context_.topics.reply(message.source), .payload = std::move(event),
                                                  .correlation_id = message.id, .response_topic = {}, .expires_in = {}});
  } else if (message.type == MessageType::Reply) {
    if (const auto answer = asks_.on_reply(message)) on_ask_answer(*answer);
  } else {
    context_.count("dropped.own_name");
  }
}

// At most one per claimed gateway in 10 s, and not for more than a few hundred names: the claim may be a lie.
void Core::refuse(const std::optional<Address>& claimed_source, const std::optional<Address>& claimed_subject, std::string_view payload, ErrorCode code) {
  if (!claimed_source || claimed_source->gateway == context_.me()) return;
  std::erase_if(refused_at_, [&](const auto& entry) { return context_.now.instant - entry.second >= kRefusalEvery; });
  if (refused_at_.contains(claimed_source->gateway) || refused_at_.size() >= kRefusedGatewaysMax) return;
  refused_at_.emplace(claimed_source->gateway, context_.now.instant);
  const bool mine = claimed_subject && claimed_subject->gateway == context_.me();
  auto event = encode_refusal({context_.new_id(), mine ? *claimed_subject : Address::bridge_of(context_.me()), *claimed_source, context_.now.wall, {}, context_.key_id},
                              {hex_encode(context_.crypto.sha256(payload)), code});
  context_.sign(event);
  context_.count("refusal.sent");
  context_.publish({.topic = context_.topics.reply(*claimed_source), .payload = std::move(event), .correlation_id = {}, .response_topic = {}, .expires_in = {}},
                   claimed_source->gateway);
}

void Core::on_ask_answer(const AskAnswer& answer) {
  if (const auto* caller = std::get_if<AskForCaller>(&answer.purpose)) {
    auto result = answer.reply ? AskResult(AskView{*answer.reply, answer.gateway}) : AskResult(answer.reply.error());
    context_.actions.emplace_back(action::Answer{caller->ticket, std::move(result)});
    return;
  }
  if (std::holds_alternative<AskForOurselves>(answer.purpose)) {
    link_.on_own_ping(answer.reply.has_value());
    link_changed();
    return;
  }
  if (!answer.reply) {
    if (answer.gateway == context_.me() && std::holds_alternative<AskForIncarnation>(answer.purpose)) link_.on_own_silence();
    return;
  }
  if (std::holds_alternative<AskForExchanges>(answer.purpose)) {
    if (answer.reply->exchanges) outbox_.on_status(answer.gateway, *answer.reply->exchanges);
  } else if (answer.gateway == context_.me()) {
    link_.on_own_pong(*answer.reply);
    link_changed();
  } else if (answer.reply->pong) {
    const auto doubt = std::get<AskForIncarnation>(answer.purpose).doubt;
    if (const auto payload = peers_.settle_doubt(answer.gateway, doubt, answer.reply->pong->incarnation)) {
      const auto decoded = decoder_.decode(*payload, topic::State{answer.gateway}, context_.topics);
      const auto* message = std::get_if<Message>(&decoded);
      if (message != nullptr) handle_state(*message, *payload);
    }
  }
}

// ---- local callers ----

// Where a caller's request goes, and which requests caused it. Nothing when the caller has been answered instead.
std::optional<Core::Route> Core::route(Ticket ticket, const WrittenTarget& written, const std::string& caller_agent, const std::string& caller_session) {
  const auto refuse = [&](std::string_view counter, Error error) {
    context_.count(counter);
    context_.actions.emplace_back(action::Answer{ticket, SendResult(std::move(error))});
    return std::nullopt;
  };
  if (stopping_ != Stopping::No) return refuse("send.refused", {ErrorCode::Busy, "clawbridge is shutting down; send again when it runs", true});
  auto target = resolve_target(written, context_, peers_, gateway_.info().agents, link_.discovered());
  if (!target) return refuse("send.refused", target.error());
  auto chain = inbox_.turns().chain_of(caller_agent, caller_session);
  if (chain.size() > context_.options.limits.max_hops) {
    return refuse("send.loop", {ErrorCode::Loop,
                                "this would be the " + std::to_string(chain.size()) + "th request in a chain of requests that cause one another, and limits.max_hops is " +
                                    std::to_string(context_.options.limits.max_hops) + "; the chain began with " + chain.front(),
                                false});
  }
  return Route{std::move(*target), std::move(chain)};
}

// Its next state may be lost on the way.
void Core::look_out_for(const std::string& gateway) {
  if (const auto* peer = peers_.find(gateway); gateway != context_.me() && (peer == nullptr || !peer->known_state)) link_.on_peer_offline();
}

void Core::send(const event::LocalSend& send) {
  auto to = route(send.ticket, {send.gateway, send.agent, send.session_key, send.label}, send.caller_agent, send.caller_session);
  if (!to) return;
  outbox_.send(send, to->target, std::move(to->chain));
  look_out_for(to->target.address.gateway);
}

void Core::spawn(const event::LocalSpawn& spawn) {
  auto to = route(spawn.ticket, {spawn.gateway, spawn.agent, {}, {}}, spawn.caller_agent, spawn.caller_session);
  if (!to) return;
  outbox_.spawn(spawn, to->target, std::move(to->chain));
  look_out_for(to->target.address.gateway);
}

namespace {

Operation operation_of(const event::LocalAsk& ask) {
  static constexpr Operation kOperations[] = {Operation::Ping, Operation::AgentsList, Operation::SessionsList, Operation::SessionsHistory, Operation::SessionStatus};
  return kOperations[ask.what.index()];
}

// The session key that a question names, to be replaced by the one its gateway knows; nothing when it names none.
std::string* session_key_of(event::LocalAsk& ask) {
  if (auto* history = std::get_if<body::SessionsHistory>(&ask.what)) return &history->session_key;
  if (auto* status = std::get_if<body::SessionStatus>(&ask.what)) return &status->session_key;
  return nullptr;
}

}  // namespace

void Core::ask(event::LocalAsk ask) {
  const auto refuse = [&](Error error) { context_.actions.emplace_back(action::Answer{ask.ticket, AskResult(std::move(error))}); };
  const auto op = operation_of(ask);
  const bool of_sessions = op != Operation::Ping && op != Operation::AgentsList;
  std::string agent(kBridgeAgent);
  if (of_sessions) {
    auto* session_key = session_key_of(ask);
    if (session_key == nullptr && ask.agent.empty()) {
      if (ask.gateway.empty()) ask.gateway = context_.me();
    } else {
      const auto target = resolve_target({ask.gateway, ask.agent, session_key == nullptr ? std::string() : *session_key, {}}, context_, peers_,
                                         gateway_.info().agents, link_.discovered());
      if (!target) return refuse(target.error());
      ask.gateway = target->address.gateway;
      agent = target->address.agent;
      if (session_key != nullptr) *session_key = target->session_key;
    }
  }
  const bool own = ask.gateway == context_.me();
  const auto* peer = peers_.find_pinned(ask.gateway);
  if (peer == nullptr || (own && op == Operation::Ping)) {
    return refuse({ErrorCode::UnknownPeer, "no trusted gateway \"" + ask.gateway + "\" is known here; `clawbridge peers list` shows those that are", true});
  }
  if (!own && !link_.up()) {
    return refuse({ErrorCode::Timeout, link_.broker_error().empty() ? "the broker is not reachable yet" : link_.broker_error(), true});
  }
  const auto data = std::visit([](const auto& what) { return encode_data(what); }, ask.what);
  if (!asks_.ask(*peer, op, data, AskForCaller{ask.ticket}, ask.wait, {}, {ask.caller_agent, agent})) {
    refuse({ErrorCode::Busy, "too many questions are under way; try again", true});
  }
}

void Core::replay(const event::LocalReplay& replay) {
  const auto refuse = [&](Error error) { context_.actions.emplace_back(action::Answer{replay.ticket, SendResult(std::move(error))}); };
  if (stopping_ != Stopping::No) {
    refuse({ErrorCode::Busy, "clawbridge is shutting down; replay it when it runs again", true});
  } else if (const auto incoming = context_.journal.find_incoming(replay.id); incoming && incoming->dead && incoming->source_gateway != context_.me()) {
    refuse({ErrorCode::BadRequest, replay.id + " was asked by " + incoming->source.str() + ": replay it there, or drop it here", false});
  } else {
    outbox_.replay(replay);
  }
}

void Core::drop(const event::LocalDrop& drop) {
  const auto incoming = context_.journal.find_incoming(drop.id);
  const bool here = incoming && incoming->dead;
  if (here) context_.store(store::BuryDead{incoming->source_gateway, drop.id});
  if (outbox_.drop(drop)) return;
  context_.actions.emplace_back(action::Answer{drop.ticket, here ? SendResult(inbox_.view_of(*incoming)) : SendResult(no_dead_letter(drop.id))});
}

void Core::revoke(const event::LocalRevoke& revoke) {
  context_.actions.emplace_back(action::Answer{revoke.ticket, TrustResult(peers_.revoke(revoke.gateway))});
}

void Core::trust(const event::LocalTrust& trust) {
  auto result = peers_.trust(trust.gateway, trust.fingerprint);
  const bool trusted = result.has_value();
  context_.actions.emplace_back(action::Answer{trust.ticket, TrustResult(std::move(result))});
  if (trusted) outbox_.on_peer({.gateway = trust.gateway, .newly_pinned = true});
}

// New rules hold for what comes from now on. A turn that was taken goes on, an exchange beyond a lowered limit too.
void Core::take_settings(const Changeable& to) {
  const bool seen_by_others = to.expose != context_.options.expose || to.agent_names != context_.options.agent_names;
  const bool other_pins = to.peers != context_.options.peers;
  context_.change(to);
  gateway_.on_settings();
  if (other_pins) {
    for (const auto& change : peers_.on_settings()) outbox_.on_peer(change);
    link_.on_peer_offline();  // perhaps: those whose state was refused before are looked at again
  }
  inbox_.turns().on_settings();
  if (seen_by_others) link_.on_gateway_changed();
}

// ---- views ----

StatusView Core::status() const {
  StatusView view;
  view.gateway = context_.me();
  view.version = context_.options.version;
  const bool whole = gateway_.is_up() && link_.broker_error().empty();
  view.state = link_.name_conflict() ? "name_conflict" : !link_.up() ? "offline" : whole ? "online" : "degraded";
  view.fingerprint = hex_encode(context_.fingerprint);
  view.incarnation = context_.incarnation;
  view.epoch = link_.epoch();
  view.broker_state = link_.broker_state();
  view.broker_error = link_.broker_error();
  view.broker_since = link_.broker_since();
  view.broker_protocol = link_.protocol();
  view.broker_insecure = context_.options.broker_insecure;
  view.gateway_connected = gateway_.is_up();
  view.gateway_since = gateway_.since();
  view.gateway_kind = context_.options.gateway_kind;
  view.gateway_version = gateway_.info().version;
  view.gateway_error = gateway_.error();
  for (const auto& agent : gateway_.info().agents) view.agents.push_back(agent.id);
  view.peers = peers_.all().size() - 1;
  view.peers_online = peers_.online();
  view.peers_pending = peers_.pending();
  view.outgoing_open = outbox_.open();
  view.incoming_open = inbox_.turns().open();
  const auto& limits = context_.options.limits;
  view.queues = {{"outgoing", outbox_.open(), limits.outgoing_open},
                 {"incoming", inbox_.turns().open(), limits.incoming_open},
                 {"runs", inbox_.turns().running(), limits.runs},
                 {"asks", asks_.open(), limits.asks},
                 {"waiters", outbox_.waiting(), limits.waiters}};
  view.outgoing_bytes = {"outgoing", outbox_.bytes(), limits.outgoing_bytes};
  for (const auto& [name, value] : context_.counters) view.counters.emplace(name, value);
  return view;
}

std::vector<PeerView> Core::peers() const {
  std::vector<PeerView> views;
  for (const auto& [gateway, peer] : peers_.all()) {
    if (gateway == context_.me()) continue;
    views.push_back(peers_.view(peer));
    views.back().open_outgoing = outbox_.open_to(gateway);
  }
  return views;
}

std::vector<AgentView> Core::agents() const {
  std::vector<AgentView> views;
  const std::string here = gateway_.is_up() ? "online" : "degraded";
  for (const auto& agent : gateway_.info().agents) views.push_back({context_.me(), agent.id, agent.name, here, false});
  for (const auto& [gateway, peer] : peers_.all()) {
    if (gateway == context_.me() || !peer.pinned()) continue;
    for (const auto& agent : peer.state.agents) {
      views.push_back({gateway, agent.id, agent.name, std::string(to_string(peer.state.presence)), true});
    }
  }
  return views;
}

std::optional<ExchangeView> Core::exchange(std::string_view id) const {
  if (auto view = outbox_.view(id, true)) return view;
  return inbox_.view(id);
}

std::vector<ExchangeView> Core::dead(std::size_t limit) const {
  std::vector<ExchangeView> views;
  for (const auto& record : context_.journal.dead_outgoing(limit)) views.push_back(outbox_.view(record.id, true).value_or(outbox_.view_of(record)));
  for (const auto& record : context_.journal.dead_incoming(limit)) {
    if (record.source_gateway != context_.me()) views.push_back(inbox_.view(record.id).value_or(inbox_.view_of(record)));
  }
  // The reasons stand in the replies; the texts are for who asks for one of them.
  for (auto& view : views) {
    view.message.reset();
    view.reply.reset();
  }
  return newest(std::move(views), limit);
}

std::vector<ExchangeView> Core::exchanges(std::size_t limit) const {
  std::vector<ExchangeView> views;
  for (const auto& record : context_.journal.list_outgoing(limit)) views.push_back(outbox_.view_of(record));
  for (const auto& record : context_.journal.list_incoming(limit)) {
    const bool is_told_elsewhere = record.source_gateway == context_.me() || record.source_gateway == kLateGateway;
    if (!is_told_elsewhere && record.stage != IncomingStage::Tombstone) views.push_back(inbox_.view_of(record));
  }
  return newest(std::move(views), limit);
}

}  // namespace clawbridge::core
