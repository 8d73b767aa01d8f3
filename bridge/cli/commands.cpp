#include "bridge/cli/commands.h"

#include <cmath>

#include "bridge/cli/attached_files.h"
#include "bridge/cli/local_paths.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {

Client Context::client() const {
  return Client(socket ? *socket : find_local_paths(config_file, hooks.environment).socket);
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

void print(const Context& context, const DaemonAnswer& answer, const std::string& text) {
  context.out() << (context.json ? answer.text + "\n" : text);
}

ExitCode print_outcome(const Context& context, const DaemonAnswer& answer, const OutcomeOptions& options) {
  if (context.json) {
    context.out() << answer.text << "\n";
  } else {
    const auto reply = answer.json.find("reply");
    if (reply != answer.json.end() && reply->is_string()) context.out() << reply->get_ref<const std::string&>() << "\n";
  }
  return print_end(context, answer, options);
}

ExitCode print_end(const Context& context, const DaemonAnswer& answer, const OutcomeOptions& options) {
  const auto tell = [&](const std::string& text) {
    if (!text.empty() && !context.json) context.err() << "clawbridge: " << text << "\n";
  };
  if (options.save_attachments.empty()) {
    tell(files_text(answer.json));
  } else {
    for (const auto& path : save_attachments(answer.json, options.save_attachments)) tell("saved " + printable(path));
  }
  tell(outcome_text(answer.json));
  return exit_code_of_exchange(answer.json, options.waited);
}

}  // namespace clawbridge::cli
