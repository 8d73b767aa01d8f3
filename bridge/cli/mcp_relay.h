// `clawbridge mcp`: an MCP server on stdin and stdout, for clients that start their servers as programs. It answers what needs no
// daemon itself and hands each call of a tool to the daemon, on a connection of its own: so it lives through a restart of the
// daemon, and may be started before it.
#pragma once

#include <chrono>
#include <istream>
#include <map>
#include <memory>
#include <ostream>
#include <string>

#include "bridge/cli/conversation.h"
#include "bridge/mcp/protocol.h"

namespace clawbridge::cli {

class McpRelay {
 public:
  struct Settings {
    std::string socket_path;
    Caller caller;        // of every call; nothing that a client says can change it
    std::string version;  // of clawbridge
    std::chrono::milliseconds patience{10'000};  // with a daemon that is not there
  };

  /// One JSON-RPC message a line. Nothing else is ever written to `out`.
  McpRelay(Settings settings, std::istream& in, std::ostream& out);

  /// Until `in` ends and every call has its answer.
  void run();

 private:
  struct Running;

  void read_lines();
  void take(const std::string& line);
  void call(const std::shared_ptr<Running>& running);
  void ended(const std::shared_ptr<Running>& running, const Ended& how);
  void answer(const std::shared_ptr<Running>& running, std::string_view result, bool refused);
  void write(const std::string& message);

  const Settings settings_;
  std::istream& in_;
  std::ostream& out_;
  asio::io_context io_;
  std::map<std::string, std::shared_ptr<Running>> running_;  // by request id
};

}  // namespace clawbridge::cli
