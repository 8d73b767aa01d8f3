// The table of keys. See keys.h. The order of `choices` is the order of the enumerators in settings.h.
#include "config/keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "config/values.h"
#include "topics/encoding.h"
#include "topics/topic.h"

namespace clawbridge::config {
namespace {

using Text = std::string;
using Number = std::uint64_t;
using Time = std::chrono::milliseconds;
using Texts = std::vector<std::string>;

constexpr Number kSecond = 1'000;
constexpr Number kHour = 3'600 * kSecond;
constexpr Number kDay = 24 * kHour;

constexpr std::string_view kGatewayNameForm = "1 to 63 of a-z 0-9 _ -, beginning with a letter or digit";
constexpr std::string_view kAgentForm = "1 to 64 of a-z 0-9 _ -, beginning with a letter or digit";

std::string decoded(const std::string& base64url) {
  return base64url_decode(base64url).value_or(std::string{});
}

void append(std::vector<Key>& all, std::vector<Key> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

bool is_version(std::string_view text) {
  return text == "1";
}

std::vector<Key> top_keys() {
  return {
      {.path = "version",
       .description = "The version of this file's format.",
       .default_text = "1",
       .allowed = "1",
       .valid = is_version},
      {.path = "expose",
       .type = Type::List,
       .reload = true,
       .description = "The agents that others may see and reach.",
       .default_words = "all",
       .allowed = kAgentForm,
       .valid = is_agent_id,
       .assign = [](Settings& s, Texts value) { s.expose = std::move(value); }},
      {.path = "on_interrupted",
       .type = Type::Choice,
       .reload = true,
       .description = "What is done where nobody can tell whether a turn ran, because bridge or gateway went down or a journal was lost: "
                      "report it, or run it (again).",
       .default_text = "report",
       .choices = {"report", "rerun"},
       .assign = [](Settings& s, Number value) { s.on_interrupted = static_cast<OnInterrupted>(value); }},
      {.path = "late_reply",
       .type = Type::Choice,
       .reload = true,
       .description = "A reply that comes when the asking agent no longer waits for it: give it to the asking session as a message, or only keep it "
                      "for `claw_exchange`. A request may say otherwise.",
       .default_text = "deliver",
       .choices = {"deliver", "keep"},
       .assign = [](Settings& s, Number value) { s.late_reply = static_cast<LateReply>(value); }},
  };
}

std::vector<Key> gateway_keys() {
  return {
      {.path = "gateway.name",
       .description = "This gateway's name in the federation; no other may have it.",
       .default_words = "the host name up to its first dot, lower-cased",
       .allowed = kGatewayNameForm,
       .valid = is_gateway_name,
       .assign = [](Settings& s, const Text& value) { s.gateway.name = value; }},
      {.path = "gateway.kind",
       .type = Type::Choice,
       .description = "What runs the agents: an OpenClaw gateway, the bridge itself answering `echo: <text>`, or a program that is run for each message.",
       .default_text = "openclaw",
       .choices = {"openclaw", "echo", "command"},
       .assign = [](Settings& s, Number value) { s.gateway.kind = static_cast<GatewayKind>(value); }},
      {.path = "gateway.url",
       .description = "Where the OpenClaw gateway listens (kind openclaw).",
       .default_words = "from OpenClaw's settings, else ws://127.0.0.1:18789",
       .allowed = "ws://HOST[:PORT] or wss://HOST[:PORT], without user name and password",
       .valid = is_gateway_url,
       .assign = [](Settings& s, const Text& value) { s.gateway.url = value; }},
      {.path = "gateway.token",
       .type = Type::Secret,
       .description =
           "The gateway's token (kind openclaw). OpenClaw's own is only taken for a gateway on this machine.",
       .default_words = "from OpenClaw's settings",
       .assign = [](Settings& s, const Text& value) { s.gateway.token = Secret(value); }},
      {.path = "gateway.openclaw_config",
       .type = Type::Path,
       .description = "OpenClaw's settings file, in which url and token are looked up (kind openclaw).",
       .default_words = "$OPENCLAW_CONFIG_PATH, or openclaw.json in $OPENCLAW_STATE_DIR or ~/.openclaw",
       .allowed = "the path of a file",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.gateway.openclaw_config = value; }},
      {.path = "gateway.agent_names",
       .type = Type::Boolean,
       .reload = true,
       .description = "Whether peers see the display names of agents, beside their ids.",
       .default_text = "true",
       .assign = [](Settings& s, bool value) { s.gateway.agent_names = value; }},
      {.path = "gateway.agents",
       .type = Type::List,
       .description = "The agents that answer (kinds echo and command).",
       .default_text = "main",
       .allowed = kAgentForm,
       .valid = is_agent_id,
       .assign = [](Settings& s, Texts value) { s.gateway.agents = std::move(value); }},
      {.path = "gateway.delay",
       .type = Type::Duration,
       .description = "How long a turn takes (kind echo).",
       .default_text = "0ms",
       .least = 0,
       .most = kHour,
       .assign = [](Settings& s, Time value) { s.gateway.delay = value; }},
      {.path = "gateway.record",
       .type = Type::Path,
       .description = "A file to which each turn appends one JSON line (kind echo).",
       .default_words = "nothing is recorded",
       .allowed = "the path of a file",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.gateway.record = value; }},
      {.path = "gateway.command",
       .type = Type::List,
       .description = "The program that answers, and its arguments (kind command). No shell; the text comes on stdin, the reply is what it prints.",
       .default_words = "none; kind command needs it",
       .allowed = "without NUL; the first an absolute path, ~/PATH, or a name that is looked for in PATH",
       .valid = is_argument,
       .repeats = true,
       .assign = [](Settings& s, Texts value) { s.gateway.command = std::move(value); }},
      {.path = "gateway.workdir",
       .type = Type::Path,
       .description = "The working directory of the program (kind command).",
       .default_words = "the home directory",
       .allowed = "the path of a folder",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.gateway.workdir = value; }},
      {.path = "gateway.environment",
       .type = Type::List,
       .description = "Variables of the bridge that the program gets too (kind command), beside HOME, USER, LOGNAME, SHELL, PATH, LANG, LANGUAGE, LC_*, TZ, "
                      "TMPDIR, the folders of XDG, and the CLAW_ variables about the message.",
       .default_words = "no more",
       .allowed = "the name of a variable",
       .valid = is_variable_name,
       .assign = [](Settings& s, Texts value) { s.gateway.environment = std::move(value); }},
      {.path = "gateway.reply_bytes",
       .type = Type::Integer,
       .description = "Bytes of a reply that are kept (kind command); the rest is cut off, and the reply is marked as truncated.",
       .default_text = "1048576",
       .least = 1,
       .most = 67'108'864,
       .assign = [](Settings& s, Number value) { s.gateway.reply_bytes = value; }},
      {.path = "gateway.time_limit",
       .type = Type::Duration,
       .description = "How long the program may run (kind command); then it gets TERM, 5 s later KILL, and the asker an error.",
       .default_words = "as long as it takes",
       .least = kSecond,
       .most = 365 * kDay,
       .assign = [](Settings& s, Time value) { s.gateway.time_limit = value; }},
  };
}

std::vector<Key> broker_keys() {
  return {
      {.path = "broker.url",
       .description = "The MQTT broker that all gateways share. mqtts, ssl and wss use TLS.",
       .default_text = "mqtt://127.0.0.1:1883",
       .allowed =
           "mqtt://, mqtts://, tcp://, ssl://, ws:// or wss://, then HOST[:PORT], without user name and password",
       .valid = is_broker_url,
       .assign = [](Settings& s, const Text& value) { s.broker.url = value; }},
      {.path = "broker.username",
       .description = "The user name at the broker.",
       .default_words = "none",
       .assign = [](Settings& s, const Text& value) { s.broker.username = value; }},
      {.path = "broker.password",
       .type = Type::Secret,
       .description = "The password at the broker.",
       .default_words = "none",
       .assign = [](Settings& s, const Text& value) { s.broker.password = Secret(value); }},
      {.path = "broker.ca",
       .type = Type::Path,
       .description = "The certificates (PEM) that vouch for the broker.",
       .default_words = "those of the system",
       .allowed = "the path of a file",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.broker.ca = value; }},
      {.path = "broker.certificate",
       .type = Type::Path,
       .description = "Our own certificate (PEM), for a broker that asks for one; together with broker.key.",
       .default_words = "none",
       .allowed = "the path of a file",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.broker.certificate = value; }},
      {.path = "broker.key",
       .type = Type::Path,
       .description = "The private key (PEM) of broker.certificate.",
       .default_words = "none",
       .allowed = "the path of a file",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.broker.key = value; }},
      {.path = "broker.insecure",
       .type = Type::Boolean,
       .description = "Do not check who the broker is. For trying out only: log and health say so loudly.",
       .default_text = "false",
       .assign = [](Settings& s, bool value) { s.broker.insecure = value; }},
      {.path = "broker.protocol",
       .type = Type::Choice,
       .description = "The MQTT version; auto tries 5 first.",
       .default_text = "auto",
       .choices = {"auto", "5", "3.1.1"},
       .assign = [](Settings& s, Number value) { s.broker.protocol = static_cast<BrokerProtocol>(value); }},
      {.path = "broker.base",
       .description = "The first topic level or levels. The same on every gateway.",
       .default_text = "claw",
       .allowed = "1 to 5 levels of A-Z a-z 0-9 _ . - joined by /",
       .valid = is_topic_base,
       .assign = [](Settings& s, const Text& value) { s.broker.base = value; }},
      {.path = "broker.keepalive",
       .type = Type::Duration,
       .description = "How long a connection may be silent before it is checked.",
       .default_text = "30s",
       .least = kSecond,
       .most = 65'535 * kSecond,
       .step = kSecond,
       .assign = [](Settings& s, Time value) { s.broker.keepalive = std::chrono::floor<std::chrono::seconds>(value); }},
  };
}

std::vector<Key> federation_keys() {
  return {
      {.path = "remote_agents.*",
       .reload = true,
       .description = "A short name for an agent elsewhere.",
       .allowed = "GATEWAY/AGENT",
       .valid = is_address,
       .valid_name = is_agent_id,
       .assign =
           [](Settings& s, const Text& name, const Text& value) {
             if (auto address = Address::parse(value)) s.remote_agents[name] = std::move(*address);
           }},
      {.path = "trust.join",
       .type = Type::Secret,
       .description = "The federation's join secret: bridges that know it pin each other's keys at first sight.",
       .default_words = "none: each new peer waits for `clawbridge peers trust`",
       .allowed = "at least 16 random bytes in base64url without padding",
       .valid = is_join_secret,
       .assign = [](Settings& s, const Text& value) { s.trust.join = Secret(decoded(value)); }},
      {.path = "trust.seal",
       .type = Type::Choice,
       .reload = true,
       .description = "Whether content is encrypted from bridge to bridge. always: nothing readable is sent or taken.",
       .default_text = "off",
       .choices = {"off", "when_possible", "always"},
       .assign = [](Settings& s, Number value) { s.trust.seal = static_cast<Seal>(value); }},
      {.path = "peers.*.fingerprint",
       .reload = true,
       .description = "Pins the keys of a gateway by hand; `clawbridge key show` prints it there.",
       .allowed = "64 lower-case hex digits",
       .valid = is_fingerprint,
       .valid_name = is_gateway_name,
       .assign = [](Settings& s, const Text& name, const Text& value) { s.peers[name] = value; }},
  };
}

/// The item of a list section that `number` names, which begins at 1. Items come in order.
template <class Item>
Item& item_of(std::vector<Item>& items, const Text& number) {
  const auto at = static_cast<std::size_t>(parse_integer(number).value_or(1));
  if (items.size() < at) items.resize(at);
  return items[at - 1];
}

std::vector<Key> policy_keys() {
  return {
      {.path = "policy.#.from",
       .type = Type::List,
       .reload = true,
       .description = "Whose requests the rule is about. A plain client is `_plain/client`.",
       .allowed = "GATEWAY/AGENT, in which * is any run of characters",
       .valid = is_source_pattern,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Texts value) { item_of(s.policy, n).from = std::move(value); }},
      {.path = "policy.#.to",
       .type = Type::List,
       .reload = true,
       .description = "The local agents that are asked. `_bridge` is the gateway as a whole; * does not mean it.",
       .allowed = "an agent, in which * is any run of characters",
       .valid = is_target_pattern,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Texts value) { item_of(s.policy, n).to = std::move(value); }},
      {.path = "policy.#.sessions",
       .type = Type::List,
       .reload = true,
       .description = "The sessions the rule is about; without it every session of the agents. No rule opens another agent's.",
       .allowed = "agent:ID:NAME, in which * is any run of characters",
       .valid = is_session_pattern,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Texts value) { item_of(s.policy, n).sessions = std::move(value); }},
      {.path = "policy.#.allow",
       .type = Type::List,
       .reload = true,
       .description = "Operations that are allowed. About others the next rule decides.",
       .allowed = "an operation, or *",
       .valid = is_operation,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Texts value) { item_of(s.policy, n).allow = std::move(value); }},
      {.path = "policy.#.deny",
       .type = Type::List,
       .reload = true,
       .description = "Operations that are refused with `forbidden`.",
       .allowed = "an operation, or *",
       .valid = is_operation,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Texts value) { item_of(s.policy, n).deny = std::move(value); }},
      {.path = "policy.#.per_minute",
       .type = Type::Integer,
       .reload = true,
       .description = "Requests of one source to one agent in a minute, in place of limits.per_minute_per_pair.",
       .least = 1,
       .most = 1'000'000,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Number value) { item_of(s.policy, n).per_minute = value; }},
      {.path = "policy.#.concurrent",
       .type = Type::Integer,
       .reload = true,
       .description = "Turns at once under this rule; the others wait in order.",
       .least = 1,
       .most = 1'024,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Number value) { item_of(s.policy, n).concurrent = value; }},
      {.path = "policy.#.open",
       .type = Type::Integer,
       .reload = true,
       .description = "Exchanges taken under this rule and not ended; more are put off.",
       .least = 1,
       .most = 1'000'000,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Number value) { item_of(s.policy, n).open = value; }},
      {.path = "policy.#.message_bytes",
       .type = Type::Integer,
       .reload = true,
       .description = "Bytes of one message under this rule; longer ones are refused with `too_large`.",
       .least = 256,
       .most = 67'108'864,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Number value) { item_of(s.policy, n).message_bytes = value; }},
      {.path = "plain_clients.#.to",
       .reload = true,
       .description = "The agent that plain MQTT clients may ask: text in, text out, with no proof of who asks.",
       .allowed = kAgentForm,
       .valid = is_agent_id,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, const Text& value) { item_of(s.plain_clients, n).to = value; }},
      {.path = "plain_clients.#.reply_topics",
       .type = Type::List,
       .reload = true,
       .description = "Where the answers may go; a request with another Response Topic is dropped.",
       .allowed = "an MQTT topic filter outside broker.base that begins with a word",
       .valid = is_reply_filter,
       .valid_name = is_item_number,
       .assign = [](Settings& s, const Text& n, Texts value) { item_of(s.plain_clients, n).reply_topics = std::move(value); }},
  };
}

std::vector<Key> machine_keys() {
  return {
      {.path = "store.path",
       .type = Type::Path,
       .description = "The journal. The bridge's keys lie beside it.",
       .default_words = "$XDG_STATE_HOME/clawbridge/journal.db, by default ~/.local/state/clawbridge/journal.db",
       .allowed = "the path of a file",
       .valid = is_not_empty,
       .assign = [](Settings& s, const Text& value) { s.store.path = value; }},
      {.path = "store.durability",
       .type = Type::Choice,
       .description = "What an accepted request survives: a crash of the bridge, or also a loss of power (slower).",
       .default_text = "process",
       .choices = {"process", "power"},
       .assign = [](Settings& s, Number value) { s.store.durability = static_cast<Durability>(value); }},
      {.path = "store.keep",
       .type = Type::Duration,
       .reload = true,
       .description = "How long exchanges asked here are kept after their end.",
       .default_text = "7d",
       .least = kHour,
       .most = 365 * kDay,
       .assign = [](Settings& s, Time value) { s.store.keep = value; }},
      {.path = "api.socket",
       .type = Type::Path,
       .description = "The Unix socket for tools and the command line.",
       .default_words = "$XDG_RUNTIME_DIR/clawbridge.sock, or clawbridge.sock in the state directory",
       .allowed = "the path of a socket, short enough for the system (107 bytes, on macOS 103)",
       .valid = is_socket_path,
       .assign = [](Settings& s, const Text& value) { s.api.socket = value; }},
      {.path = "api.listen",
       .description = "Where to listen on TCP too, for callers that cannot use the socket; needs api.tokens.",
       .default_words = "no TCP",
       .allowed = "127.0.0.1:PORT, another of 127.0.0.0/8, [::1]:PORT or localhost:PORT: this machine only, because "
                  "tokens and messages travel unencrypted",
       .valid = is_listen,
       .assign =
           [](Settings& s, const Text& value) {
             const auto listen = parse_listen(value).value_or(Listen{});
             s.api.listen_address = listen.address;
             s.api.listen_port = listen.port;
           }},
      {.path = "api.tokens.*",
       .type = Type::Secret,
       .reload = true,
       .description = "The bearer token on TCP, and so who calls: a local agent, `_bridge` for yourself, or `_watch` for who may see "
                      "all and change nothing.",
       .allowed = "32 to 512 of A-Z a-z 0-9 - . _ ~ + / =, random, as `openssl rand -hex 32` prints them; each token "
                  "once",
       .valid = is_api_token,
       .valid_name = is_api_caller,
       .assign = [](Settings& s, const Text& name, const Text& value) { s.api.tokens[name] = Secret(value); }},
      {.path = "log.level",
       .type = Type::Choice,
       .reload = true,
       .description = "The least level that is logged.",
       .default_text = "info",
       .choices = {"debug", "info", "warn", "error"},
       .assign = [](Settings& s, Number value) { s.log.level = static_cast<LogLevel>(value); }},
      {.path = "log.format",
       .type = Type::Choice,
       .reload = true,
       .description = "How a log line is written.",
       .default_text = "logfmt",
       .choices = {"logfmt", "json"},
       .assign = [](Settings& s, Number value) { s.log.format = static_cast<LogFormat>(value); }},
  };
}

Key limit(std::string_view path, std::string_view description, std::string_view default_text, Number least, Number most,
          void (*assign)(Settings&, Number)) {
  return {.path = path,
          .type = Type::Integer,
          .reload = path != "limits.message_bytes",  // which peers have been told
          .description = description,
          .default_text = default_text,
          .least = least,
          .most = most,
          .assign = assign};
}

std::vector<Key> limit_keys() {
  return {
      limit("limits.message_bytes", "Bytes of one message that are taken.", "1048576", 65'536, 67'108'864,
            [](Settings& s, Number value) { s.limits.message_bytes = value; }),
      limit("limits.outgoing_open", "Exchanges asked here and not ended.", "10000", 1, 1'000'000,
            [](Settings& s, Number value) { s.limits.outgoing_open = value; }),
      limit("limits.outgoing_bytes", "Bytes of the requests among them.", "1073741824", 1'048'576, 1'099'511'627'776,
            [](Settings& s, Number value) { s.limits.outgoing_bytes = value; }),
      limit("limits.incoming_open", "Exchanges taken here and not ended.", "10000", 1, 1'000'000,
            [](Settings& s, Number value) { s.limits.incoming_open = value; }),
      limit("limits.incoming_open_per_peer", "The same, of one peer.", "4000", 1, 1'000'000,
            [](Settings& s, Number value) { s.limits.incoming_open_per_peer = value; }),
      limit("limits.peers_pinned", "Peers whose keys are kept.", "4096", 1, 100'000,
            [](Settings& s, Number value) { s.limits.peers_pinned = value; }),
      limit("limits.peers_pending", "Peers that wait for trust.", "64", 0, 10'000,
            [](Settings& s, Number value) { s.limits.peers_pending = value; }),
      limit("limits.runs", "Turns on the local gateway at once, one per session.", "16", 1, 1'024,
            [](Settings& s, Number value) { s.limits.runs = value; }),
      limit("limits.asks", "Questions of local callers that only read, under way at once.", "1024", 1, 100'000,
            [](Settings& s, Number value) { s.limits.asks = value; }),
      limit("limits.waiters", "Local callers that wait for a reply at once.", "4096", 1, 100'000,
            [](Settings& s, Number value) { s.limits.waiters = value; }),
      limit("limits.journal_bytes_per_peer", "Bytes of requests and replies kept for one peer; more are put off.", "1073741824",
            1'048'576, 1'099'511'627'776, [](Settings& s, Number value) { s.limits.journal_bytes_per_peer = value; }),
      limit("limits.per_minute_per_peer", "Requests of one peer that are taken in a minute; more are put off. 0: no limit.", "3000", 0,
            10'000'000, [](Settings& s, Number value) { s.limits.per_minute_per_peer = value; }),
      limit("limits.per_minute_per_pair", "The same, of one source to one agent. Stops loops that lost their chain. 0: no limit.",
            "120", 0, 10'000'000, [](Settings& s, Number value) { s.limits.per_minute_per_pair = value; }),
      limit("limits.max_hops", "Requests that may cause one another in a chain; longer ones are refused with `loop`.", "8", 1, 64,
            [](Settings& s, Number value) { s.limits.max_hops = value; }),
  };
}

std::vector<Key> make_keys() {
  std::vector<Key> all = top_keys();
  append(all, gateway_keys());
  append(all, broker_keys());
  append(all, federation_keys());
  append(all, policy_keys());
  append(all, machine_keys());
  append(all, limit_keys());
  return all;
}

}  // namespace

const std::vector<Key>& keys() {
  static const std::vector<Key> all = make_keys();
  return all;
}

const Key* find_key(std::string_view path) {
  const auto found = std::ranges::find(keys(), path, &Key::path);
  return found == keys().end() ? nullptr : &*found;
}

std::string_view describe_section(std::string_view path) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> sections{{
      {"gateway", "The agent gateway beside this bridge."},
      {"broker", "The MQTT broker and how to reach it."},
      {"remote_agents", "Short names for agents of other gateways."},
      {"trust", "Which other bridges are believed."},
      {"peers", "Other gateways whose keys are pinned by hand, by gateway name."},
      {"policy", "Who may ask what: a list of rules, of which the first that matches decides. Without one that does, "
                 "sessions_spawn and sessions_history are denied and everything else is allowed."},
      {"plain_clients", "MQTT clients that are no bridges, such as mosquitto_rr: a list, empty unless written."},
      {"store", "The journal."},
      {"api", "The way in for tools and the command line."},
      {"log", "What the bridge writes to stderr."},
      {"limits", "Every queue has a limit; beyond it new work is refused with `busy` or `too_large`."},
  }};
  const auto found = std::ranges::find(sections, path, &std::pair<std::string_view, std::string_view>::first);
  return found == sections.end() ? std::string_view{} : found->second;
}

std::string allowed_values(const Key& key) {
  switch (key.type) {
    case Type::Boolean:
      return "true, false";
    case Type::Integer:
      return fmt::format("a whole number from {} to {}", key.least, key.most);
    case Type::Duration:
      return fmt::format("{} to {}, written as a whole number and {}s, m, h or d",
                         format_duration(Time(static_cast<Time::rep>(key.least))),
                         format_duration(Time(static_cast<Time::rep>(key.most))), key.step < kSecond ? "ms, " : "");
    case Type::Choice:
      return fmt::format("{}", fmt::join(key.choices, ", "));
    case Type::List:
      return key.repeats ? fmt::format("a list of texts {}", key.allowed) : fmt::format("a list of different names, each {}", key.allowed);
    case Type::Text:
    case Type::Secret:
    case Type::Path:
      break;
  }
  return std::string(key.allowed.empty() ? "any text" : key.allowed);
}

std::string variable_name(std::string_view path) {
  if (path.find_first_of("*#") != std::string_view::npos) return {};
  std::string name = "CLAWBRIDGE_";
  for (const char c : path) name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t dot = path.find('.');
    parts.push_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    path.remove_prefix(dot + 1);
  }
}

}  // namespace clawbridge::config
