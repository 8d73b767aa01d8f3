// clawbridge ping: whether another gateway's bridge answers, and how fast.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {

ExitCode ping(const Context& context, const PingOptions& options) {
  const nlohmann::json body{{"gateway", options.gateway}, {"timeoutSeconds", options.timeout_seconds}};
  const std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  try {
    const auto answer = context.client().post("/v1/tools/ping", text, milliseconds_of(options.timeout_seconds));
    print(context, answer, ping_text(answer.json));
    return ExitCode::Done;
  } catch (const Failure& failure) {
    // There is no reply to come back to: a gateway that does not answer a ping is not reachable.
    if (failure.exit_code() != ExitCode::WaitEnded) throw;
    throw Failure(ExitCode::Unreachable, failure.code(), failure.what(), failure.retryable());
  }
}

}  // namespace clawbridge::cli
