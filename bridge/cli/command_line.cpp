#include "bridge/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>

#include "bridge/cli/declare_setup.h"
#include "config/nearest.h"

namespace clawbridge::cli {
namespace {

constexpr const char* kAbout =
    "clawbridge lets the agents of different gateways talk to each other over an MQTT broker.\n"
    "One daemon (`clawbridge run`) stands beside each gateway; the other commands ask it.";

constexpr const char* kFooter =
    "Examples:\n"
    "  clawbridge init                                 set up the first machine; it says how the others join\n"
    "  clawbridge run                                  start the daemon\n"
    "  clawbridge agents                               who can be reached\n"
    "  clawbridge send imac/jarvis \"Are you there?\"    send, and print the reply\n"
    "  clawbridge COMMAND --help                       more about one command\n"
    "\n"
    "Exit codes:";

constexpr const char* kSendFooter =
    "Examples:\n"
    "  clawbridge send imac/jarvis \"What is on my calendar today?\"\n"
    "  clawbridge send imac/agent:jarvis:main --message-file notes.md --timeout 300\n"
    "  git diff | clawbridge send studio --label reviewer\n"
    "  clawbridge send imac/jarvis \"What is wrong here?\" --attach build.log --stream\n"
    "The reply goes to stdout, everything else to stderr.";

constexpr const char* kSpawnFooter =
    "Examples:\n"
    "  clawbridge spawn imac/jarvis \"Sort the photos of 2026\" --label photos\n"
    "  clawbridge spawn imac/jarvis --message-file task.md --run-timeout 3600 --json\n"
    "It returns as soon as the task has started; `clawbridge exchange wait ID` waits for its end.\n"
    "A gateway lets nobody spawn unless its policy says so.";

constexpr const char* kMcpFooter =
    "For a client's settings:\n"
    "  {\"command\": \"clawbridge\", \"args\": [\"mcp\", \"--agent\", \"main\"]}\n"
    "Clients that speak HTTP can do without it: see api.listen and api.tokens, path /mcp.";

constexpr const char* kTrustFooter =
    "Compare the fingerprint over the telephone or in person: the broker is not to be believed.\n"
    "\n"
    "Example:\n"
    "  clawbridge peers trust imac 4f0c 19aa 0b7e 5d21 88e1 07c3 b6f2 9d04";

constexpr const char* kBrokerInitFooter =
    "DIR holds all that mosquitto needs (TLS, client certificates, passwords, access rules), and a folder for each "
    "machine.\n"
    "Nothing is overwritten.\n"
    "\n"
    "Example:\n"
    "  clawbridge broker init /etc/mosquitto/claw --gateway macbook imac studio --host hub.example";

constexpr const char* kOpenClawFooter =
    "It keeps all that stands in OpenClaw's settings, and the file before as openclaw.json.before-clawbridge.\n"
    "Run it again after an upgrade of clawbridge; restart the OpenClaw gateway each time.";

constexpr const char* kDoctorFooter =
    "One line per check: ok, warn, fail, or skip with the check that must be good first. Begin with the first fail.\n"
    "Exit code: 0 when nothing fails, else by the first that does: 2 settings, 4 daemon, broker or gateway not reached, 1 all else.\n"
    "It changes nothing, and takes at most half a minute.";

constexpr const char* kRunFooter =
    "It stays in the foreground and logs to stderr; SIGTERM or Ctrl-C stops it in order, a second one at once.\n"
    "It reads its settings again on SIGHUP, and when their file has changed.";

constexpr const char* kWatchFooter =
    "Time (UTC), > sent or < received, from → to, the message's type and what it says, its bytes, the time since the first message of that exchange\n"
    "seen here, and the correlation id. What only this machine's agents say to each other is no message: it is shown as steps.";

/// Everything that CLI11 writes into while it parses. Shared by the commands' callbacks, one of which is chosen.
struct Parsed {
  SendOptions send;
  SpawnOptions spawn;
  SessionsOptions sessions;
  AgentsOptions agents;
  McpOptions mcp;
  WatchOptions watch;
  PageOptions page;
  PingOptions ping;
  ExchangeOptions exchange;
  TrustOptions trust;
  BrokerOptions broker;
  OpenClawOptions openclaw;
  DoctorOptions doctor;
  Command command;
};
using ParsedPointer = std::shared_ptr<Parsed>;

void add_timeout(CLI::App& command, double& seconds, const std::string& help) {
  command.add_option("--timeout", seconds, help)
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 604800.0))
      ->capture_default_str();
}

/// A command below `parent` that does `act`.
CLI::App& add(CLI::App& parent, const char* name, const char* help, const ParsedPointer& parsed, Command act) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->callback([parsed = parsed.get(), act = std::move(act)] { parsed->command = act; });
  return *command;
}

void add_as(CLI::App& command, std::string& as) {
  // A program that the bridge runs for an agent is that agent, without saying so.
  command.add_option("--as", as, "ask as this local agent, or as this session of one, instead of as a person")->type_name("AGENT")->envname("CLAW_SESSION");
}

/// What `send` and `spawn` have in common.
void add_request(CLI::App& command, RequestOptions& options, const char* target, const char* text) {
  command.add_option("target", options.target, target)->required()->type_name("TARGET");
  command.add_option("message", options.message.argument, text)->type_name("TEXT");
  command.add_option("--message-file", options.message.file, "read the text from FILE, byte for byte (- for stdin)")
      ->type_name("FILE");
  command.add_option("--attach", options.attach, "send this file along; several may be given")->type_name("FILE")->allow_extra_args(false);
  command.add_option("--save-attachments", options.save_attachments, "write the files of the reply into this folder")->type_name("DIR");
  add_as(command, options.as);
  command.add_option("--late-reply", options.late_reply, "a reply after the wait: deliver it to the session of --as, or keep it for `exchange show`")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"deliver", "keep"}));
  command.add_option("--expires", options.expires_seconds, "do not begin later than this")->type_name("SECONDS")->check(CLI::Range(1.0, 604800.0));
}

void declare_send(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  SendOptions& options = parsed->send;
  CLI::App& command = add(app, "send", "Send a message to an agent and print its reply", parsed,
                          [&context, &options] { return send(context, options); });
  add_request(command, options, "gateway/agent, a session key, or an agent's name", "the text; without it, it is read from stdin");
  command.add_option("--label", options.label, "the session with this label")->type_name("LABEL");
  command.add_option("--session", options.session, "the session with this key")->type_name("KEY");
  command.add_flag("--stream", options.stream, "show the reply while it is being written; not on stdout unless that is a terminal");
  add_timeout(command, options.timeout_seconds, "how long to wait for the reply; 0: do not wait");
  command.footer(kSendFooter);
}

void declare_spawn(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  SpawnOptions& options = parsed->spawn;
  CLI::App& command = add(app, "spawn", "Start a task in a session of its own", parsed,
                          [&context, &options] { return spawn(context, options); });
  add_request(command, options, "gateway/agent, or an agent's name", "the task; without it, it is read from stdin");
  command.add_option("--label", options.label, "a label for the new session")->type_name("LABEL");
  command.add_option("--model", options.model, "the model to use there")->type_name("MODEL");
  command.add_option("--thinking", options.thinking, "the thinking level to use there")->type_name("LEVEL");
  command.add_option("--run-timeout", options.run_timeout_seconds, "stop the task after this long")->type_name("SECONDS")->check(CLI::Range(1.0, 2592000.0));
  add_timeout(command, options.timeout_seconds, "how long to wait until it has started; 0: do not wait");
  command.footer(kSpawnFooter);
}

void declare_agents(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  AgentsOptions& options = parsed->agents;
  CLI::App& command = add(app, "agents", "List the agents of all gateways", parsed, [&context, &options] { return agents(context, options); });
  command.add_flag("--allowed", options.allowed, "ask every gateway that is there what may be asked of its agents");
  add_as(command, options.as);
}

void add_limit(CLI::App& command, unsigned& limit) {
  command.add_option("--limit", limit, "how many")->type_name("COUNT")->check(CLI::Range(1U, 1000U))->capture_default_str();
}

void declare_mcp(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  McpOptions& options = parsed->mcp;
  CLI::App& command = add(app, "mcp", "Serve the tools to an MCP client over stdin and stdout", parsed,
                          [&context, &options] { return mcp_server(context, options); });
  command.add_option("--agent", options.agent, "the local agent that calls; without it, a person does")->type_name("AGENT");
  command.add_option("--session", options.session, "its session, to which late replies come (default: its main one)")->type_name("KEY");
  command.footer(kMcpFooter);
}

void declare_sessions(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  SessionsOptions& options = parsed->sessions;
  CLI::App* group = app.add_subcommand("sessions", "Look into the sessions of an agent, as far as its gateway allows: list, history, status");
  group->require_subcommand(1);
  CLI::App& list = add(*group, "list", "List sessions", parsed, [&context, &options] { return sessions_list(context, options); });
  list.add_option("target", options.target, "a gateway, or gateway/agent; without it, this machine's own")->type_name("TARGET");
  list.add_option("--active-minutes", options.active_minutes, "only those active in the last minutes")->type_name("MINUTES")->check(CLI::Range(0.0, 1e9));
  list.add_option("--messages", options.message_limit, "with so many last messages of each (--json shows them)")->type_name("COUNT");
  list.add_option("--kind", options.kinds, "only this kind; several may be given")->type_name("KIND")->allow_extra_args(false);
  list.add_option("--label", options.label, "only with this label")->type_name("LABEL");
  list.add_option("--search", options.search, "only those that match this text")->type_name("TEXT");
  CLI::App& history = add(*group, "history", "Print the latest messages of a session", parsed,
                          [&context, &options] { return sessions_history(context, options); });
  history.add_flag("--tools", options.include_tools, "with the calls of tools and their results");
  CLI::App& status = add(*group, "status", "Show what a session is doing", parsed, [&context, &options] { return session_status(context, options); });
  for (CLI::App* command : {&history, &status}) {
    command->add_option("target", options.target, "a session key (imac/agent:jarvis:main), or gateway/agent for its default session")
        ->required()
        ->type_name("TARGET");
    command->add_option("--session", options.session, "the session with this key")->type_name("KEY");
  }
  for (CLI::App* command : {&list, &history}) {
    command->add_option("--limit", options.limit, "how many; as the gateway likes without it")->type_name("COUNT")->check(CLI::Range(1U, 1000U));
    command->add_option("--offset", options.offset, "skip so many")->type_name("COUNT");
  }
  for (CLI::App* command : {&list, &history, &status}) {
    add_as(*command, options.as);
    add_timeout(*command, options.timeout_seconds, "how long to wait for the answer");
  }
}

void declare_watch(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  WatchOptions& options = parsed->watch;
  CLI::App& command = add(app, "watch", "Show every message of this bridge as it passes, a line each, until Ctrl-C", parsed,
                          [&context, &options] { return watch(context, options); });
  command.add_option("--gateway", options.gateway, "only from or to this gateway")->type_name("GATEWAY");
  command.add_option("--agent", options.agent, "only from or to this agent, or gateway/agent")->type_name("AGENT");
  command.add_option("--cid", options.cid, "only of this correlation id, or those that begin like it")->type_name("ID");
  command.add_flag("--text", options.text, "also the beginning of texts, those that were sealed for this bridge too");
  command.add_option("--count", options.count, "end after so many lines")->type_name("COUNT");
  command.footer(kWatchFooter);
}

void declare_page(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  PageOptions& options = parsed->page;
  CLI::App& command = add(app, "page", "Print the link to the web page: who is there, what runs, what is wrong", parsed,
                          [&context, &options] { return page(context, options); });
  command.add_flag("--watch", options.watch, "a link that shows all and changes nothing (api.tokens._watch)");
}

void declare_ping(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  PingOptions& options = parsed->ping;
  CLI::App& command = add(app, "ping", "Ask the bridge of another gateway whether it is there", parsed,
                          [&context, &options] { return ping(context, options); });
  command.add_option("gateway", options.gateway, "its name, for example imac")->required()->type_name("GATEWAY");
  add_timeout(command, options.timeout_seconds, "how long to wait for the answer");
}

void declare_exchange(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  ExchangeOptions& options = parsed->exchange;
  CLI::App* group = app.add_subcommand("exchange", "See what became of a message, or stop it: show, wait, cancel, list");
  group->require_subcommand(1);
  CLI::App& show = add(*group, "show", "Show one exchange with its texts", parsed,
                       [&context, &options] { return exchange_show(context, options); });
  CLI::App& wait = add(*group, "wait", "Wait for the reply and print it, as `send` does", parsed,
                       [&context, &options] { return exchange_wait(context, options); });
  CLI::App& cancel = add(*group, "cancel", "Stop it, if it has not run yet or its gateway can stop it", parsed,
                         [&context, &options] { return exchange_cancel(context, options); });
  for (CLI::App* command : {&show, &wait, &cancel}) {
    command->add_option("id", options.id, "the correlation id that `send` printed")->required()->type_name("ID");
  }
  for (CLI::App* command : {&wait, &cancel}) add_timeout(*command, options.timeout_seconds, "how long to wait");
  wait.add_option("--save-attachments", options.save_attachments, "write the files of the reply into this folder")->type_name("DIR");
  CLI::App& list = add(*group, "list", "List the newest exchanges", parsed,
                       [&context, &options] { return exchange_list(context, options); });
  add_limit(list, options.limit);
}

void declare_dead(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  ExchangeOptions& options = parsed->exchange;
  CLI::App* group = app.add_subcommand("dead", "Messages that were not carried out for certain: list, show, replay, drop");
  group->require_subcommand(1);
  CLI::App& list = add(*group, "list", "List the newest dead letters with their reasons", parsed,
                       [&context, &options] { return dead_list(context, options); });
  add_limit(list, options.limit);
  CLI::App& show = add(*group, "show", "Show one with its text", parsed,
                       [&context, &options] { return dead_show(context, options); });
  CLI::App& replay = add(*group, "replay", "Ask the same again, under a new id", parsed,
                         [&context, &options] { return dead_replay(context, options); });
  CLI::App& drop = add(*group, "drop", "Take it off the list", parsed,
                       [&context, &options] { return dead_drop(context, options); });
  for (CLI::App* command : {&show, &replay, &drop}) {
    command->add_option("id", options.id, "its correlation id, as `clawbridge dead list` prints it")->required()->type_name("ID");
  }
}

void declare_peers(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  TrustOptions& options = parsed->trust;
  CLI::App* group = app.add_subcommand("peers", "The bridges of other gateways: list, trust, revoke");
  group->require_subcommand(1);
  add(*group, "list", "List every gateway seen, with trust and presence", parsed,
      [&context] { return peers_list(context); });
  CLI::App& trust = add(*group, "trust", "Trust the keys of a gateway that is pending, or its new ones", parsed,
                        [&context, &options] { return peers_trust(context, options); });
  trust.add_option("gateway", options.gateway, "its name, for example imac")->required()->type_name("GATEWAY");
  trust
      .add_option("fingerprint", options.fingerprint,
                  "as `clawbridge key show` prints it there; 32 digits or more, blanks allowed")
      ->required()
      ->type_name("FINGERPRINT");
  trust.footer(kTrustFooter);
  CLI::App& revoke = add(*group, "revoke", "Never believe a gateway's present keys again: they were stolen, or it is gone", parsed,
                         [&context, &options] { return peers_revoke(context, options); });
  revoke.add_option("gateway", options.gateway, "its name, for example imac")->required()->type_name("GATEWAY");
}

void declare_broker(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  BrokerOptions& options = parsed->broker;
  CLI::App* group = app.add_subcommand("broker", "Set up the broker: acl, init, revoke");
  group->require_subcommand(1);
  CLI::App& acl = add(*group, "acl", "Print the access rules that a broker needs for these gateways", parsed,
                      [&context, &options] { return broker_acl(context, options); });
  acl.add_option("--for", options.kind, "mosquitto, emqx, rabbitmq or nats")->required()->type_name("BROKER");
  CLI::App& init = add(*group, "init", "Make a ready mosquitto configuration with certificates and passwords", parsed,
                       [&context, &options] { return broker_init(context, options); });
  init.add_option("directory", options.directory, "a folder that is empty, or not there yet")
      ->required()
      ->type_name("DIR");
  init.add_option("--host", options.hosts,
                  "a name or address that the machines reach the broker by; default: this machine only")
      ->type_name("HOST");
  init.add_option("--port", options.port, "where it listens")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  init.footer(kBrokerInitFooter);
  for (CLI::App* command : {&acl, &init}) {
    command->add_option("--gateway", options.gateways, "the name of a gateway; all of them, one after the other")
        ->required()
        ->type_name("NAME");
    command->add_option("--base", options.base, "broker.base of their settings")
        ->type_name("BASE")
        ->capture_default_str();
    command->add_option("--plain-replies", options.plain_replies, "a filter for the reply topics of plain requests")
        ->type_name("FILTER");
  }
  CLI::App& revoke = add(*group, "revoke", "Take a gateway's certificate and password back", parsed,
                         [&context, &options] { return broker_revoke(context, options); });
  revoke.add_option("directory", options.directory, "the folder that `broker init` made")->required()->type_name("DIR");
  revoke.add_option("gateway", options.gateways, "its name")->required()->expected(1)->type_name("NAME");
}

void declare_openclaw(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  OpenClawOptions& options = parsed->openclaw;
  CLI::App* group = app.add_subcommand("openclaw", "The plugin that gives OpenClaw's agents their tools: install, uninstall, check");
  group->require_subcommand(1);
  CLI::App& install = add(*group, "install", "Put the plugin into OpenClaw's settings", parsed,
                          [&context, &options] { return openclaw_install(context, options); });
  install.add_flag("--also-allow", options.also_allow, "also add it to the lists of tools that leave it out");
  install.footer(kOpenClawFooter);
  CLI::App& uninstall = add(*group, "uninstall", "Take it out again", parsed,
                            [&context, &options] { return openclaw_uninstall(context, options); });
  CLI::App& check = add(*group, "check", "Ask the running gateway which agents see the tools, and say what hides them", parsed,
                        [&context, &options] { return openclaw_check(context, options); });
  for (CLI::App* command : {&install, &uninstall, &check}) {
    command->add_option("--openclaw-home", options.home, "the folder with openclaw.json (default: ~/.openclaw)")->type_name("DIR");
    command->add_option("--openclaw-config", options.config, "OpenClaw's settings file itself")->type_name("FILE");
  }
}

void declare_doctor(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  DoctorOptions& options = parsed->doctor;
  CLI::App& command = add(app, "doctor", "Check everything, from the settings to the clocks of the others, and say what to do", parsed,
                          [&context, &options] { return options.reference ? doctor_reference(context) : diagnose(context); });
  command.add_flag("--reference", options.reference, "print every check, and what each can find, instead");
  command.footer(kDoctorFooter);
}

void declare_config(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  CLI::App* group = app.add_subcommand("config", "The settings: check, schema, reference");
  group->require_subcommand(1);
  add(*group, "check", "Read the settings as the daemon would, and say what is wrong", parsed,
      [&context] { return config_check(context); });
  add(*group, "schema", "Print the JSON schema of the settings file", parsed,
      [&context] { return config_schema(context); });
  add(*group, "reference", "Print every setting with its meaning and default", parsed,
      [&context] { return config_reference(context); });
}

void declare(CLI::App& app, Context& context, const ParsedPointer& parsed) {
  app.add_option("--config", context.config_file, "settings file (default: ~/.config/clawbridge/clawbridge.yaml)")
      ->type_name("FILE");
  app.add_option("--socket", context.socket, "the daemon's socket (default: api.socket of the settings)")
      ->type_name("PATH");
  app.add_flag("--json", context.json, "print one JSON object, also for errors");
  app.set_version_flag("--version", "clawbridge " + context.hooks.version);
  app.require_subcommand(1);
  app.fallthrough();
  std::string footer = kFooter;
  for (const auto& [code, meaning] : kExitCodes) footer += "\n  " + std::to_string(static_cast<int>(code)) + " " + std::string(meaning);
  app.footer(footer);
  add(app, "run", "Run the daemon beside this machine's agent gateway", parsed, [&context] {
    return run_daemon(context);
  }).footer(kRunFooter);
  declare_setup(app, context, parsed->command);
  declare_send(app, context, parsed);
  declare_spawn(app, context, parsed);
  declare_agents(app, context, parsed);
  declare_sessions(app, context, parsed);
  declare_mcp(app, context, parsed);
  declare_exchange(app, context, parsed);
  declare_dead(app, context, parsed);
  declare_peers(app, context, parsed);
  add(app, "status", "Show whether broker and gateway are reached, and what is open", parsed,
      [&context] { return status(context); });
  declare_watch(app, context, parsed);
  add(app, "reload", "Let the daemon read its settings again, and say what holds now", parsed, [&context] { return reload(context); });
  declare_page(app, context, parsed);
  declare_ping(app, context, parsed);
  declare_doctor(app, context, parsed);
  CLI::App* key = app.add_subcommand("key", "This bridge's own keys: show, rotate");
  key->require_subcommand(1);
  add(*key, "show", "Show the fingerprint that peers know this bridge by", parsed,
      [&context] { return key_show(context); });
  add(*key, "rotate", "Make new keys, for which the old ones vouch; takes effect when the daemon is restarted", parsed,
      [&context] { return key_rotate(context); });
  declare_broker(app, context, parsed);
  declare_openclaw(app, context, parsed);
  declare_config(app, context, parsed);
}

/// The option that `word` names at `app` or above it, if it is one.
const CLI::Option* option_named(const CLI::App* app, const std::string& word) {
  for (; app != nullptr; app = app->get_parent()) {
    if (const auto* option = app->get_option_no_throw(word)) return option;
  }
  return nullptr;
}

/// CLI11 only says that a word was not expected; a mistyped command deserves a suggestion.
void check_commands(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* app = &root;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with("-")) {
      const auto* option = option_named(app, word);
      if (option != nullptr && option->get_expected_min() > 0) ++i;  // its value
      continue;
    }
    const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty()) return;
    std::vector<std::string> names;
    const CLI::App* chosen = nullptr;
    for (const CLI::App* command : commands) {
      if (!command->get_group().empty()) names.push_back(command->get_name());
      if (command->get_name() == word) chosen = command;
    }
    if (chosen == nullptr) {
      const auto guess = config::nearest(word, names);
      std::string list;
      for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
      throw usage("there is no command \"" + word + "\"" + (guess ? "; did you mean \"" + *guess + "\"?" : "") +
                  " (there are: " + list + ")");
    }
    app = chosen;
  }
}

}  // namespace

CommandDescription describe_program(Context& context) {
  CLI::App app(kAbout, "clawbridge");
  declare(app, context, std::make_shared<Parsed>());
  return describe(app);
}

Command read_command_line(const std::vector<std::string>& words, Context& context) {
  CLI::App app(kAbout, "clawbridge");
  const auto parsed = std::make_shared<Parsed>();
  declare(app, context, parsed);
  // Known before parsing, because parsing may fail. What follows `--` is no option.
  const auto options_end = std::ranges::find(words, "--");
  context.json = std::find(words.begin(), options_end, "--json") != options_end;
  check_commands(app, words);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      throw usage(std::string(error.what()) + "\nTry `clawbridge --help`, or --help after a command.");
    }
    std::ostringstream text;  // --help or --version
    app.exit(error, text, text);
    return [&context, text = text.str()] {
      context.out() << text;
      return ExitCode::Done;
    };
  }
  return [parsed] { return parsed->command(); };
}

}  // namespace clawbridge::cli
