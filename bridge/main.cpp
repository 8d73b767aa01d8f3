// The composition root: the only file that knows every adapter. Starts them from the top down, stops them in reverse.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "bridge/api/server.h"
#include "bridge/cli/run.h"
#include "bridge/core/core.h"
#include "bridge/crypto/keys.h"
#include "bridge/crypto/system_cryptography.h"
#include "bridge/gateway/command.h"
#include "bridge/gateway/echo.h"
#include "bridge/gateway/inquiry.h"
#include "bridge/gateway/machine.h"
#include "bridge/gateway/openclaw.h"
#include "bridge/gateway/program.h"
#include "bridge/gateway/supervisor.h"
#include "bridge/mqtt/broker.h"
#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/inspection.h"
#include "bridge/mqtt/probe.h"
#include "bridge/observe/log.h"
#include "bridge/observe/metrics.h"
#include "bridge/reload.h"
#include "bridge/runtime/runtime.h"
#include "bridge/runtime/service_notice.h"
#include "bridge/store/journal_db.h"
#include "bridge/store/journal_file.h"
#include "bridge/store/journal_look.h"
#include "config/settings.h"

namespace clawbridge {
namespace {

using namespace std::chrono_literals;

constexpr auto kApiGrace = 2s;
constexpr auto kBrokerGrace = 2s;

template <class T>
T or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

std::vector<Operation> operations(const std::vector<std::string>& names) {
  std::vector<Operation> ops;
  for (const auto& name : names) {
    if (name == "*") return {std::begin(kAllOperations), std::end(kAllOperations)};
    ops.push_back(operation_from(name));
  }
  return ops;
}

core::PolicyRule policy_rule(const config::Settings::PolicyRule& rule) {
  return {.from = rule.from,
          .to = rule.to,
          .sessions = rule.sessions,
          .allow = operations(rule.allow),
          .deny = operations(rule.deny),
          .per_minute = rule.per_minute,
          .open = rule.open,
          .concurrent = rule.concurrent,
          .message_bytes = rule.message_bytes,
          .place = rule.place};
}

std::string kind_name(config::GatewayKind kind) {
  switch (kind) {
    case config::GatewayKind::Echo: return "echo";
    case config::GatewayKind::Command: return "command";
    case config::GatewayKind::OpenClaw: break;
  }
  return "openclaw";
}

/// The folder of the journal, in which all that this bridge keeps lies.
std::filesystem::path state_folder(const config::Settings& settings) {
  return std::filesystem::path(settings.store.path).parent_path();
}

/// What may change while the daemon runs; the keys that say `reload` in config/keys.cpp.
core::Changeable changeable(const config::Settings& settings) {
  core::Changeable options;
  options.peers = settings.peers;
  options.seal = static_cast<core::Seal>(settings.trust.seal);
  for (const auto& rule : settings.policy) options.policy.push_back(policy_rule(rule));
  for (const auto& plain : settings.plain_clients) options.plain_clients.push_back({plain.to, plain.reply_topics});
  options.remote_agents = settings.remote_agents;
  options.expose = settings.expose;
  options.agent_names = settings.gateway.agent_names;
  options.keep = settings.store.keep;
  options.on_interrupted = settings.on_interrupted == config::OnInterrupted::Rerun ? core::OnInterrupted::Rerun : core::OnInterrupted::Report;
  options.late_reply = settings.late_reply == config::LateReply::Keep ? core::event::LateReply::Keep : core::event::LateReply::Deliver;
  auto& limits = options.limits;
  limits.message.message_bytes = settings.limits.message_bytes;
  limits.outgoing_open = settings.limits.outgoing_open;
  limits.outgoing_bytes = settings.limits.outgoing_bytes;
  limits.incoming_open = settings.limits.incoming_open;
  limits.incoming_open_per_peer = settings.limits.incoming_open_per_peer;
  limits.peers_pinned = settings.limits.peers_pinned;
  limits.peers_pending = settings.limits.peers_pending;
  limits.runs = settings.limits.runs;
  limits.asks = settings.limits.asks;
  limits.waiters = settings.limits.waiters;
  limits.journal_bytes_per_peer = settings.limits.journal_bytes_per_peer;
  limits.per_minute_per_peer = settings.limits.per_minute_per_peer;
  limits.per_minute_per_pair = settings.limits.per_minute_per_pair;
  limits.max_hops = settings.limits.max_hops;
  return options;
}

core::Options core_options(const config::Settings& settings, const std::filesystem::path& key_file) {
  core::Options options;
  static_cast<core::Changeable&>(options) = changeable(settings);
  options.gateway = settings.gateway.name;
  options.version = CLAWBRIDGE_VERSION;
  options.gateway_kind = kind_name(settings.gateway.kind);
  options.base = settings.broker.base;
  options.keys = or_throw(crypto::load_or_create_keys(key_file, settings.gateway.name));
  options.previous_keys = or_throw(crypto::load_previous_keys(key_file, settings.gateway.name));
  options.broker_insecure = settings.broker.insecure;
  if (!settings.trust.join.empty()) options.join_secret = settings.trust.join.reveal();
  return options;
}

/// 5, or 4 for MQTT 3.1.1; 0: as the broker likes.
int protocol_number(config::BrokerProtocol protocol) {
  switch (protocol) {
    case config::BrokerProtocol::Mqtt5: return 5;
    case config::BrokerProtocol::Mqtt311: return 4;
    case config::BrokerProtocol::Auto: break;
  }
  return 0;
}

mqtt::Settings broker_settings(const config::Settings& settings) {
  mqtt::Settings broker;
  broker.url = settings.broker.url;
  broker.username = settings.broker.username;
  broker.password = settings.broker.password.reveal();
  broker.ca_file = settings.broker.ca;
  broker.certificate_file = settings.broker.certificate;
  broker.key_file = settings.broker.key;
  broker.insecure = settings.broker.insecure;
  broker.keepalive = settings.broker.keepalive;
  return broker;
}

std::unique_ptr<gateway::Gateway> make_gateway(asio::io_context& io, const config::Settings& settings, core::EventSink sink) {
  const auto& gateway = settings.gateway;
  if (gateway.kind == config::GatewayKind::Echo) {
    return std::make_unique<gateway::Echo>(io, gateway::EchoSettings{gateway.agents, gateway.delay, gateway.record}, std::move(sink));
  }
  if (gateway.kind == config::GatewayKind::Command) {
    gateway::CommandSettings command;
    command.gateway = gateway.name;
    command.agents = gateway.agents;
    command.argv = gateway.command;
    command.workdir = gateway.workdir;
    command.environment = gateway.environment;
    command.reply_bytes = gateway.reply_bytes;
    command.time_limit = gateway.time_limit;
    command.durable = settings.store.durability == config::Durability::Power;
    command.turns = state_folder(settings) / "turns";
    command.self = gateway::own_program();
    return std::make_unique<gateway::Command>(io, std::move(command), std::move(sink));
  }
  gateway::OpenClawSettings openclaw;
  openclaw.url = gateway.url;
  openclaw.token = gateway.token.reveal();
  openclaw.bridge_version = CLAWBRIDGE_VERSION;
  return std::make_unique<gateway::OpenClaw>(io, std::move(openclaw), std::move(sink));
}

std::vector<api::Token> api_tokens(const config::Settings& settings, const core::Cryptography& cryptography) {
  std::vector<api::Token> tokens;
  for (const auto& [agent, token] : settings.api.tokens) tokens.push_back({agent, cryptography.sha256(token.reveal())});
  return tokens;
}

api::Settings api_settings(const config::Settings& settings, const core::Cryptography& cryptography) {
  api::Settings api;
  api.socket_path = settings.api.socket;
  // JSON may spell one byte of a text with three and more.
  api.connection.body_bytes_max = 3 * settings.limits.message_bytes + 64 * 1024;
  if (settings.api.listen_address.empty()) return api;
  auto& tcp = api.tcp.emplace();
  tcp.address = settings.api.listen_address;
  tcp.port = settings.api.listen_port;
  tcp.tokens = api_tokens(settings, cryptography);
  return api;
}

observe::Level log_level(const config::Settings& settings) {
  using config::LogLevel;
  if (settings.log.level == LogLevel::Debug) return observe::Level::Debug;
  if (settings.log.level == LogLevel::Warn) return observe::Level::Warn;
  if (settings.log.level == LogLevel::Error) return observe::Level::Error;
  return observe::Level::Info;
}

observe::Format log_format(const config::Settings& settings) {
  return settings.log.format == config::LogFormat::Json ? observe::Format::Json : observe::Format::Logfmt;
}

WallTime wall_now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

/// 0 for a file that is not there.
std::uint64_t bytes_of(const std::string& file) {
  std::error_code missing;
  const auto bytes = std::filesystem::file_size(file, missing);
  return missing ? 0 : bytes;
}

/// Everything that runs, in the order it is made.
class Daemon final : public runtime::Hands, public core::Host {
 public:
  Daemon(const config::Settings& settings, const cli::Reread& reread, runtime::ServiceWishes service)
      : protocol_(settings.broker.protocol),
        journal_file_(settings.store.path),
        journal_(open_journal(settings)),
        core_(core_options(settings, state_folder(settings) / "keys.json"),
              journal_->restore(), *journal_, crypto_, random_),
        runtime_(io_, core_, *this),
        broker_(broker_settings(settings), runtime_.sink()),
        gateway_(make_gateway(io_, settings, runtime_.sink())),
        api_(io_, api_settings(settings, crypto_), runtime_, *this, crypto_, observe::note),
        reloader_(io_, settings, reread, [this](const config::Settings& next) { take(next); }),
        service_(io_, std::move(service)),
        signals_(io_, SIGINT, SIGTERM),
        hangups_(io_, SIGHUP) {
    if (settings.broker.insecure) {
      observe::log(observe::Level::Warn, "broker.insecure", {{"broker", settings.broker.url}, {"reason", "broker.insecure is true: whoever answers is believed to be the broker"}});
    }
    if (!settings.api.listen_address.empty()) {
      observe::log(observe::Level::Info, "api.listening", {{"address", settings.api.listen_address}, {"port", std::to_string(settings.api.listen_port)}});
    }
    observe::log(observe::Level::Info, "daemon.started",
                 {{"gateway", settings.gateway.name}, {"version", CLAWBRIDGE_VERSION}, {"broker", settings.broker.url}, {"socket", settings.api.socket},
                  {"fingerprint", core_.status().fingerprint}});
  }

  void run() {
    api_.start();
    gateway_->start();
    runtime_.start();
    wait_for_signal();
    wait_for_hangup();
    reloader_.watch();
    // Not when the broker is reached: that may take as long as the broker likes, and nothing is lost meanwhile.
    service_.ready();
    service_.status(core_.status().gateway + " serves; `clawbridge status` shows broker, gateway and peers");
    io_.run();
    broker_.stop(kBrokerGrace);
    observe::log(observe::Level::Info, "daemon.stopped");
  }

  std::string metrics(const core::StatusView& status) override {
    const auto& broker = broker_.counters();
    const auto dead = journal_->count_dead(status.gateway);
    return observe::metrics_text({.status = status,
                                  .peers = core_.peers(),
                                  .tally = core_.tally(),
                                  .commits = runtime_.commits(),
                                  .broker = {broker.received, broker.received_bytes, broker.published, broker.published_bytes, broker.refused, broker.dropped, broker.ignored},
                                  .journal = {bytes_of(journal_file_), bytes_of(journal_file_ + "-wal"), dead.outgoing, dead.incoming},
                                  .reloads = {reloader_.applied(), reloader_.refused(), reloader_.view()},
                                  .log_lines = observe::line_counts(),
                                  .process = observe::read_process(),
                                  .started = started_});
  }
  std::vector<core::TroubleView> troubles() override { return observe::troubles(); }
  core::SettingsView settings() override { return reloader_.view(); }
  void reload(std::function<void(core::ReloadResult)> done) override { reloader_.reload(std::move(done)); }

  void apply(core::StoreOrder order) override { journal_->apply(std::move(order)); }
  std::optional<Error> commit() override { return journal_->commit(); }
  void carry_out(core::action::ConnectBroker& action) override {
    if (const int protocol = protocol_number(protocol_); protocol != 0) action.protocol = protocol;
    broker_.carry_out(std::move(action));
  }
  void carry_out(core::action::DisconnectBroker& action) override { broker_.carry_out(action); }
  void carry_out(core::action::Subscribe& action) override { broker_.carry_out(action); }
  void carry_out(core::action::Publish& action) override { broker_.carry_out(std::move(action)); }
  void carry_out(core::action::ResolveSession& action) override { gateway_->carry_out(action); }
  void carry_out(core::action::StartRun& action) override { gateway_->carry_out(action); }
  void carry_out(core::action::AbortRun& action) override { gateway_->carry_out(action); }
  void carry_out(core::action::RecoverRun& action) override { gateway_->carry_out(action); }
  void carry_out(core::action::ForgetRun& action) override { gateway_->carry_out(action); }
  void carry_out(core::action::ReadSessions& action) override { gateway_->carry_out(action); }
  void carry_out(core::action::Note& action) override { observe::note(action); }
  void carry_out(core::action::Stopped&) override {
    reloader_.stop();
    hangups_.cancel();
    gateway_->stop();
    api_.stop(kApiGrace, [this] { io_.stop(); });
  }

 private:
  std::unique_ptr<store::JournalDb> open_journal(const config::Settings& settings) {
    const auto durability = settings.store.durability == config::Durability::Power ? store::Durability::Power : store::Durability::Process;
    auto opened = or_throw(store::JournalDb::open(settings.store.path, durability, random_));
    if (!opened.warning.empty()) observe::log(observe::Level::Error, "store.damaged", {{"reason", opened.warning}});
    return std::move(opened.journal);
  }

  void take(const config::Settings& next) {
    observe::change(log_level(next), log_format(next));
    api_.replace_tokens(api_tokens(next, crypto_));
    runtime_.take_settings(std::make_shared<const core::Changeable>(changeable(next)));
  }

  void wait_for_hangup() {
    hangups_.async_wait([this](const boost::system::error_code& cancelled, int) {
      if (cancelled) return;
      service_.reloading();
      reloader_.reload([this](const core::ReloadResult&) { service_.ready(); });
      wait_for_hangup();
    });
  }

  // The first signal stops in order, the second at once.
  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int) {
      if (cancelled) return;
      if (stopping_) std::_Exit(EXIT_FAILURE);
      stopping_ = true;
      observe::log(observe::Level::Info, "daemon.stopping");
      service_.stopping();
      runtime_.shut_down();
      wait_for_signal();
    });
  }

  const WallTime started_ = wall_now();
  const config::BrokerProtocol protocol_;
  const std::string journal_file_;
  crypto::SystemCryptography crypto_;
  crypto::SystemRandom random_;
  std::unique_ptr<store::JournalDb> journal_;
  core::Core core_;
  asio::io_context io_{1};
  runtime::Runtime runtime_;
  mqtt::Broker broker_;
  std::unique_ptr<gateway::Gateway> gateway_;
  api::Server api_;
  Reloader reloader_;
  runtime::ServiceNotice service_;
  asio::signal_set signals_;
  asio::signal_set hangups_;
  bool stopping_ = false;
};

int run_daemon(const config::Settings& settings, const cli::Reread& reread) {
  observe::init(log_level(settings), log_format(settings));
  int code = EXIT_SUCCESS;
  auto service = runtime::take_service_wishes();
  try {
    try {
      Daemon(settings, reread, std::move(service)).run();
    } catch (const store::StoreError& error) {
      // Or the next start would end in the same place.
      if (store::is_damage(error.code())) store::condemn(settings.store.path);
      throw;
    }
  } catch (const std::exception& error) {
    observe::log(observe::Level::Error, "daemon.failed", {{"reason", error.what()}});
    std::fprintf(stderr, "clawbridge: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  observe::close();
  return code;
}

Result<cli::OpenClawLine> connect_openclaw(const config::OpenClawGateway& gateway, std::chrono::seconds patience) {
  gateway::ClientSettings settings;
  settings.url = gateway.url;
  settings.token = gateway.token.reveal();
  settings.bridge_version = CLAWBRIDGE_VERSION;
  const auto inquiry = std::make_shared<gateway::Inquiry>(std::move(settings), patience);
  if (auto error = inquiry->connect()) return std::move(*error);
  const auto& hello = inquiry->hello();
  return cli::OpenClawLine{[inquiry](const std::string& method, const nlohmann::json& params) { return inquiry->ask(method, params); },
                           hello.version, hello.protocol, hello.scopes};
}

std::future<doctor::BrokerSeen> begin_broker_inspection(const config::Settings& settings, const cli::BrokerVisit& visit) {
  mqtt::InspectionOrder order;
  order.settings = broker_settings(settings);
  order.base = settings.broker.base;
  order.gateway = settings.gateway.name;
  order.protocol = protocol_number(settings.broker.protocol);
  order.message_bytes = settings.limits.message_bytes;
  order.is_online = visit.is_online;
  order.hello = visit.hello;
  order.nonce = visit.nonce;
  return mqtt::begin_inspection(std::move(order));
}

std::optional<std::string> reach_broker(const config::Settings::Broker& broker) {
  const auto url = mqtt::parse_broker_url(broker.url);
  if (!url) return url.error().message;
  config::Settings settings;
  settings.broker = broker;
  const auto found = mqtt::probe(*url, broker_settings(settings));
  if (!found.reached) return found.tcp_error;
  return found.tls_error.empty() ? std::nullopt : std::optional(found.tls_error);
}

std::string own_path() {
  std::error_code ignored;
  return std::filesystem::canonical(gateway::own_program(), ignored).string();
}

}  // namespace
}  // namespace clawbridge

int main(int argc, char** argv) {
  if (const auto code = clawbridge::gateway::run_as_supervisor(argc, argv)) return *code;
  std::signal(SIGPIPE, SIG_IGN);
  auto hooks = clawbridge::cli::system_hooks(CLAWBRIDGE_VERSION, clawbridge::run_daemon);
  hooks.connect_openclaw = clawbridge::connect_openclaw;
  hooks.reach_broker = clawbridge::reach_broker;
  hooks.program = clawbridge::own_path();
  hooks.begin_broker_inspection = clawbridge::begin_broker_inspection;
  hooks.look_at_journal = clawbridge::store::look_at_journal;
  return clawbridge::cli::run(argc, argv, hooks);
}
