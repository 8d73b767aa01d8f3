#include "bridge/core/link.h"

#include <algorithm>

namespace clawbridge::core {
namespace {

using action::Level;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds kBackoffFirst = seconds{1};
constexpr microseconds kBackoffMost = seconds{30};
constexpr microseconds kSlowRetry = seconds{30};     // where only an operator can help
constexpr microseconds kRetentionWait = seconds{2};
constexpr microseconds kDiscoveryWait = seconds{5};  // after a hello: its answers come within 2 s
constexpr microseconds kHelloJitter = seconds{2};
constexpr microseconds kHelloEvery = seconds{10};
constexpr microseconds kRepublishEvery = seconds{5};
constexpr std::size_t kHelloAskersMax = 4'096;
constexpr milliseconds kPingWait = seconds{5};
constexpr milliseconds kOwnPingWait = seconds{10};
constexpr microseconds kOwnPingEvery = seconds{30};  // while it is not answered
constexpr microseconds kLookAgainEvery = seconds{10};
constexpr microseconds kLookAgainFirst = seconds{15};  // after a peer went offline
constexpr microseconds kLookAgainMost = seconds{600};
constexpr microseconds kConnectWaitFirst = seconds{10};
constexpr microseconds kConnectWaitMost = seconds{60};
constexpr microseconds kOwnStateFirst = seconds{10};  // after our own state did not come back

constexpr std::string_view kOperations[] = {"sessions_send", "sessions_spawn", "sessions_list", "sessions_history", "session_status",
                                            "cancel", "agents_list", "status", "ping"};

}  // namespace

void Link::start() { timers_.schedule(Timer::Connect, context_.now.instant); }

std::string_view Link::broker_state() const {
  switch (phase_) {
    case Phase::Up: return "connected";
    case Phase::Connecting:
    case Phase::Subscribing: return "connecting";
    case Phase::Down: return "waiting";
    case Phase::Closed: return "closed";
  }
  return "waiting";
}

// ---- connecting ----

void Link::connect() {
  const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::floor<seconds>(context_.now.wall.time_since_epoch()).count()));
  epoch_ = std::max(now, last_epoch_ + 1);
  revision_ = 0;
  phase_ = Phase::Connecting;
  connect_wait_ = std::clamp(connect_wait_, kConnectWaitFirst, kConnectWaitMost);
  timers_.schedule(Timer::GiveUp, context_.now.instant + connect_wait_);
  context_.store(store::PutEpoch{epoch_});
  const auto name = "claw-" + context_.me() + "-" + context_.incarnation.substr(0, 8);
  will_ = sign_state(make_state(body::Presence::Offline, kWillRevision));
  context_.note(Level::Debug, "broker.connecting", {{"epoch", std::to_string(epoch_)}, {"protocol", std::to_string(protocol_)}});
  context_.actions.emplace_back(action::ConnectBroker{.sub_client_id = name + "-sub",
                                                      .pub_client_id = name + "-pub",
                                                      .protocol = protocol_,
                                                      .will_topic = context_.topics.state(context_.me()),
                                                      .will_payload = will_});
}

void Link::on_connected(const event::BrokerConnected& connected) {
  if (phase_ != Phase::Connecting) return;
  last_epoch_ = epoch_;
  context_.packet_bytes_max = connected.packet_bytes_max;
  protocol_ = connected.protocol;
  phase_ = Phase::Subscribing;
  subscribe();
}

void Link::subscribe() {
  const auto& topics = context_.topics;
  context_.actions.emplace_back(action::Subscribe{{{topics.inbox_filter(context_.me()), false},
                                                   {topics.reply_filter(context_.me()), false},
                                                   {topics.state_filter(), true},
                                                   {topics.hello(), false}}});
}

void Link::on_subscribed(const event::BrokerSubscribed& subscribed) {
  if (phase_ != Phase::Subscribing) return;  // the answer to the second subscription of the retention test
  for (const auto& result : subscribed.results) {
    if (result.granted) continue;
    context_.count("broker.denied");
    context_.actions.emplace_back(action::DisconnectBroker{});
    fail("the broker refused the subscription to " + result.filter + "; give this user the right to subscribe to it", true);
    return;
  }
  phase_ = Phase::Up;
  broker_since_ = context_.now.wall;
  connect_wait_ = kConnectWaitFirst;
  on_peer_offline();  // perhaps: those that were so before
  backoff_ = microseconds{0};
  broker_error_.clear();
  own_state_seen_ = false;
  own_state_came_back_ = false;
  retention_tested_ = false;
  context_.count("broker.connects");
  context_.note(Level::Info, "broker.connected", {{"epoch", std::to_string(epoch_)}, {"protocol", std::to_string(protocol_)}});
  if (!name_conflict_) publish_state(presence());
}

void Link::on_connect_failed(const event::BrokerConnectFailed& failed) {
  if (phase_ != Phase::Connecting) return;
  using event::BrokerFailure;
  if (failed.failure == BrokerFailure::ProtocolRefused && protocol_ == 5) {
    protocol_ = 4;
    context_.note(Level::Info, "broker.falls_back", {{"protocol", "3.1.1"}, {"reason", failed.reason}});
    phase_ = Phase::Down;
    timers_.schedule(Timer::Connect, context_.now.instant);
    return;
  }
  // A broker that was upgraded is found out at the next attempt but one.
  if (protocol_ == 4) protocol_ = 5;
  const bool needs_operator = failed.failure == BrokerFailure::BadCredentials || failed.failure == BrokerFailure::NotAuthorized ||
                              failed.failure == BrokerFailure::Tls;
  fail(failed.reason, needs_operator);
}

void Link::on_lost(const event::BrokerLost& lost) {
  if (phase_ == Phase::Closed || phase_ == Phase::Down) return;
  fail(lost.reason, false);
}

void Link::fail(std::string reason, bool slowly) {
  if (phase_ == Phase::Up || broker_since_ == WallTime{}) broker_since_ = context_.now.wall;
  phase_ = Phase::Down;
  backoff_ = slowly ? kSlowRetry : std::clamp(backoff_ * 2, kBackoffFirst, kBackoffMost);
  context_.count("broker.failures");
  context_.note(Level::Warn, "broker.down", {{"reason", reason}});
  broker_error_ = std::move(reason);
  name_conflict_ = false;
  not_delivering_ = false;
  timers_.cancel(Timer::GiveUp);
  timers_.cancel(Timer::OwnPing);
  timers_.cancel(Timer::RetentionTest);
  timers_.cancel(Timer::Republish);
  timers_.schedule(Timer::Connect, context_.now.instant + backoff_ * 4 / 5 + context_.jitter(backoff_ * 2 / 5));
}

void Link::disconnect() {
  if (phase_ != Phase::Closed && phase_ != Phase::Down) context_.actions.emplace_back(action::DisconnectBroker{});
  phase_ = Phase::Closed;
}

// ---- our state ----

body::Presence Link::presence() const { return gateway_.is_up() ? body::Presence::Online : body::Presence::Degraded; }

body::State Link::make_state(body::Presence presence, std::uint64_t revision) const {
  body::State state;
  state.presence = presence;
  state.epoch = epoch_;
  state.revision = revision;
  state.since = presence == told_ && since_ != WallTime{} ? since_ : context_.now.wall;
  state.version = context_.options.version;
  state.ops.assign(std::begin(kOperations), std::end(kOperations));
  state.incarnation = context_.incarnation;
  state.sign_key = context_.options.keys.sign.public_key;
  state.box_key = context_.options.keys.box.public_key;
  if (context_.options.join_secret) {
    std::string label = "clawbridge.v1.join|" + context_.me() + "|";
    label += as_text(context_.fingerprint);
    state.join = context_.crypto.hmac_sha256(*context_.options.join_secret, label);
  }
  if (const auto& previous = context_.options.previous_keys) state.rotation = body::Rotation{previous->keys.sign.public_key, previous->proof};
  state.agents = gateway_.exposed();
  state.message_bytes = context_.options.limits.message.message_bytes;
  state.gateway_kind = context_.options.gateway_kind;
  state.gateway_version = gateway_.info().version;
  state.gateway_connected = gateway_.is_up();
  return state;
}

std::string Link::sign_state(const body::State& state) const {
  const auto write = [&](const body::State& what) {
    auto event = encode_state({context_.new_id(), Address::bridge_of(context_.me()), {}, context_.now.wall, {}, context_.key_id}, what);
    context_.sign(event);
    return event;
  };
  auto event = write(state);
  if (event.size() <= kStateBytesMax) return event;
  // Names go first, then agents: an address needs neither.
  auto less = state;
  for (auto& agent : less.agents) agent.name.clear();
  event = write(less);
  while (event.size() > kStateBytesMax && !less.agents.empty()) {
    less.agents.resize(less.agents.size() / 2);
    event = write(less);
  }
  return event;
}

void Link::publish_state(body::Presence presence) {
  if (told_ != presence || since_ == WallTime{}) {
    since_ = context_.now.wall;
    told_ = presence;
  }
  state_ = sign_state(make_state(presence, ++revision_));
  state_token_ = next_token_;
  next_token_ += 2;
  context_.actions.emplace_back(action::Publish{.topic = context_.topics.state(context_.me()),
                                                .payload = state_,
                                                .retain = true,
                                                .token = state_token_,
                                                .report_success = true,
                                                .correlation_id = {},
                                                .response_topic = {},
                                                .expires_in = {}});
  context_.note(Level::Info, "state.published",
                {{"state", std::string(to_string(presence))}, {"epoch", std::to_string(epoch_)}, {"revision", std::to_string(revision_)}});
}

void Link::on_published(const event::BrokerPublished& published) {
  if (published.token != state_token_ || phase_ != Phase::Up) return;
  if (published.lost) {
    republish_soon();
    return;
  }
  if (!published.ok) {
    context_.count("broker.denied");
    broker_error_ = "the broker refused our state on " + context_.topics.state(context_.me()) + " (" + published.reason +
                    "); give this user the right to publish there";
    context_.note(Level::Error, "state.refused", {{"reason", broker_error_}});
    timers_.schedule_by(Timer::Discovered, context_.now.instant + kDiscoveryWait);
    return;
  }
  if (told_ == body::Presence::Offline) {
    offline_acknowledged_ = true;
    return;
  }
  if (retention_tested_) return;
  // Does the broker keep what is retained, and match it to wildcards? Our own state tells.
  retention_tested_ = true;
  context_.actions.emplace_back(action::Subscribe{{{context_.topics.state_filter(), true}}});
  timers_.schedule(Timer::RetentionTest, context_.now.instant + kRetentionWait);
  // Some brokers grant every subscription and withhold the messages: only what comes back shows that we can be reached.
  ping_ourselves();
}

void Link::ping_ourselves() {
  if (asks_.ask(*peers_.find(context_.me()), Operation::Ping, encode_data(body::Ping{}), AskForOurselves{}, kOwnPingWait)) return;
  timers_.schedule(Timer::OwnPing, context_.now.instant + kOwnPingEvery);  // too many questions are under way
}

void Link::delivery_failed(std::string reason) {
  not_delivering_ = true;
  broker_error_ = std::move(reason);
  context_.count("broker.denied");
  context_.note(Level::Error, "broker.not_delivering", {{"reason", broker_error_}});
}

void Link::delivery_works() {
  if (!std::exchange(not_delivering_, false)) return;
  broker_error_.clear();
  context_.note(Level::Info, "broker.delivers_again", {});
}

void Link::on_own_ping(bool answered) {
  if (phase_ != Phase::Up) return;
  if (answered) {
    delivery_works();
    return;
  }
  const auto& topics = context_.topics;
  delivery_failed("the broker does not deliver what is sent to this gateway; give this user the right to publish to and read " +
                  topics.inbox_filter(context_.me()) + " and " + topics.reply_filter(context_.me()));
  timers_.schedule(Timer::OwnPing, context_.now.instant + kOwnPingEvery);
}

void Link::look_again() {
  if (phase_ != Phase::Up || !retention_tested_ || (looked_again_ && context_.now.instant < *looked_again_ + kLookAgainEvery)) return;
  looked_again_ = context_.now.instant;
  context_.count("state.looked_again");
  if (own_state_came_back_) {
    context_.actions.emplace_back(action::Subscribe{{{context_.topics.state_filter(), true}}});
  } else {
    // A hello is believed by those who know us: the state comes before it, for those who missed it.
    context_.actions.emplace_back(action::Publish{.topic = context_.topics.state(context_.me()), .payload = state_, .retain = true, .correlation_id = {}, .response_topic = {}, .expires_in = {}});
    say_hello();
  }
}

void Link::on_peer_offline() {
  look_again_pause_ = kLookAgainFirst;
  timers_.schedule_by(Timer::LookAgain, context_.now.instant + look_again_pause_);
}

void Link::on_gateway_changed() {
  if (phase_ == Phase::Up && !name_conflict_ && told_ != body::Presence::Offline) publish_state(presence());
}

void Link::say_offline() {
  if (phase_ == Phase::Up && !name_conflict_) {
    publish_state(body::Presence::Offline);
  } else {
    offline_acknowledged_ = true;
  }
}

void Link::republish_soon() {
  context_.count("state.republished");
  timers_.schedule_by(Timer::Republish, context_.now.instant + kRepublishEvery);
}

void Link::on_own_state(const std::variant<Message, DecodeFailure>& decoded, std::string_view payload, bool retained) {
  if (payload == state_) {
    own_state_seen_ = true;
    if (not_delivering_ && !timers_.is_scheduled(Timer::OwnPing)) delivery_works();
    if (retained && retention_tested_) own_state_came_back_ = true;
    timers_.cancel(Timer::Republish);  // whatever was wrong there, ours came after it
    return;
  }
  const auto* message = std::get_if<Message>(&decoded);
  const auto* state = message == nullptr ? nullptr : message->get<body::State>();
  const bool ours = state != nullptr && message->key_id == context_.key_id &&
                    context_.crypto.verify(context_.options.keys.sign.public_key, kSignaturePrefix, message->covered, *message->signature);
  if (phase_ != Phase::Up) return;
  if (!ours) {
    context_.count("state.own_wrong");
    context_.note(Level::Warn, "state.own_wrong",
                  {{"remedy", "something else publishes on our state topic: another bridge with this gateway's name, or a hand"}});
    republish_soon();
    return;
  }
  if (state->epoch < epoch_) {
    republish_soon();  // unless our present one comes after it
    return;
  }
  if (state->incarnation != context_.incarnation) {
    // Another journal with our keys: is its owner alive?
    const auto* self = peers_.find(context_.me());
    if (self != nullptr && asks_.ask(*self, Operation::Ping, encode_data(body::Ping{}), AskForIncarnation{}, kPingWait)) other_epoch_ = state->epoch;
    return;
  }
  if (state->epoch == epoch_ && state->revision <= revision_) {
    republish_soon();  // an earlier one of this connection
    return;
  }
  // The broker has given our epoch's will, or knows a later epoch of ours than our journal.
  go_on_from(state->epoch);
}

void Link::go_on_from(std::uint64_t epoch) {
  last_epoch_ = std::max(last_epoch_, epoch);
  context_.store(store::PutEpoch{last_epoch_});
  context_.actions.emplace_back(action::DisconnectBroker{});
  fail("the broker holds a later state of ours; connecting anew with a later epoch", false);
}

// The state of a journal that is lost, or its late will: nobody stands behind it, and it must not stay.
void Link::on_own_silence() {
  const auto epoch = std::exchange(other_epoch_, 0);
  if (phase_ == Phase::Up && !name_conflict_ && epoch >= epoch_) go_on_from(epoch);
}

void Link::on_own_pong(const body::Reply& reply) {
  if (!reply.pong || reply.pong->incarnation == context_.incarnation || name_conflict_) return;
  other_epoch_ = 0;
  name_conflict_ = true;
  context_.count("name_conflict");
  context_.note(Level::Error, "link.name_conflict",
                {{"gateway", context_.me()},
                 {"incarnation", reply.pong->incarnation},
                 {"remedy", "two bridges bear this gateway's name with the same keys: stop one of them, or give it its own name and keys"}});
}

// ---- hello ----

void Link::say_hello() {
  auto event = encode_hello({context_.new_id(), Address::bridge_of(context_.me()), {}, context_.now.wall, {}, context_.key_id});
  context_.sign(event);
  context_.count("hello.said");
  context_.note(Level::Info, "hello.said", {{"why", "the broker does not give our own state back: it keeps no retained messages or matches them to no wildcard"}});
  context_.actions.emplace_back(action::Publish{.topic = context_.topics.hello(), .payload = std::move(event), .correlation_id = {}, .response_topic = {}, .expires_in = {}});
}

void Link::on_hello(const Message& message) { introduce(message.source.gateway); }

void Link::introduce(const std::string& asker) {
  std::erase_if(hello_answered_, [&](const auto& entry) { return context_.now.instant - entry.second > kHelloEvery; });
  if (hello_answered_.contains(asker) || hello_answered_.size() >= kHelloAskersMax) {
    context_.count("hello.ignored");
    return;
  }
  hello_answered_.insert_or_assign(asker, context_.now.instant);
  hello_answers_.schedule(asker, context_.now.instant + context_.jitter(kHelloJitter));
}

// With the very bytes of the retained state.
void Link::answer_hello(const std::string& asker) {
  if (phase_ != Phase::Up || state_.empty()) return;
  context_.count("hello.answered");
  context_.publish({.topic = context_.topics.inbox(Address::bridge_of(asker)), .payload = state_, .correlation_id = {}, .response_topic = {}, .expires_in = {}}, asker);
}

// ---- time ----

void Link::on_time() {
  while (const auto timer = timers_.pop_due(context_.now.instant)) {
    switch (*timer) {
      case Timer::Connect:
        if (phase_ == Phase::Down) connect();
        break;
      case Timer::RetentionTest:
        if (phase_ != Phase::Up) break;
        if (!own_state_seen_) {
          delivery_failed("our own state does not come back from the broker; give this user the right to read " + context_.topics.state_filter());
          own_state_pause_ = kOwnStateFirst;
          timers_.schedule(Timer::AskForOwnState, context_.now.instant + own_state_pause_);
        }
        if (!own_state_came_back_) {
          say_hello();
          timers_.schedule(Timer::Discovered, context_.now.instant + kDiscoveryWait);
        } else {
          discovered_ = true;
        }
        break;
      case Timer::Discovered: discovered_ = true; break;
      case Timer::OwnPing:
        if (phase_ == Phase::Up) ping_ourselves();
        break;
      case Timer::AskForOwnState:
        if (phase_ != Phase::Up || own_state_seen_) break;
        context_.actions.emplace_back(action::Subscribe{{{context_.topics.state_filter(), true}}});
        own_state_pause_ = std::min(own_state_pause_ * 2, kLookAgainMost);
        timers_.schedule(Timer::AskForOwnState, context_.now.instant + own_state_pause_);
        break;
      case Timer::LookAgain:
        if (!peers_.any_offline() && !outbox_.waits_for_unseen()) break;
        look_again();
        look_again_pause_ = std::min(look_again_pause_ * 2, kLookAgainMost);
        timers_.schedule(Timer::LookAgain, context_.now.instant + look_again_pause_);
        break;
      case Timer::GiveUp:
        // A library's own timeout covers the steps it knows of; this one covers all, down to the last SUBACK.
        if (phase_ != Phase::Connecting && phase_ != Phase::Subscribing) break;
        context_.actions.emplace_back(action::DisconnectBroker{});
        fail("the broker has not answered for " + std::to_string(std::chrono::duration_cast<seconds>(connect_wait_).count()) + " s; is it one, and not overloaded?", false);
        connect_wait_ *= 2;
        break;
      case Timer::Republish:
        if (phase_ == Phase::Up && !name_conflict_) publish_state(told_);
        break;
    }
  }
  while (const auto asker = hello_answers_.pop_due(context_.now.instant)) answer_hello(*asker);
}

std::optional<Instant> Link::next_deadline() const { return earliest(timers_.next(), hello_answers_.next()); }

}  // namespace clawbridge::core
