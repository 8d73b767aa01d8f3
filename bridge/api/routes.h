// Which request asks for what: paths and methods to calls of core::Service, its results to answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "bridge/api/answer.h"
#include "bridge/api/arguments.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// One HTTP request, as far as the routes need it. `body` may be given padding.
struct Request {
  std::string_view method;
  std::string_view target;  // path and query
  std::string_view caller_agent;
  std::string_view caller_session;
  std::string& body;
};

/// An answer, or the ticket of a call whose answer comes later.
using Outcome = std::variant<Answer, core::Ticket>;

/// Not thread-safe: used on the io thread. `service` must outlive it.
class Routes {
 public:
  explicit Routes(core::Service& service) : service_(service) {}

  /// Answers at once, or later by calling `done` exactly once, unless the ticket returned is cancelled first. Does not
  /// throw for any request; a service that throws is answered with `internal`.
  [[nodiscard]] Outcome handle(Request request, std::function<void(Answer)> done);
  void cancel(core::Ticket ticket) { service_.cancel(ticket); }

 private:
  using Done = std::function<void(Answer)>;

  Outcome route(const Request& request, std::string_view path, std::string_view query, Done done);
  Outcome tool(const Request& request, std::string_view name, Done done);
  Outcome sessions_send(const Request& request, const Caller& caller, Done done);
  Outcome agents_list(const Request& request, const Caller& caller, Done done);
  Outcome ping(const Request& request, Done done);
  Outcome exchange(std::string_view id, std::string_view query, Done done);
  Outcome exchanges(std::string_view query);
  Outcome trust(const Request& request, std::string_view gateway, Done done);
  Outcome revoke(const Request& request, std::string_view gateway, Done done);
  Outcome readiness();

  core::Service& service_;
  ArgumentParser arguments_;
};

}  // namespace clawbridge::api
