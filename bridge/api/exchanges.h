// The exchanges as callers look at them: a person at all, an agent at those that it began. Another's is answered as one that
// does not exist, so that ids cannot be tried.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "bridge/api/answer.h"
#include "bridge/api/caller.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// Used on the io thread; `service` must outlive it.
class Exchanges {
 public:
  explicit Exchanges(core::Service& service) : service_(service) {}

  [[nodiscard]] Answer show(std::string_view id, const Caller& caller) const;
  /// Answers when it has ended, or the wait has.
  [[nodiscard]] Outcome wait(std::string_view id, std::chrono::milliseconds wait, const Caller& caller, Respond respond);
  /// Stops it, and answers when its fate is known, or the wait has ended.
  [[nodiscard]] Outcome stop(std::string_view id, std::chrono::milliseconds wait, const Caller& caller, Respond respond);
  /// The newest. An agent is shown those of its own among the newest thousand.
  [[nodiscard]] Answer list(std::size_t limit, const Caller& caller) const;

  /// Whether the caller may know of that exchange; a person may of each.
  [[nodiscard]] bool may_see(std::string_view id, const Caller& caller) const;

  static constexpr std::size_t kListMax = 1000;

 private:
  [[nodiscard]] std::optional<Error> refuse(std::string_view id, const Caller& caller) const;
  [[nodiscard]] std::string address_of(const Caller& caller) const;

  core::Service& service_;
};

[[nodiscard]] Error no_exchange_id(std::string_view text);

}  // namespace clawbridge::api
