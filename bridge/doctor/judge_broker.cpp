// The way to the broker, what it lets this user do, and what it can.
#include "bridge/doctor/judges.h"
#include "bridge/doctor/marks.h"

namespace clawbridge::doctor {
namespace {

constexpr Mark kBrokerReachMarks[] = {
    {"Connection refused", "broker.reach.refused"},
};
// What the broker says of us ("alert") comes first: it may quote our own words.
constexpr Mark kTlsMarks[] = {
    {"alert certificate revoked", "broker.tls.client_revoked"},
    {"alert certificate expired", "broker.tls.client_expired"},
    {"certificate required", "broker.tls.client_wanted"},
    {"alert unknown ca", "broker.tls.client_refused"},
    {"alert bad certificate", "broker.tls.client_refused"},
    {"right after the handshake", "broker.tls.client_refused"},
    {"certificate has expired", "broker.tls.expired"},
    {"not valid yet", "broker.tls.not_yet"},
    {"another host name", "broker.tls.host_name"},
    {"authority that is unknown here", "broker.tls.authority"},
    {"cannot be read as PEM", "broker.tls.files"},
    {"may not speak TLS", "broker.tls.plain_port"},
    {"speaks TLS on this port, and broker.url does not", "broker.tls.tls_port"},
};
constexpr Mark kBrokerLoginMarks[] = {
    {"broker.username and broker.password (answer", "broker.login.credentials"},
    {"does not let", "broker.login.not_authorized"},
    {"client id", "broker.login.client_id"},
};

constexpr const char* kUntold = "not told: this broker speaks MQTT 3.1.1, which has no answer for a refused message";

const BrokerSeen& broker_of(const Observations& seen) {
  return *seen.broker;
}

Verdict judge_write(const BrokerSeen& broker, const Right& right, std::string_view fault) {
  if (right.accepted == Shown::No) return fail(fault, "the broker refuses " + right.filter + " (" + right.reason + ")");
  if (right.accepted == Shown::Untried)
    return skip(broker.lost ? "the connection was lost before"
                            : "not tried: this bridge has never been online, nobody would know who asks");
  return broker.protocol >= 5 ? good(right.filter) : skip(kUntold);
}

/// `sent`: what was to come back through the filter left without an objection.
Verdict judge_read(const Right& right, std::string_view fault) {
  if (right.accepted == Shown::No)
    return fail(fault, "the broker refuses the subscription to " + right.filter +
                           (right.reason.empty() ? "" : " (" + right.reason + ")"));
  if (right.delivered == Shown::No) return fail(fault, "the broker grants " + right.filter + " and delivers nothing");
  if (right.delivered == Shown::Untried) return skip("granted, and there was nothing to be delivered");
  return good(right.filter);
}

}  // namespace

Verdict judge_broker_name(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.resolved == Shown::No) return fail("broker.name.unknown", what_of(broker.error));
  return good(broker.url);
}

Verdict judge_broker_reach(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.reached == Shown::No)
    return fail(fault_by(broker.error, kBrokerReachMarks, "broker.reach.unreachable"), what_of(broker.error));
  return good("a connection comes up");
}

Verdict judge_broker_tls(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.tls_made == Shown::No)
    return fail(fault_by(broker.error, kTlsMarks, "broker.tls.failed"), what_of(broker.error));
  if (broker.insecure) return warn("broker.tls.insecure", "broker.insecure is true");
  return good(broker.tls ? "the broker's certificate is in order" : "none: broker.url has no TLS");
}

Verdict judge_broker_protocol(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.speaks_protocol == Shown::No) {
    const bool version = broker.error.find("does not speak MQTT") != std::string::npos ||
                         broker.error.find("brokers without MQTT 5") != std::string::npos;
    return fail(version ? "broker.protocol.version" : "broker.protocol.no_mqtt", what_of(broker.error));
  }
  return good(broker.protocol == 4 ? "MQTT 3.1.1" : "MQTT 5");
}

Verdict judge_broker_login(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.let_in == Shown::No)
    return fail(fault_by(broker.error, kBrokerLoginMarks, "broker.login.refused"), what_of(broker.error));
  return good("accepted");
}

Verdict judge_broker_qos(const Observations& seen) {
  if (broker_of(seen).qos1 == Shown::No) return fail("broker.qos.none", "the broker's highest quality of service is 0");
  return good("granted");
}

Verdict judge_write_own(const Observations& seen) {
  return judge_write(broker_of(seen), broker_of(seen).write_own, "broker.write_own.denied");
}
Verdict judge_write_inbox(const Observations& seen) {
  return judge_write(broker_of(seen), broker_of(seen).write_inbox, "broker.write_inbox.denied");
}
Verdict judge_write_reply(const Observations& seen) {
  return judge_write(broker_of(seen), broker_of(seen).write_reply, "broker.write_reply.denied");
}
Verdict judge_write_hello(const Observations& seen) {
  return judge_write(broker_of(seen), broker_of(seen).write_hello, "broker.write_hello.denied");
}
Verdict judge_read_inbox(const Observations& seen) {
  return judge_read(broker_of(seen).read_inbox, "broker.read_inbox.denied");
}
Verdict judge_read_reply(const Observations& seen) {
  return judge_read(broker_of(seen).read_reply, "broker.read_reply.denied");
}
Verdict judge_read_state(const Observations& seen) {
  return judge_read(broker_of(seen).read_state, "broker.read_state.denied");
}
Verdict judge_read_hello(const Observations& seen) {
  return judge_read(broker_of(seen).read_hello, "broker.read_hello.denied");
}

Verdict judge_broker_exchange(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.round_trip.count() == 0)
    return fail("broker.exchange.lost", "a message and its answer did not come back within two seconds");
  const auto tenths = broker.round_trip.count() / 100;
  return good("there and back in " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms");
}

Verdict judge_broker_retained(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.retained == Shown::No)
    return warn("broker.retained.none", "a retained message was not there for the next subscriber");
  if (broker.retained == Shown::Untried) return skip("could not be tried");
  return good("a retained message was there for the next subscriber");
}

Verdict judge_broker_wildcard(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.retained == Shown::No) return skip("there are no retained messages");
  if (broker.retained_wildcard == Shown::No)
    return warn("broker.wildcard.none", "a retained message was not given to a subscriber with a wildcard");
  if (broker.retained_wildcard == Shown::Untried) return skip("could not be tried");
  return good("through " + broker.read_reply.filter);
}

Verdict judge_broker_will(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.will == Shown::No) return warn("broker.will.none", "the will of a client that was cut off did not come");
  if (broker.will == Shown::Untried) return skip("could not be tried");
  return good("the will of a client that was cut off came");
}

Verdict judge_broker_session(const Observations& seen) {
  const auto& broker = broker_of(seen);
  if (broker.session == Shown::No) return warn("broker.session.none", "a client that came back found its session gone");
  if (broker.session == Shown::Untried) return skip("could not be tried");
  return good("a client that came back found its session");
}

Verdict judge_broker_size(const Observations& seen) {
  const auto& broker = broker_of(seen);
  const auto wanted = "limits.message_bytes is " + std::to_string(broker.message_bytes);
  if (broker.packet_bytes_told != 0 && broker.packet_bytes_told < broker.message_bytes) {
    return warn("broker.size.small",
                "the broker takes " + std::to_string(broker.packet_bytes_told) + " bytes, and " + wanted);
  }
  if (broker.large == Shown::No)
    return warn("broker.size.small", "the broker does not pass a message of that size: " + wanted);
  if (broker.large == Shown::Untried) return skip("could not be tried");
  return good(std::to_string(broker.message_bytes) + " bytes passed");
}

Verdict judge_broker_one_owner(const Observations& seen) {
  const auto& name = *seen.name;
  const bool conflict = seen.daemon && seen.daemon->answers() && seen.daemon->state == "name_conflict";
  if (conflict)
    return fail("broker.one_owner.other_journal", "the daemon has met another bridge with this name and these keys");
  if (name.own_state == Shown::No) return good("nobody bears it");
  if (name.own_state == Shown::Untried) return skip("the broker shows no states");
  const bool alive = name.presence != "offline";
  if (name.other_keys && alive)
    return fail("broker.one_owner.other_keys", "the state of " + seen.settings.gateway +
                                                   " on the broker is signed with other keys, and " + name.presence);
  if (name.other_journal && alive) {
    return fail(
        "broker.one_owner.other_journal",
        "the state of " + seen.settings.gateway + " on the broker is that of another journal, and " + name.presence);
  }
  return good(name.other_keys || name.other_journal ? "the state there is of an earlier bridge, which is offline"
                                                    : "the state there is ours, " + name.presence);
}

}  // namespace clawbridge::doctor
