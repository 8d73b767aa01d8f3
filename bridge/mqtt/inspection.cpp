#include "bridge/mqtt/inspection.h"

#include <netdb.h>

#include <algorithm>
#include <future>
#include <optional>
#include <thread>

#include "bridge/mqtt/connect_failure.h"
#include "bridge/mqtt/probe.h"
#include "bridge/mqtt/short_client.h"
#include "topics/doctor.h"
#include "topics/topic.h"

namespace clawbridge::mqtt {
namespace {

using doctor::BrokerSeen;
using doctor::Right;
using doctor::Shown;
using std::chrono::milliseconds;

constexpr milliseconds kLookUp{5'000};
constexpr milliseconds kProbe{8'000};
constexpr milliseconds kConnect{10'000};
constexpr milliseconds kAnswer{3'000};
constexpr milliseconds kArrives{2'000};  // what has been acknowledged

Shown shown(bool yes) {
  return yes ? Shown::Yes : Shown::No;
}

/// What `work` returns; nothing when it takes longer. It is left behind then: the system's name lookup may take as long as it likes.
template <class Work>
auto within(milliseconds limit, Work work) -> std::optional<decltype(work())> {
  const auto promise = std::make_shared<std::promise<decltype(work())>>();
  auto result = promise->get_future();
  std::thread([promise, work = std::move(work)] { promise->set_value(work()); }).detach();
  if (result.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return result.get();
}

/// Whether the system knows the name, or says that it does not: getaddrinfo()'s answer, which is not looked at.
int look_up(const std::string& host) {
  addrinfo* list = nullptr;
  const int answer = ::getaddrinfo(host.c_str(), nullptr, nullptr, &list);
  if (answer == 0) ::freeaddrinfo(list);
  return answer;
}

class Visit {
 public:
  Visit(const InspectionOrder& order, BrokerUrl url)
      : order_(order),
        url_(std::move(url)),
        topics_(order.base),
        deadline_(order.limit),
        doctor_(doctor_of(order.gateway, order.nonce.substr(0, 8))) {
    seen_.url = url_.shown;
    seen_.tls = url_.tls;
    seen_.insecure = order.settings.insecure;
    seen_.message_bytes = order.message_bytes;
    seen_.read_inbox.filter = topics_.inbox_filter(order.gateway);
    seen_.read_reply.filter = topics_.reply_filter(order.gateway);
    seen_.read_state.filter = topics_.state_filter();
    seen_.read_hello.filter = topics_.hello();
    seen_.write_own.filter = topics_.gateway_filter(order.gateway);
    seen_.write_inbox.filter = topics_.inbox_filter("+");
    seen_.write_reply.filter = topics_.reply_filter("+");
    seen_.write_hello.filter = topics_.hello();
  }

  BrokerSeen go() {
    if (!find_the_way() || !come_in()) return std::move(seen_);
    try_subscriptions();
    try_exchange();
    try_publishing();
    gather_states();
    try_hello();
    if (seen_.read_reply.delivered == Shown::Yes) {
      try_session_and_will();
      try_retained();
    }
    if (seen_.read_inbox.delivered == Shown::Yes) try_size();
    seen_.lost = client_->mailbox().closed();
    return std::move(seen_);
  }

 private:
  // ---- the way in ----

  bool find_the_way() {
    if (!within(deadline_.left(kLookUp), [host = url_.host] { return look_up(host); })) {
      seen_.resolved = Shown::No;
      seen_.error = "cannot connect to the broker " + url_.shown + ": nobody says within 5 s where \"" + url_.host + "\" is";
      return false;
    }
    const auto found = within(deadline_.left(kProbe), [url = url_, settings = order_.settings] { return probe(url, settings); });
    if (!found) {
      seen_.resolved = Shown::Yes;
      seen_.reached = Shown::No;
      seen_.error = "cannot connect to the broker " + url_.shown + ": no answer within 8 s";
      return false;
    }
    seen_.resolved = shown(found->resolved);
    if (!found->resolved) return stop(*found);
    seen_.reached = shown(found->reached);
    if (!found->reached) return stop(*found);
    seen_.tls_made = shown(found->tls_error.empty() && (url_.tls || !found->speaks_tls));
    if (seen_.tls_made == Shown::No) return stop(*found);
    return true;
  }

  bool stop(const ProbeResult& found) {
    seen_.error = classify(url_, {.username = order_.settings.username}, found).reason;
    return false;
  }

  bool come_in() {
    const int first = order_.protocol == 0 ? 5 : order_.protocol;
    auto failed = connect(first);
    if (failed && order_.protocol == 0 && failed->failure == core::event::BrokerFailure::ProtocolRefused)
      failed = connect(4);
    if (!failed) {
      seen_.speaks_protocol = seen_.let_in = Shown::Yes;
      seen_.packet_bytes_told = client_->greeting().packet_bytes_max;
      return true;
    }
    seen_.error = failed->reason;
    const bool answered = code_ > 0 && failed->failure != core::event::BrokerFailure::ProtocolRefused;
    seen_.speaks_protocol = shown(answered);
    if (answered) seen_.let_in = Shown::No;
    return false;
  }

  std::optional<core::event::BrokerConnectFailed> connect(int protocol) {
    client_ = std::make_unique<ShortClient>(url_, order_.settings);
    const auto attempt = client_->connect({.client_id = id("doctor"), .protocol = protocol}, deadline_.left(kConnect));
    code_ = attempt ? attempt->code : 0;
    if (!attempt) {
      seen_.protocol = protocol;
      return std::nullopt;
    }
    return classify(url_, *attempt, ProbeResult{.reached = true, .tcp_error = {}, .tls_error = {}});
  }

  [[nodiscard]] std::string id(const char* what) const {
    return "claw-" + order_.gateway + "-" + what + "-" + order_.nonce.substr(0, 8);
  }

  // ---- rights ----

  void try_subscriptions() {
    for (Right* right : {&seen_.read_inbox, &seen_.read_reply, &seen_.read_state, &seen_.read_hello}) {
      const auto receipt = client_->subscribe(right->filter, deadline_.left(kAnswer));
      right->accepted = shown(receipt.accepted);
      right->reason = receipt.reason;
      if (receipt.accepted && receipt.qos == 0) seen_.qos1 = Shown::No;
    }
    if (seen_.qos1 == Shown::Untried) seen_.qos1 = shown(client_->greeting().qos_max > 0);
  }

  [[nodiscard]] std::string words(const char* what) const {
    return std::string("clawbridge doctor of ") + order_.gateway + " tries " + what + "; nothing to do for anybody (" +
           order_.nonce + ")";
  }
  std::optional<Arrival> arrives(const std::string& topic, const std::string& payload, bool retained = false) {
    return client_->mailbox().take(
        [&](const Arrival& one) { return one.topic == topic && one.payload == payload && (!retained || one.retained); },
        deadline_.left(kArrives));
  }

  // A message to ourselves and one back. The inbox's own publish right is that to every inbox, or to all below our
  // name.
  void try_exchange() {
    const auto begin = std::chrono::steady_clock::now();
    const auto request = words("a request"), reply = words("a reply");
    const auto sent = client_->publish(topics_.inbox(doctor_), request, false, deadline_.left(kAnswer));
    if (sent.accepted) seen_.read_inbox.delivered = shown(arrives(topics_.inbox(doctor_), request).has_value());
    const auto answered = client_->publish(topics_.reply(doctor_), reply, false, deadline_.left(kAnswer));
    if (answered.accepted) seen_.read_reply.delivered = shown(arrives(topics_.reply(doctor_), reply).has_value());
    if (seen_.read_inbox.delivered != Shown::Yes || seen_.read_reply.delivered != Shown::Yes) return;
    seen_.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  }

  void try_publishing() {
    const Address nobody{std::string(kDoctorName), std::string(kDoctorName)};  // no gateway can have that name
    note(seen_.write_own, topics_.state(doctor_.str()), words("a right"));
    note(seen_.write_inbox, topics_.inbox(nobody), words("a right"));
    note(seen_.write_reply, topics_.reply(nobody), words("a right"));
  }

  void note(Right& right, const std::string& topic, const std::string& payload) {
    const auto receipt = client_->publish(topic, payload, false, deadline_.left(kAnswer));
    right.accepted = shown(receipt.accepted);
    right.reason = receipt.answered ? receipt.reason : "it ended the connection, or gave no answer";
    // Some brokers end the connection of whoever publishes what it may not, also after an answer: what follows must not
    // be taken for refused, too.
    if (!receipt.accepted) come_again();
  }

  // ---- states and hello ----

  // What is retained came with the subscriptions; a round trip lies between.
  void gather_states() {
    const auto own = topics_.state(order_.gateway);
    auto limit = order_.is_online ? deadline_.left(kArrives) : milliseconds{300};
    bool own_seen = false;
    while (auto arrival =
               client_->mailbox().take([&](const Arrival& one) { return gateway_of(one).has_value(); }, limit)) {
      own_seen = own_seen || (arrival->topic == own && !arrival->payload.empty());
      if (own_seen) limit = milliseconds{100};
      seen_.states.push_back({*gateway_of(*arrival), std::move(arrival->payload), arrival->retained});
    }
    own_state_seen_ = own_seen;
    if (!seen_.states.empty()) seen_.read_state.delivered = Shown::Yes;
  }

  [[nodiscard]] std::optional<std::string> gateway_of(const Arrival& arrival) const {
    const auto topic = topics_.parse(arrival.topic);
    const auto* state = topic ? std::get_if<topic::State>(&*topic) : nullptr;
    return state != nullptr ? std::optional(state->gateway) : std::nullopt;
  }

  void try_hello() {
    if (order_.hello.empty() || !(order_.is_online || own_state_seen_)) return;
    note(seen_.write_hello, topics_.hello(), order_.hello);
    if (seen_.write_hello.accepted != Shown::Yes) return;
    seen_.read_hello.delivered = shown(arrives(topics_.hello(), order_.hello).has_value());
  }

  // ---- what the broker can ----

  // A client whose line is cut leaves its will behind; one of the same name that comes after it must find its session.
  void try_session_and_will() {
    const auto will = words("a will");
    const Session session{.client_id = id("visit"),
                          .protocol = seen_.protocol,
                          .kept = true,
                          .will_topic = topics_.reply(doctor_),
                          .will_payload = will};
    ShortClient first(url_, order_.settings), second(url_, order_.settings);
    if (first.connect(session, deadline_.left(kConnect))) return;
    first.cut();
    seen_.will = shown(arrives(session.will_topic, will).has_value());
    const Session again{.client_id = session.client_id, .protocol = seen_.protocol, .kept = true};
    if (second.connect(again, deadline_.left(kConnect))) return;
    seen_.session = shown(second.greeting().session_present);
    second.close();
    if (seen_.protocol >= 5) return;
    ShortClient last(url_, order_.settings);  // MQTT 3.1.1 ends a session only so
    (void)last.connect({.client_id = session.client_id, .protocol = seen_.protocol}, deadline_.left(kConnect));
  }

  void try_retained() {
    const auto topic = topics_.reply(doctor_);
    const auto text = words("a retained message");
    if (!client_->greeting().keeps_retained) {
      seen_.retained = Shown::No;
      return;
    }
    const auto sent = client_->publish(topic, text, true, deadline_.left(kAnswer));
    if (!sent.accepted) {
      if (sent.answered || client_->mailbox().closed()) seen_.retained = Shown::No;
      reconnect();
      return;
    }
    (void)arrives(topic, text);  // as it was published
    const auto comes_back = [&](const std::string& filter) {
      return client_->subscribe(filter, deadline_.left(kAnswer)).accepted
                 ? shown(arrives(topic, text, true).has_value())
                 : Shown::Untried;
    };
    seen_.retained_wildcard = comes_back(seen_.read_reply.filter);
    seen_.retained = seen_.retained_wildcard == Shown::Yes ? Shown::Yes : comes_back(topic);
    (void)client_->publish(topic, {}, true, deadline_.left(kAnswer));
    if (order_.is_online && seen_.retained_wildcard == Shown::Yes && seen_.read_state.delivered == Shown::Untried) {
      seen_.read_state.delivered = Shown::No;
    }
  }

  void reconnect() {
    if (client_->mailbox().closed()) come_again();
  }

  void come_again() {
    if (connect(seen_.protocol)) return;
    for (const Right* right : {&seen_.read_inbox, &seen_.read_reply, &seen_.read_state, &seen_.read_hello}) {
      (void)client_->subscribe(right->filter, deadline_.left(kAnswer));
    }
  }

  void try_size() {
    const auto told = seen_.packet_bytes_told;
    if (client_->mailbox().closed() || (told != 0 && told < order_.message_bytes)) return;
    auto text = words("a large message");
    text.resize(std::max<std::size_t>(text.size(),
                                      order_.message_bytes - std::min<std::uint64_t>(order_.message_bytes, kHeadBytes)),
                '.');
    const auto topic = topics_.inbox(doctor_);
    const auto sent = client_->publish(topic, text, false, deadline_.left(kAnswer));
    if (!sent.accepted && !sent.answered && !client_->mailbox().closed()) return;
    seen_.large = shown(sent.accepted && arrives(topic, text).has_value());
    reconnect();
  }

  static constexpr std::uint64_t kHeadBytes = 512;  // a packet is longer than its message; the contract counts that

  const InspectionOrder& order_;
  const BrokerUrl url_;
  const Topics topics_;
  const Deadline deadline_;
  const Address doctor_;
  BrokerSeen seen_;
  std::unique_ptr<ShortClient> client_;
  int code_ = 0;
  bool own_state_seen_ = false;
};

BrokerSeen inspect(const InspectionOrder& order) {
  BrokerSeen seen;
  seen.url = order.settings.url;
  try {
    auto url = parse_broker_url(order.settings.url);
    if (url) return Visit(order, std::move(*url)).go();
    seen.resolved = Shown::No;
    seen.error = url.error().message;
  } catch (const std::exception& error) {
    seen.resolved = Shown::Yes;
    seen.reached = Shown::No;
    seen.error = "cannot try the broker " + order.settings.url + ": " + error.what();
  }
  return seen;
}

}  // namespace

std::future<doctor::BrokerSeen> begin_inspection(InspectionOrder order) {
  forget_proxies();
  return std::async(std::launch::async, [order = std::move(order)] { return inspect(order); });
}

}  // namespace clawbridge::mqtt
