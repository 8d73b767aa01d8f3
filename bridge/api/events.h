// GET /v1/events: what happens to exchanges, and every message over the broker, as it happens. A person sees all of it, an agent what concerns the exchanges that
// it began. Nobody waits for a reader: one that is too slow is cut off by its connection.
#pragma once

#include "bridge/api/answer.h"
#include "bridge/api/caller.h"
#include "bridge/api/exchanges.h"
#include "bridge/core/service.h"

namespace clawbridge::api {

/// Used on the io thread. `service` and `exchanges` must outlive it and every stream.
class Events {
 public:
  Events(core::Service& service, const Exchanges& exchanges) : service_(service), exchanges_(exchanges) {}

  /// `event: <note's name>`, `data: {"correlationId",…}`: an endless stream. Busy when there are too many.
  [[nodiscard]] Outcome watch(const Caller& caller, Respond respond);

 private:
  core::Service& service_;
  const Exchanges& exchanges_;
  std::size_t streams_ = 0;
};

/// The note as an event. Its field `cid` is called `correlationId` there.
[[nodiscard]] StreamEvent event_of(const core::action::Note& note);

}  // namespace clawbridge::api
