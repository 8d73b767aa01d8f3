// Finds a turn again in the answer to chat.history, and judges what became of it. Pure: no sockets, no clock.
//
// What the two versions leave of a turn (measured, see the tests):
// - 2026.9.6: a row with idempotencyKey "<key>:user", shown with role "assistant"; its answers carry the run's id in
//   __openclaw.runId. A turn taken but not begun stands in pendingInputs with its runId, and after a restart never
//   runs. After a crash in the middle of a turn the gateway begins it again by itself, under a new run id, behind a row
//   "[System] Your previous turn was interrupted …"; one session after the other, so that may take as long as the turns
//   before it do. Silent answers are not shown, and an aborted turn leaves no row at all.
// - 2026.3.8: a row of role "user" with our provenance, whose sourceChannel names the exchange; its answers are the
//   assistant rows up to the next input. A session's first turn is not on disk before its first answer.
// Both cut long texts, and replace very long rows by a note.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bridge/gateway/frames.h"
#include "bridge/gateway/outcome.h"
#include "topics/time.h"

namespace clawbridge::gateway {

/// Which turn is looked for.
struct TurnQuery {
  std::string idempotency_key;
  std::string source_channel;  // names the exchange, whichever the attempt
  WallTime handed_over{};
  bool keeps_keys = false;  // 2026.9
};

/// What a history shows of the turn.
struct Turn {
  bool found = false;       // its input row is there
  bool queued = false;      // taken, and will begin
  bool abandoned = false;   // taken, and will never begin
  bool recovered = false;   // the gateway began it again after a restart
  bool superseded = false;  // a later input follows: it has ended
  bool awaited = false;     // the gateway says that the session runs, or that a cut turn of it is to begin again
  std::string running_id;   // of the run that the session is in right now, ours or not; empty if none or unknown
  // The last answer that can be the turn's end. `cut`: the text is not whole.
  struct Answer {
    std::string text;
    std::string stop_reason;
    std::string error;
    bool cut = false;
    bool omitted = false;  // the row was too large: there is no text
  };
  std::optional<Answer> answer;
  // The history reaches back before the turn was handed over: a turn not found in it is not in the session.
  bool covers = false;
};

/// What both versions put behind a text that they cut.
inline constexpr std::string_view kCutMark = "\n...(truncated)...";

/// Whether the gateway has cut a text of that row, or left all of it out.
[[nodiscard]] bool is_cut(const nlohmann::json& row);

/// `history`: payload of chat.history.
[[nodiscard]] Turn find_turn(const nlohmann::json& history, const TurnQuery& query);

/// What else is known when judging.
struct Circumstances {
  bool same_boot = false;                 // the gateway has not restarted since the turn was handed over
  bool keeps_keys = false;                // 2026.9
  bool ended = false;                     // agent.wait said so
  std::chrono::milliseconds uptime{0};    // of the gateway
  std::chrono::milliseconds searched{0};  // how long recovery has been looking
};

/// Keep looking; `runs`: the turn certainly was taken.
struct LookAgain {
  bool runs = false;
};

/// The history could not be read: a gateway that has just started or is stopping refuses to show any. An empty one would
/// be a different thing: the proof that the turn never began. Interrupted when that lasts too long.
[[nodiscard]] std::variant<LookAgain, Ended, NotTaken> judge_unreadable(const Failure& failure,
                                                                        std::chrono::milliseconds searched);

/// A turn that cannot be told is Interrupted, never guessed.
[[nodiscard]] std::variant<LookAgain, Ended, NotTaken> judge(const Turn& turn, const Circumstances& circumstances);

}  // namespace clawbridge::gateway
