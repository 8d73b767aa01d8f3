// Who is there, and what the caller may do with whom: the whole federation in one list. What each agent may be asked for its own
// bridge decides, so it is asked here and every peer that is online; who does not answer soon is listed without it, and with why.
#pragma once

#include <chrono>
#include <optional>

#include "bridge/api/answer.h"
#include "bridge/api/caller.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// Asks at most 64 peers at once, and none for longer than `wait` or two seconds; 0: none at all. `service` must outlive the
/// answer or its cancelling.
[[nodiscard]] Outcome survey_agents(core::Service& service, const Caller& caller, std::chrono::milliseconds wait, Respond respond);
/// The same of the own gateway alone.
[[nodiscard]] Outcome survey_own_agents(core::Service& service, const Caller& caller, std::chrono::milliseconds wait, Respond respond);

/// Why a question has no result: the error in its place, or what a reply says that is not `ok`.
[[nodiscard]] std::optional<Error> failure_of(const core::AskResult& result);

}  // namespace clawbridge::api
