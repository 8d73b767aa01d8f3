#include "bridge/cli/client.h"

#include <optional>
#include <utility>
#include <variant>

#include "bridge/cli/conversation.h"

namespace clawbridge::cli {
namespace {

DaemonAnswer converse(const std::string& path, Order order, const std::function<void(const std::string&)>& progress) {
  asio::io_context io;
  std::optional<Ended> ended;
  Conversation::begin(io, path, std::move(order), progress, [&ended](Ended how) { ended = std::move(how); });
  io.run();
  if (const auto* failure = std::get_if<Failure>(&*ended)) throw *failure;
  return std::get<DaemonAnswer>(std::move(*ended));
}

}  // namespace

DaemonAnswer Client::get(const std::string& target, std::chrono::milliseconds wait) {
  return converse(socket_path_, {"GET", target, {}, {}, wait, false, slack_}, {});
}

DaemonAnswer Client::post(const std::string& target, std::string body, std::chrono::milliseconds wait, const Caller& caller) {
  return converse(socket_path_, {"POST", target, std::move(body), caller, wait, false, slack_}, {});
}

DaemonAnswer Client::stream(const std::string& target, std::string body, std::chrono::milliseconds wait, const Caller& caller,
                            const std::function<void(const std::string&)>& progress) {
  return converse(socket_path_, {"POST", target, std::move(body), caller, wait, true, slack_}, progress);
}

}  // namespace clawbridge::cli
