// POST /mcp: the Model Context Protocol over streamable HTTP, for agents that have no plugin of ours. The caller is whom the
// listener has made out, as on every other path; without X-Claw-Session it is the agent's main session.
//
// No sessions are kept: the id given at initialize only tells one client's request ids from another's, so that a restart of the
// daemon is not noticed. There is no stream of the server's own (GET) and nothing to end (DELETE): both are 405.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "bridge/api/answer.h"
#include "bridge/api/caller.h"
#include "bridge/api/tools.h"
#include "bridge/mcp/protocol.h"

namespace clawbridge::api {

/// Used on the io thread. `tools` must outlive it, and it every answer that it has pending.
class McpEndpoint {
 public:
  explicit McpEndpoint(Tools& tools) : tools_(tools) {}

  /// `header`: of the request. A call of a tool is answered with a stream when the client takes one (it must, says the
  /// protocol): so progress comes, and silence is no reason to give up.
  [[nodiscard]] Outcome post(const std::string& body, const boost::beast::http::fields& header, const Caller& caller, Respond respond);

 private:
  struct Running;

  Outcome call(mcp::Call call, const boost::beast::http::fields& header, const Caller& caller, Respond respond);
  void cancel(const std::string& key);

  Tools& tools_;
  std::unordered_map<std::string, std::weak_ptr<Running>> running_;  // by client and request id
};

/// Whether the client takes a stream of events.
[[nodiscard]] bool accepts_events(const boost::beast::http::fields& header);

}  // namespace clawbridge::api
