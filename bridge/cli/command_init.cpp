// clawbridge init, clawbridge join: from a bare machine to a bridge that only needs to be started. All is decided, and
// read as the daemon will read it, before anything is written; the settings file comes last.
#include <filesystem>
#include <istream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bridge/cli/invitation.h"
#include "bridge/cli/local_files.h"
#include "bridge/cli/prompt.h"
#include "bridge/cli/render.h"
#include "bridge/cli/setup_plan.h"
#include "bridge/crypto/keys.h"
#include "bridge/crypto/system_cryptography.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kTokenBytesMax = 64 * 1024;

/// What became of the service or the plugin.
struct Part {
  bool wanted = false;
  bool failed = false;
  std::string text;
};

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void refuse_second_time(const SetupPlace& place, const SetupOptions& options) {
  if (options.force || !exists(place.config_file)) return;
  throw Failure(ExitCode::Failed, "bad_request",
                place.config_file + " is there already and was not touched; --force writes a new one and keeps it as " +
                    place.config_file + ".bak");
}

/// Another file there, with other content, is kept as .bak.
void write_kept(const std::string& path, const std::string& text) {
  if (exists(path)) {
    const auto before = read_file(path, "the file before");
    if (before == text) return;
    write_file(path + ".bak", before);
  }
  write_file(path, text);
}

/// Writes the plan and makes the keys, which it returns the fingerprint of.
std::string carry_out(const SetupPlace& place, const SetupPlan& plan) {
  const AsServiceUser user(place);
  const auto keys_file = fs::path(plan.loaded.store.path).parent_path() / "keys.json";
  const auto keys = crypto::load_or_create_keys(keys_file, plan.loaded.gateway.name);
  if (!keys) throw Failure(ExitCode::Failed, "internal", keys.error().message);
  for (const auto& file : plan.files) {
    write_kept(file.path, file.text);
    fs::permissions(file.path, fs::perms::owner_read | fs::perms::owner_write);  // secrets, also where a file was there before
  }
  write_kept(place.config_file, plan.text);
  return hex_encode(crypto::fingerprint(*keys, crypto::SystemCryptography()));
}

/// Runs another command of this program, and keeps its words. Its failure is told, and does not end this one.
template <class Act>
Part run_part(const Context& context, const SetupPlace& place, const Act& act) {
  Part part{true, false, {}};
  std::ostringstream words;
  Hooks hooks = context.hooks;
  hooks.out = &words;
  Context other = in_place(context, hooks, place);
  other.json = false;
  try {
    part.failed = act(other) != ExitCode::Done;
    part.text = words.str();
  } catch (const Failure& failure) {
    part = {true, true, words.str() + failure.what() + "\n"};
  } catch (const config::SettingsError& error) {
    part = {true, true, words.str() + error.what() + "\n"};
  }
  return part;
}

Part add_plugin(const Context& context, const SetupPlace& place, const SetupOptions& options, const SetupPlan& plan) {
  if (plan.openclaw_config.empty()) return {};
  if (!confirm(
          context,
          "Put clawbridge's plugin into " + printable(plan.openclaw_config) + ", so that its agents get the tools?",
          options.plugin, true, false))
    return {};
  OpenClawOptions openclaw;
  openclaw.config = plan.openclaw_config;
  openclaw.also_allow = options.openclaw.also_allow;
  return run_part(context, place, [&](const Context& other) { return openclaw_install(other, openclaw); });
}

Part add_service(const Context& context, const SetupPlace& place, const SetupOptions& options) {
  if (!confirm(context, "Install a service that runs clawbridge now and after each start of this machine?",
               options.service, true, false))
    return {};
  const ServiceOptions service{options.whole_machine};
  return run_part(context, place, [&](const Context& other) { return service_install(other, service); });
}

std::string gateway_text(const SetupPlan& plan) {
  const auto& gateway = plan.loaded.gateway;
  if (gateway.kind == config::GatewayKind::Echo) return "echo: it answers by itself";
  if (gateway.kind == config::GatewayKind::Command) return "the program " + gateway.command.front();
  return "OpenClaw at " + gateway.url + ", by " + plan.openclaw_config;
}

/// Without the token: `clawbridge page` prints the whole link. Empty: it is not switched on.
std::string page_url(const SetupPlan& plan) {
  const auto& api = plan.loaded.api;
  return api.listen_address.empty() ? "" : "http://" + api.listen_address + ":" + std::to_string(api.listen_port) + "/";
}

/// What is left to do, a command each.
std::vector<std::string> next_steps(const SetupPlace& place, const SetupPlan& plan, const Part& service,
                                    const Part& plugin) {
  const std::string config = place.config_file == config::default_file(place.environment) && !place.whole_machine
                                 ? ""
                                 : " --config " + place.config_file;
  std::vector<std::string> steps;
  if (!service.wanted || service.failed) steps.push_back("clawbridge run" + config);
  if (!plan.openclaw_config.empty() && (!plugin.wanted || plugin.failed))
    steps.push_back("clawbridge openclaw install" + config);
  steps.push_back("clawbridge doctor" + config);
  steps.push_back("clawbridge agents" + config);
  if (!plan.loaded.api.listen_address.empty()) steps.push_back("clawbridge page" + config);
  return steps;
}

struct Done {
  SetupPlan plan;
  std::string fingerprint;
  std::optional<std::string> unreachable;  // why the broker is not reached now
  Part plugin;
  Part service;
  std::vector<std::string> next;
};

json part_json(const Part& part) {
  return part.wanted ? json{{"installed", !part.failed}, {"text", part.text}} : json{{"installed", false}};
}

void tell(const Context& context, const SetupPlace& place, const Done& done,
          const std::optional<Invitation>& invitation) {
  const auto& settings = done.plan.loaded;
  const std::string keys = (fs::path(settings.store.path).parent_path() / "keys.json").string();
  if (context.json) {
    json answer{
        {"status", "ok"},
        {"gateway", settings.gateway.name},
        {"settings", place.config_file},
        {"broker", {{"url", settings.broker.url}, {"found", done.plan.broker_found}, {"reached", !done.unreachable}}},
        {"keys", keys},
        {"fingerprint", done.fingerprint},
        {"plugin", part_json(done.plugin)},
        {"service", part_json(done.service)},
        {"notes", done.plan.notes},
        {"next", done.next}};
    if (const auto page = page_url(done.plan); !page.empty()) answer["page"] = page;
    if (done.unreachable) answer["broker"]["reason"] = *done.unreachable;
    if (invitation)
      answer["invitation"] = {
          {"token", invitation->token}, {"broker", invitation->broker_url}, {"notes", invitation->notes}};
    context.out() << line(answer);
    return;
  }
  auto& out = context.out();
  std::vector<std::vector<std::string>> rows{
      {"gateway", printable(settings.gateway.name)},
      {"agents", printable(gateway_text(done.plan))},
      {"broker", printable(settings.broker.url + " (" + done.plan.broker_found + ")")},
      {"settings", printable(place.config_file)},
      {"keys", printable(keys)},
      {"fingerprint", grouped(done.fingerprint)}};
  if (const auto page = page_url(done.plan); !page.empty())
    rows.push_back({"web page", page + ", with the link of `clawbridge page`"});
  out << table(rows);
  if (done.unreachable)
    out << "The broker is not reached now: " << printable(*done.unreachable)
        << ". The bridge tries again until it is.\n";
  for (const auto& note : done.plan.notes) out << printable(note) << "\n";
  for (const auto* part : {&done.plugin, &done.service}) {
    if (part->wanted) out << "\n" << (part->failed ? "That failed: " : "") << part->text;
  }
  if (invitation) out << "\n" << invitation_text(*invitation);
  out << "\nNext:\n";
  for (const auto& step : done.next) out << "  " << printable(step) << "\n";
}

ExitCode carry_through(const Context& context, const SetupPlace& place, const SetupOptions& options, SetupPlan plan,
                       bool invites) {
  Done done;
  done.plan = std::move(plan);
  const InviteOptions invite_options{options.advertise, options.share_login};
  std::optional<Invitation> invitation;
  if (invites) {  // before anything is written: a wrong option is found now; the certificates are not there yet
    auto without_file = done.plan.loaded;
    without_file.broker.ca.clear();
    (void)make_invitation(place.environment, without_file, invite_options);
  }
  done.fingerprint = carry_out(place, done.plan);
  if (context.hooks.reach_broker) done.unreachable = context.hooks.reach_broker(done.plan.loaded.broker);
  if (invites) invitation = make_invitation(place.environment, done.plan.loaded, invite_options);
  done.plugin = add_plugin(context, place, options, done.plan);
  done.service = add_service(context, place, options);
  done.next = next_steps(place, done.plan, done.service, done.plugin);
  tell(context, place, done, invitation);
  return done.plugin.failed || done.service.failed ? ExitCode::Failed : ExitCode::Done;
}

/// From the command line, from stdin, or from a person.
setup::JoinToken read_token(const Context& context, const std::string& word) {
  std::string text = word;
  if (word == "-") {
    text.assign(std::istreambuf_iterator<char>(*context.hooks.in), {});
  } else if (word.empty()) {
    if (!can_ask(context))
      throw usage(
          "no join token: give the line that `clawbridge init` printed, or `clawbridge join -` with it on stdin");
    text = ask(context, "The join line that `clawbridge init` printed on the first machine:").value_or("");
  }
  if (text.size() > kTokenBytesMax) throw usage("this is no join token: it is longer than any");
  auto token = setup::decode_join_token(text);
  if (!token) throw usage(token.error().message);
  return std::move(*token);
}

}  // namespace

ExitCode init(const Context& context, const SetupOptions& options) {
  const auto place = find_place(context, options.whole_machine);
  refuse_second_time(place, options);
  return carry_through(context, place, options, plan_first(context, place, options), true);
}

ExitCode join(const Context& context, const SetupOptions& options) {
  const auto place = find_place(context, options.whole_machine);
  refuse_second_time(place, options);
  const auto token = read_token(context, options.token);
  return carry_through(context, place, options, plan_joining(context, place, options, token), false);
}

}  // namespace clawbridge::cli
