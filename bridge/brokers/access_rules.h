// What a broker must allow each bridge, and nothing else (topics/README.md, "Broker rights"), in the words of each
// broker.
//
// With these rules a gateway can neither read another's inbox nor publish in its name, whatever program it runs. They
// bind the user name, so each gateway needs a login of its own, named as the gateway is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::brokers {

enum class Kind { Mosquitto, Emqx, RabbitMq, Nats };

/// `mosquitto`, `emqx`, `rabbitmq`, `nats`.
[[nodiscard]] std::optional<Kind> kind_from(std::string_view name);

struct Federation {
  std::vector<std::string> gateways;
  std::string base = "claw";
  std::vector<std::string> plain_replies{};  // filters outside the base: where plain requests may be answered
};

/// Throws std::invalid_argument with a sentence for a person: no gateway, a name twice, what is no name, base or
/// filter, a plain reply below the base, or a dot in a topic, which mosquitto and EMQX take, RabbitMQ and NATS do not.
void check(const Federation& federation, Kind kind);

/// The rules as a file (RabbitMQ: commands), with comments that say where they belong. REQUIRES: check() passed.
[[nodiscard]] std::string access_rules(const Federation& federation, Kind kind);

}  // namespace clawbridge::brokers
