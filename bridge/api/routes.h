// Which request asks for what: paths and methods to calls of core::Service, its results to answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "bridge/api/access.h"
#include "bridge/api/answer.h"
#include "bridge/api/arguments.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// One HTTP request, as far as the routes need it. `body` may be given padding.
struct Request {
  std::string_view method;
  std::string_view target;  // path and query
  const Caller& caller;
  std::string& body;
};

/// An answer, or the ticket of a call whose answer comes later.
using Outcome = std::variant<Answer, core::Ticket>;

/// A person may ask for everything. An agent may use the tools, look at the exchanges that it began, and see what
/// changes nothing and names no keys; whatever else there is, or is added, is the operator's.
///
/// Not thread-safe: used on the io thread. `service` and `refusals`, whose counts stand in the status, must outlive it.
class Routes {
 public:
  Routes(core::Service& service, const Refusals& refusals) : service_(service), refusals_(refusals) {}

  /// Answers at once, or later by calling `done` exactly once, unless the ticket returned is cancelled first. Does not
  /// throw for any request; a service that throws is answered with `internal`.
  [[nodiscard]] Outcome handle(Request request, std::function<void(Answer)> done);
  void cancel(core::Ticket ticket) { service_.cancel(ticket); }

 private:
  using Done = std::function<void(Answer)>;

  Outcome route(const Request& request, std::string_view path, std::string_view query, Done done);
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
    Outcome (Routes::*handler)(const Call& call, Done done);
  };
  static const Route kRoutes[];

  Outcome tool(const Call& call, Done done);
  Outcome sessions_send(const Request& request, const Caller& caller, Done done);
  Outcome agents_list(const Request& request, const Caller& caller, Done done);
  Outcome ping(const Request& request, Done done);
  Outcome exchange(const Call& call, Done done);
  Outcome exchanges(const Call& call, Done done);
  Outcome stop(const Call& call, Done done);
  Outcome dead(const Call& call, Done done);
  Outcome replay(const Call& call, Done done);
  Outcome drop(const Call& call, Done done);
  Outcome agents(const Call& call, Done done);
  Outcome peers(const Call& call, Done done);
  Outcome trust(const Call& call, Done done);
  Outcome revoke(const Call& call, Done done);
  Outcome show_status(const Call& call, Done done);
  Outcome liveness(const Call& call, Done done);
  Outcome readiness(const Call& call, Done done);
  [[nodiscard]] std::optional<Error> refuse_exchange(const Call& call) const;
  [[nodiscard]] core::StatusView status() const;
  [[nodiscard]] std::string address_of(const Caller& caller) const;

  core::Service& service_;
  const Refusals& refusals_;
  ArgumentParser arguments_;
};

}  // namespace clawbridge::api
