#include "bridge/cli/run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bridge/cli/command_line.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {
namespace {

int fail(const Context& context, ExitCode exit_code, const std::string& code, const std::string& message,
         bool retryable) {
  if (context.json) {
    const nlohmann::json answer{{"status", "error"},
                                {"error", {{"code", code}, {"message", message}, {"retryable", retryable}}}};
    context.out() << line(answer);
  } else {
    context.err() << "clawbridge: " << message << "\n";
  }
  return static_cast<int>(exit_code);
}

}  // namespace

Hooks system_hooks(std::string version, std::function<int(const config::Settings&, const Reread&)> run_daemon) {
  Hooks hooks;
  hooks.version = std::move(version);
  hooks.run_daemon = std::move(run_daemon);
  hooks.environment = config::system_environment();
  hooks.in = &std::cin;
  hooks.out = &std::cout;
  hooks.err = &std::cerr;
  hooks.in_is_terminal = isatty(STDIN_FILENO) != 0;
  hooks.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  hooks.now = [] { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); };
  return hooks;
}

int run(int argc, const char* const* argv, const Hooks& hooks) {
  Context context{hooks, {}, {}, false};
  try {
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    const ExitCode exit_code = read_command_line(words, context)();
    hooks.out->flush();
    if (*hooks.out) return static_cast<int>(exit_code);
    throw Failure(ExitCode::Failed, "internal", "cannot write to stdout: is the disk full, or the reader gone?");
  } catch (const Failure& failure) {
    return fail(context, failure.exit_code(), failure.code(), failure.what(), failure.retryable());
  } catch (const config::SettingsError& error) {
    return fail(context, ExitCode::Usage, "bad_request", error.what(), false);
  } catch (const std::exception& error) {
    return fail(context, ExitCode::Failed, "internal", std::string("unexpected failure: ") + error.what(), false);
  }
}

}  // namespace clawbridge::cli
