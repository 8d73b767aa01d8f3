// Which request asks for what: paths and methods to the tools, the exchanges and the rest of core::Service, and its results to
// answers.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <string>
#include <string_view>

#include "bridge/api/answer.h"
#include "bridge/api/arguments.h"
#include "bridge/api/caller.h"
#include "bridge/api/events.h"
#include "bridge/api/exchanges.h"
#include "bridge/api/mcp_endpoint.h"
#include "bridge/api/tools.h"
#include "bridge/core/host.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// One HTTP request, as far as the routes need it. `body` may be given padding.
struct Request {
  std::string_view method;
  std::string_view target;  // path and query
  const Caller& caller;
  std::string& body;
  const boost::beast::http::fields& header;
};

/// The operator may ask for everything, a watcher for all that is read with GET: no GET may ever change anything. An agent
/// may use the tools, look at the exchanges that it began, and see what changes nothing and names no keys; whatever else
/// there is, or is added, is the operator's.
///
/// Not thread-safe: used on the io thread. All references must outlive it; the counts of `refusals` stand in the status.
class Routes {
 public:
  Routes(core::Service& service, core::Host& host, const Refusals& refusals, const core::Cryptography& crypto)
      : service_(service), host_(host), arguments_(crypto), exchanges_(service), events_(service, exchanges_),
        tools_(service, exchanges_, refusals, crypto), mcp_(tools_) {}

  /// Answers at once, or later through `respond`, unless the pending answer is cancelled first. Does not throw for any
  /// request; a service that throws is answered with `internal`.
  [[nodiscard]] Outcome handle(Request request, Respond respond);

 private:
  Outcome route(const Request& request, std::string_view path, std::string_view query, Respond respond);
  /// A request, with the name in its path and its query.
  struct Call {
    const Request& request;
    std::string_view name;
    std::string_view query;
  };
  struct Route {
    std::string_view method;
    std::string_view path;  // `*`: one name
    bool for_agents;
    Outcome (Routes::*handler)(const Call& call, Respond respond);
  };
  static const Route kRoutes[];

  Outcome tool(const Call& call, Respond respond);
  Outcome exchange(const Call& call, Respond respond);
  Outcome exchanges(const Call& call, Respond respond);
  Outcome stop(const Call& call, Respond respond);
  Outcome events(const Call& call, Respond respond);
  Outcome mcp(const Call& call, Respond respond);
  Outcome dead(const Call& call, Respond respond);
  Outcome replay(const Call& call, Respond respond);
  Outcome drop(const Call& call, Respond respond);
  Outcome who(const Call& call, Respond respond);
  Outcome agents(const Call& call, Respond respond);
  Outcome peers(const Call& call, Respond respond);
  Outcome trust(const Call& call, Respond respond);
  Outcome revoke(const Call& call, Respond respond);
  Outcome show_status(const Call& call, Respond respond);
  Outcome reload(const Call& call, Respond respond);
  Outcome metrics(const Call& call, Respond respond);
  Outcome liveness(const Call& call, Respond respond);
  Outcome readiness(const Call& call, Respond respond);
  [[nodiscard]] Pending pending(core::Ticket ticket);

  core::Service& service_;
  core::Host& host_;
  ArgumentParser arguments_;
  Exchanges exchanges_;
  Events events_;
  Tools tools_;
  McpEndpoint mcp_;
};

}  // namespace clawbridge::api
