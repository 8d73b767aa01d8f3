#include "bridge/cli/declare_setup.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "bridge/cli/describe.h"
#include "bridge/cli/setup_commands.h"

namespace clawbridge::cli {
namespace {

constexpr const char* kInitFooter =
    "On the first machine. It finds the gateway and the broker, makes keys and a join secret, writes a commented "
    "settings\n"
    "file, and prints the line for the other machines. At a terminal it asks before it switches on the web\n"
    "page, and before it installs plugin and service.\n"
    "\n"
    "Examples:\n"
    "  clawbridge init\n"
    "  clawbridge init --broker mqtts://hub.example --username claw --password-file pw --share-login\n"
    "  clawbridge init --service --plugin --page 18790                  nothing is asked\n"
    "  clawbridge init --agent helper -- /usr/bin/my-agent --print      a program instead of OpenClaw";

constexpr const char* kJoinFooter =
    "On every other machine, with the line that `clawbridge init` or `clawbridge invite` printed.\n"
    "\n"
    "Examples:\n"
    "  clawbridge join claw1.eyJ…\n"
    "  clawbridge join - < line.txt                                     seen by nobody in the list of processes\n"
    "  clawbridge join claw1.eyJ… --agent helper -- /usr/bin/my-agent --print";

constexpr const char* kUninstallFooter =
    "Without --purge, settings, keys and journal stay: a later `clawbridge service install` goes on with them.";

/// A command below `parent` that does `act` with options of its own, which live as long as it.
template <class Options>
std::pair<CLI::App&, Options&> add(CLI::App& parent, const char* name, const char* help, Context& context,
                                   Command& chosen, ExitCode (*act)(const Context&, const Options&)) {
  CLI::App* command = parent.add_subcommand(name, help);
  auto options = std::make_shared<Options>();
  command->callback(
      [options, act, &context, &chosen] { chosen = [options, act, &context] { return act(context, *options); }; });
  return {*command, *options};
}

void add_system(CLI::App& command, bool& whole_machine) {
  command.add_flag("--system", whole_machine,
                   "for the whole machine, as the user clawbridge, instead of for you; as root");
}

/// `--word` and `--no-word`: said, or left open.
void add_choice(CLI::App& command, const char* flags, std::optional<bool>& choice, const char* help) {
  command.add_flag_function(
      flags, [&choice](std::int64_t count) { choice = count > 0; }, help);
}

void add_gateway(CLI::App& command, SetupOptions& options) {
  command.add_option("--name", options.name, "this gateway's name (default: the host's)")->type_name("NAME");
  command
      .add_option("--kind", options.kind,
                  "what runs the agents here (default: openclaw, or command where a program is given)")
      ->type_name("KIND")
      ->check(CLI::IsMember({"openclaw", "echo", "command"}));
  command
      .add_option("--agent", options.agents,
                  "an agent that answers here (kinds echo and command); several may be given")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_option("--openclaw-home", options.openclaw.home, "the folder with openclaw.json (default: ~/.openclaw)")
      ->type_name("DIR");
  command.add_option("--openclaw-config", options.openclaw.config, "OpenClaw's settings file itself")
      ->type_name("FILE");
}

void add_login(CLI::App& command, SetupOptions& options) {
  command
      .add_option("--broker-files", options.broker_files,
                  "the folder that `clawbridge broker init` made for this machine")
      ->type_name("DIR");
  command.add_option("--username", options.username, "this machine's user name at the broker")->type_name("NAME");
  command.add_option("--password-file", options.password_file, "a file with the password")->type_name("FILE");
  command
      .add_option("--ca", options.ca,
                  "the certificates by which the broker is known, where the system does not know it")
      ->type_name("FILE");
}

void add_rest(CLI::App& command, SetupOptions& options) {
  add_choice(command, "--service,!--no-service", options.service,
             "install and start a service; --no-service: do not, and do not ask");
  add_choice(command, "--plugin,!--no-plugin", options.plugin,
             "put the plugin into OpenClaw's settings; --no-plugin: do not, and do not ask");
  command.add_option("--page", options.page, "switch on the web page, on this port of this machine (as a rule 18790)")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  command.add_flag_callback(
      "--no-page", [&options] { options.page = 0; }, "no web page, and do not ask");
  command.add_flag("--also-allow", options.openclaw.also_allow,
                   "also add the plugin to the lists of tools that leave it out");
  command.add_flag("--force", options.force, "write new settings where there are some; those are kept as .bak");
  add_system(command, options.whole_machine);
  command
      .add_option("program", options.command, "after --: the program that answers, and its arguments (kind command)")
      ->type_name("PROGRAM");
}

void add_invitation(CLI::App& command, std::string& advertise, bool& share_login) {
  command
      .add_option("--advertise", advertise, "the name or address by which the others reach a broker on this machine")
      ->type_name("HOST");
  command.add_flag("--share-login", share_login, "the join line carries user name and password of the broker, too");
}

void declare_init_and_join(CLI::App& app, Context& context, Command& chosen) {
  const auto [init_command, first] = add<SetupOptions>(
      app, "init", "Set up the first machine, and print the line for the others", context, chosen, init);
  init_command
      .add_option("--broker", first.broker,
                  "the broker's URL (default: one that answers here, or that the network announces)")
      ->type_name("URL");
  init_command.add_option("--base", first.base, "the first topic level of the federation (default: claw)")
      ->type_name("BASE");
  add_gateway(init_command, first);
  add_login(init_command, first);
  add_invitation(init_command, first.advertise, first.share_login);
  add_rest(init_command, first);
  init_command.footer(kInitFooter);

  const auto [join_command, other] = add<SetupOptions>(
      app, "join", "Set up another machine, with the line that `init` printed", context, chosen, join);
  join_command.add_option("token", other.token, "the token of that line; - reads it from stdin")->type_name("TOKEN");
  join_command
      .add_option("--broker", other.broker, "the broker's URL as this machine reaches it (default: the token's)")
      ->type_name("URL");
  add_gateway(join_command, other);
  add_login(join_command, other);
  add_rest(join_command, other);
  join_command.footer(kJoinFooter);

  const auto [invite_command, invitation] =
      add<InviteOptions>(app, "invite", "Print the join line once more", context, chosen, invite);
  add_invitation(invite_command, invitation.advertise, invitation.share_login);
}

void declare_service(CLI::App& app, Context& context, Command& chosen) {
  CLI::App* group = app.add_subcommand("service", "The daemon as a service of this system: install, uninstall, status");
  group->require_subcommand(1);
  const auto [install, installed] =
      add<ServiceOptions>(*group, "install", "Install and start it", context, chosen, service_install);
  const auto [uninstall_command, removed] =
      add<ServiceOptions>(*group, "uninstall", "Stop it and take it out", context, chosen, service_uninstall);
  const auto [status_command, shown] =
      add<ServiceOptions>(*group, "status", "Show whether it runs", context, chosen, service_status);
  add_system(install, installed.whole_machine);
  add_system(uninstall_command, removed.whole_machine);
  add_system(status_command, shown.whole_machine);
}

void declare_uninstall(CLI::App& app, Context& context, Command& chosen) {
  const auto [command, options] =
      add<UninstallOptions>(app, "uninstall", "Take service and plugin out again", context, chosen, uninstall);
  command.add_flag("--purge", options.purge, "also remove settings, keys and journal, after naming them");
  command.add_flag("--yes", options.yes, "do not ask before --purge");
  add_system(command, options.whole_machine);
  command.footer(kUninstallFooter);
}

/// For packages. Without a group CLI11 does not show a command.
void declare_descriptions(CLI::App& app, Context& context, Command& chosen) {
  CLI::App* manual = app.add_subcommand("manual", "Print the man page")->group("");
  manual->callback([&app, &context, &chosen] {
    chosen = [&context, page = manual_page(describe(app), context.hooks.version)] {
      context.out() << page;
      return ExitCode::Done;
    };
  });
  CLI::App* completion = app.add_subcommand("completion", "Print a completion script")->group("");
  const auto shell = std::make_shared<std::string>();
  completion->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&app, &context, &chosen, shell] {
    chosen = [&context, script = completion_script(describe(app), *shell)] {
      context.out() << script;
      return ExitCode::Done;
    };
  });
}

}  // namespace

void declare_setup(CLI::App& app, Context& context, Command& chosen) {
  declare_init_and_join(app, context, chosen);
  declare_service(app, context, chosen);
  declare_uninstall(app, context, chosen);
  declare_descriptions(app, context, chosen);
}

}  // namespace clawbridge::cli
