// Why a connect failed: what Paho and the probe tell, as the kind the core decides by and a sentence for a person.
#pragma once

#include <optional>
#include <string>

#include "bridge/core/event.h"
#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/probe.h"

namespace clawbridge::mqtt {

/// What Paho tells about one connect that failed.
struct ConnectAttempt {
  int protocol = 5;        // asked for
  int code = -1;           // Paho's return code: the CONNACK's code, or negative
  std::string message{};   // Paho's, often empty
  std::string username{};  // for the sentence
};

/// Whether Paho's answer leaves open what happened, so that probe() is worth its while. Not over WebSockets: there Paho
/// is asked only once the way stands, and when it does not the relay's own failure is probed.
[[nodiscard]] bool needs_probe(const BrokerUrl& url, const ConnectAttempt& attempt);

/// A broker without MQTT 5 answers 1 or 132, or closes the connection once it has read the CONNECT,
/// which Paho calls "TCP connect completion failure"; the same after asking for 3.1.1 means that no MQTT is spoken
/// there. `probed`: of the same broker, if it was asked. Pure: any thread.
[[nodiscard]] core::event::BrokerConnectFailed classify(const BrokerUrl& url, const ConnectAttempt& attempt,
                                                        const std::optional<ProbeResult>& probed);

}  // namespace clawbridge::mqtt
