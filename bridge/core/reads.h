// Questions about sessions that peers and our own callers ask of the local gateway: the responder's side. Nothing is
// journaled; a question whose asker has stopped waiting is forgotten.
#pragma once

#include <map>

#include "bridge/core/admission.h"
#include "bridge/core/answers.h"
#include "bridge/core/context.h"
#include "bridge/core/event.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

class Reads {
 public:
  Reads(Context& context, Answers& answers) : context_(context), answers_(answers) {}

  /// Asks the gateway. `agents`: whose sessions the asker may know of. REQUIRES: a sessions_list, sessions_history or
  /// session_status that has passed the checks.
  void take(const Message& request, Admission::Readable readable, std::uint64_t reply_bytes_max);
  void on_read(const event::SessionsRead& read);

  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const { return timers_.next(); }

 private:
  Context& context_;
  Answers& answers_;
  std::map<std::uint64_t, Message> pending_;  // what is asked, without views and content
  Timers<std::uint64_t> timers_;
  std::uint64_t next_ = 1;
};

}  // namespace clawbridge::core
