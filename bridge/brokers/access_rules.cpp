#include "bridge/brokers/access_rules.h"

#include <algorithm>
#include <set>
#include <span>
#include <stdexcept>

#include "topics/address.h"
#include "topics/topic.h"

namespace clawbridge::brokers {
namespace {

/// MQTT topic filters, as the contract has them.
struct Rights {
  std::vector<std::string> publish;
  std::vector<std::string> subscribe;
};

Rights rights_of(const std::string& gateway, const Federation& federation) {
  const Topics topics(federation.base);
  Rights rights;
  rights.publish = {topics.gateway_filter(gateway), topics.inbox_filter("+"), topics.reply_filter("+"), topics.hello()};
  rights.publish.insert(rights.publish.end(), federation.plain_replies.begin(), federation.plain_replies.end());
  rights.subscribe = {topics.inbox_filter(gateway), topics.reply_filter(gateway), topics.state_filter(),
                      topics.hello()};
  return rights;
}

std::vector<std::string> levels_of(std::string_view filter) {
  std::vector<std::string> levels;
  for (std::size_t at = 0; at <= filter.size();) {
    const auto slash = std::min(filter.find('/', at), filter.size());
    levels.emplace_back(filter.substr(at, slash - at));
    at = slash + 1;
  }
  return levels;
}

/// Letters, digits, `_`, `-`, `.`: nothing that any of the brokers' formats gives a meaning to.
bool is_plain_level(const std::string& level) {
  return level.find('/') == std::string::npos && is_topic_base(level);
}

bool is_filter(const std::vector<std::string>& levels) {
  constexpr std::size_t kLevelsMax = 8;
  if (levels.size() > kLevelsMax) return false;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool wildcard = levels[i] == "+" || (levels[i] == "#" && i > 0 && i + 1 == levels.size());
    if (!wildcard && !is_plain_level(levels[i])) return false;
  }
  return true;
}

/// Whether some topic below the base, or the base itself, matches.
bool reaches(const std::vector<std::string>& filter, const std::vector<std::string>& base) {
  for (std::size_t i = 0; i < base.size(); ++i) {
    if (i == filter.size()) return false;
    if (filter[i] == "#") return true;
    if (filter[i] != "+" && filter[i] != base[i]) return false;
  }
  return true;
}

std::string joined(std::span<const std::string> texts, std::string_view between) {
  std::string out;
  for (const auto& text : texts) out.append(out.empty() ? "" : between).append(text);
  return out;
}

std::string quoted_list(std::span<const std::string> texts) {
  return "[\"" + joined(texts, "\", \"") + "\"]";
}

// ---- mosquitto ----

constexpr std::string_view kMosquittoHead =
    "# Access rules for mosquitto, made by `clawbridge broker acl`. In mosquitto.conf: acl_file, allow_anonymous "
    "false,\n"
    "# and a password_file with one user for each gateway, named as the gateway is.\n"
    "# mosquitto grants every SUBSCRIBE; what may not be read it does not deliver.\n";

std::string mosquitto(const Federation& federation) {
  std::string out(kMosquittoHead);
  for (const auto& gateway : federation.gateways) {
    const auto rights = rights_of(gateway, federation);
    out += "\nuser " + gateway + "\n";
    for (const auto& filter : rights.publish) out += "topic write " + filter + "\n";
    for (const auto& filter : rights.subscribe) out += "topic read " + filter + "\n";
  }
  return out;
}

// ---- EMQX ----

constexpr std::string_view kEmqxHead =
    "%% Access rules for EMQX 5, made by `clawbridge broker acl`: the file source of authorization (etc/acl.conf).\n"
    "%% Also set authorization.no_match = deny, and an authenticator with one user for each gateway, named as it is.\n"
    "%% Clients that are no gateways need their rules above the last line.\n";

std::string emqx(const Federation& federation) {
  std::string out(kEmqxHead);
  for (const auto& gateway : federation.gateways) {
    const auto rights = rights_of(gateway, federation);
    const std::string who = "{allow, {username, \"" + gateway + "\"}, ";
    out += "\n" + who + "publish, " + quoted_list(rights.publish) + "}.\n";
    out += who + "subscribe, " + quoted_list(rights.subscribe) + "}.\n";
  }
  return out + "\n{deny, all}.\n";
}

// ---- RabbitMQ ----

constexpr std::string_view kRabbitHead =
    "# Access rules for RabbitMQ with its MQTT plugin, made by `clawbridge broker acl`: run them in a shell where "
    "rabbitmqctl\n"
    "# works, after `rabbitmqctl add_user NAME` for each gateway. In rabbitmq.conf: mqtt.allow_anonymous = false.\n"
    "# Topics are routing keys of the exchange amq.topic there, with . for /. A user without topic permissions may use "
    "every\n"
    "# topic: give other users of this virtual host theirs, or the gateways a virtual host of their own (-p, "
    "mqtt.vhost).\n";

std::string rabbit_pattern(std::span<const std::string> filters) {
  std::vector<std::string> patterns;
  for (const auto& filter : filters) {
    std::string pattern;
    for (const auto& level : levels_of(filter)) {
      if (level == "#") {
        pattern += "\\..+";
      } else {
        pattern += (pattern.empty() ? "" : "\\.") + (level == "+" ? "[^.#]+" : level);
      }
    }
    patterns.push_back(std::move(pattern));
  }
  return "'^(" + joined(patterns, "|") + ")$'";
}

std::string rabbit(const Federation& federation) {
  std::string out(kRabbitHead);
  for (const auto& gateway : federation.gateways) {
    const auto rights = rights_of(gateway, federation);
    // Its sessions are queues named after its client ids; so nobody takes the queue of another.
    const std::string queues = "mqtt-subscription-claw-" + gateway + "-[0-9a-f]{8}-(sub|pub)qos[01]";
    const std::string resources = "'^(amq\\.topic|" + queues + ")$'";
    out +=
        "\nrabbitmqctl set_permissions -p / " + gateway + " '^" + queues + "$' " + resources + " " + resources + "\n";
    out += "rabbitmqctl set_topic_permissions -p / " + gateway + " amq.topic " + rabbit_pattern(rights.publish) + " " +
           rabbit_pattern(rights.subscribe) + "\n";
  }
  return out;
}

// ---- NATS ----

constexpr std::string_view kNatsHead =
    "# Access rules for nats-server, made by `clawbridge broker acl`: include it in the server's configuration, "
    "beside\n"
    "# server_name, jetstream and mqtt. Topics are subjects there, with . for /.\n"
    "# Each password is a variable, so that the server does not start without it. Define them here, at the top of this "
    "file:\n"
    "#   password-NAME: \"…\"     (a text, or what `nats server passwd` makes of it)\n"
    "# $MQTT.sub.> is how the server itself delivers at QoS 1; MQTT clients are not let subscribe to it, clients of "
    "NATS'\n"
    "# own protocol would be, and so the logins are for MQTT only.\n";

std::vector<std::string> nats_subjects(std::span<const std::string> filters) {
  std::vector<std::string> subjects;
  for (const auto& filter : filters) {
    std::string subject;
    for (const auto& level : levels_of(filter)) {
      subject += (subject.empty() ? "" : ".") + (level == "+" ? "*" : level == "#" ? ">" : level);
    }
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

std::string nats(const Federation& federation) {
  std::string out(kNatsHead);
  out += "\nauthorization {\n  users = [\n";
  for (const auto& gateway : federation.gateways) {
    const auto rights = rights_of(gateway, federation);
    auto subscribe = nats_subjects(rights.subscribe);
    subscribe.emplace_back("$MQTT.sub.>");
    out += "    {\n      user: \"" + gateway + "\", password: $password-" + gateway +
           "\n      allowed_connection_types: [\"MQTT\", \"MQTT_WS\"]\n      permissions: {\n        publish: " +
           quoted_list(nats_subjects(rights.publish)) + "\n        subscribe: " + quoted_list(subscribe) +
           "\n      }\n    }\n";
  }
  return out + "  ]\n}\n";
}

[[noreturn]] void refuse(const std::string& sentence) {
  throw std::invalid_argument(sentence);
}

}  // namespace

std::optional<Kind> kind_from(std::string_view name) {
  if (name == "mosquitto") return Kind::Mosquitto;
  if (name == "emqx") return Kind::Emqx;
  if (name == "rabbitmq") return Kind::RabbitMq;
  if (name == "nats") return Kind::Nats;
  return std::nullopt;
}

void check(const Federation& federation, Kind kind) {
  if (federation.gateways.empty()) refuse("no gateway is named; give --gateway NAME for each");
  std::set<std::string> seen;
  for (const auto& gateway : federation.gateways) {
    if (!is_gateway_name(gateway)) {
      refuse("\"" + gateway + "\" is no gateway name: 1 to 63 of a-z 0-9 _ -, beginning with a letter or digit");
    }
    if (!seen.insert(gateway).second) refuse("the gateway \"" + gateway + "\" is named twice; name it once");
  }
  if (!is_topic_base(federation.base)) {
    refuse("\"" + federation.base + "\" is no base: 1 to 5 levels of A-Z a-z 0-9 _ . - joined by /");
  }
  const bool dots = kind == Kind::Mosquitto || kind == Kind::Emqx;
  if (!dots && federation.base.find('.') != std::string::npos) {
    refuse("\"" + federation.base + "\" has a dot, which separates levels at this broker; choose a base without");
  }
  for (const auto& filter : federation.plain_replies) {
    const auto levels = levels_of(filter);
    if (!is_filter(levels) || (!dots && filter.find('.') != std::string::npos)) {
      refuse("\"" + filter + "\" is no filter for plain replies: up to 8 levels of A-Z a-z 0-9 _ -" +
             (dots ? " ." : "") + ", + for one level, # at the end for the rest");
    }
    if (reaches(levels, levels_of(federation.base))) {
      refuse("\"" + filter + "\" reaches into the base \"" + federation.base +
             "\"; plain replies must stay outside of it");
    }
  }
}

std::string access_rules(const Federation& federation, Kind kind) {
  switch (kind) {
    case Kind::Mosquitto:
      return mosquitto(federation);
    case Kind::Emqx:
      return emqx(federation);
    case Kind::RabbitMq:
      return rabbit(federation);
    case Kind::Nats:
      return nats(federation);
  }
  return {};
}

}  // namespace clawbridge::brokers
