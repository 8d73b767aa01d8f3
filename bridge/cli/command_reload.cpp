// clawbridge reload: the daemon reads its settings again, and says what came of it.
#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {

ExitCode reload(const Context& context) {
  constexpr std::chrono::seconds kWait{30};  // settings may run commands
  try {
    const auto answer = context.client().post("/v1/reload", {}, kWait);
    print(context, answer, reload_text(answer.json));
    return ExitCode::Done;
  } catch (const Failure& failure) {
    if (failure.exit_code() != ExitCode::Refused) throw;
    throw Failure(ExitCode::Usage, failure.code(), failure.what(), failure.retryable());
  }
}

}  // namespace clawbridge::cli
