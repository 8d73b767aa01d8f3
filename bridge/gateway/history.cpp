#include "bridge/gateway/history.h"

#include <string_view>
#include <utility>

namespace clawbridge::gateway {

using nlohmann::json;

namespace {

constexpr std::string_view kOmitted = "[chat.history omitted: message too large]";
constexpr std::string_view kRecoveryNotice = "[System] Your previous turn was interrupted";

// 2026.9 begins an interrupted turn again within seconds of its start, or says that it is going to. When it has said
// nothing for so long, since its process started and since it lets clients in, it will not. Both, because a busy or
// small machine may need more than the first to start at all. And it is not believed for ever.
constexpr std::chrono::seconds kRecoveryBegins{90};
constexpr std::chrono::seconds kRecoveryShows{15};
constexpr std::chrono::hours kRecoveryAwaited{6};
// How long a running gateway gets to show a turn that it was sent and says nothing of. The frame was written before the
// connection ended, and one wait for the run has passed in vain.
constexpr std::chrono::seconds kAppearsKeepingKeys{45};
// 2026.3.8 cannot tell a queued turn from an unknown one, nor a silent end from a turn that runs.
constexpr std::chrono::minutes kAppears{15};
constexpr std::chrono::hours kAnswers{2};
// A gateway that stops takes up to 315 s for the turns that run (2026.9.6), and then has to start again.
constexpr std::chrono::minutes kBecomesReadable{15};

std::string text_of(const json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const auto& part : content) {
    if (text_member(part, "type") != "text") continue;
    const auto piece = text_member(part, "text");
    if (!piece.empty()) text += (text.empty() ? "" : "\n\n") + piece;
  }
  return text;
}

std::string key_of(const json& row) {
  auto key = text_member(row, "idempotencyKey");
  return key.empty() ? text_member(member(row, "__openclaw"), "idempotencyKey") : key;
}

// An earlier attempt at the same exchange has the same channel. 2026.9.6 tells them apart by the key, 2026.3.8 only by
// the time; the first attempt needs neither.
bool is_our_input(const json& row, const TurnQuery& query) {
  const auto key = key_of(row);
  if (query.keeps_keys && !key.empty()) return key == query.idempotency_key + ":user";
  if (text_member(member(row, "provenance"), "sourceChannel") != query.source_channel) return false;
  return query.idempotency_key.ends_with(":1") ||
         integer_member(row, "timestamp", 0) >= query.handed_over.time_since_epoch().count();
}

// Something that began a turn. 2026.9 shows the words of other sessions with role "assistant".
bool is_input(const json& row) {
  return text_member(row, "role") == "user" || member(row, "provenance").is_object() || key_of(row).ends_with(":user");
}

Turn::Answer read_answer(const json& row) {
  Turn::Answer answer{.text = text_of(member(row, "content")),
                      .stop_reason = text_member(row, "stopReason"),
                      .error = text_member(row, "errorMessage"),
                      .cut = member(member(row, "__openclaw"), "truncated") == true};
  answer.cut = answer.cut || answer.text.ends_with(kCutMark);
  answer.omitted = answer.text == kOmitted;
  return answer;
}

// Rows after our input, up to the next input: the last one that can be the end of the turn is its answer.
void read_answers(const json& rows, std::size_t begin, const TurnQuery& query, Turn& turn) {
  for (std::size_t i = begin; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (is_input(row)) {
      if (!text_of(member(row, "content")).starts_with(kRecoveryNotice)) {
        turn.superseded = true;
        return;
      }
      turn.recovered = true;
      turn.answer.reset();
      continue;
    }
    if (text_member(row, "role") != "assistant") continue;
    const auto run_id = text_member(member(row, "__openclaw"), "runId");
    if (query.keeps_keys && !turn.recovered && !run_id.empty() && run_id != query.idempotency_key) continue;
    auto answer = read_answer(row);
    if (answer.stop_reason != "toolUse") turn.answer = std::move(answer);
  }
}

void read_pending(const json& history, const TurnQuery& query, Turn& turn) {
  const auto& items = member(member(history, "pendingInputs"), "items");
  if (!items.is_array()) return;
  for (const auto& item : items) {
    if (text_member(item, "runId") != query.idempotency_key) continue;
    const auto state = text_member(item, "state");
    turn.queued = state == "queued";
    turn.abandoned = state == "interrupted";
    // `cancelled` and anything new: neither waits nor was lost. judge() then cannot tell.
    turn.found = !turn.queued && !turn.abandoned;
  }
}

// A row from before the hand-over must be seen: then a session that was reset since, and in 2026.3.8 a first turn that
// is not on disk yet, cannot be mistaken for a turn that never came. A session that does not exist has seen none
// either.
bool reaches_back(const json& history, const json& rows, const TurnQuery& query) {
  if (rows.empty()) return text_member(history, "sessionId").empty();
  const auto oldest = integer_member(rows.front(), "timestamp", 0);
  return oldest > 0 && oldest < query.handed_over.time_since_epoch().count();
}

bool is_failure(const Turn::Answer& answer) {
  return answer.stop_reason == "error" || answer.stop_reason == "aborted";
}

body::Reply reply_from(const Turn::Answer& answer) {
  if (is_failure(answer)) {
    return failed_reply("the turn failed: " + (answer.error.empty() ? answer.text : answer.error));
  }
  auto reply = make_reply(answer.text.empty() ? ReplyStatus::NoReply : ReplyStatus::Ok, answer.text);
  reply.truncated = answer.cut || answer.omitted;
  return reply;
}

std::variant<LookAgain, Ended, NotTaken> judge_found(const Turn& turn, const Circumstances& now) {
  const bool running = !turn.running_id.empty() && !turn.superseded;
  const bool over = now.ended || turn.superseded || !running;
  const bool good = turn.answer && !is_failure(*turn.answer);
  // 2026.3.8 tries a failed request again within the turn, so a failure is the end only where the turn is known to be
  // over.
  if (turn.answer && (good ? over : now.ended || turn.superseded || (now.keeps_keys && !running))) {
    return Ended{reply_from(*turn.answer)};
  }
  if (now.ended) return Ended{make_reply(ReplyStatus::NoReply)};  // a silent end is not shown
  if (running) return LookAgain{.runs = true};
  if (turn.superseded)
    return Ended{
        interrupted_reply("the gateway has gone on to a later turn, and its history shows no answer to this one")};
  if (turn.awaited && now.searched < kRecoveryAwaited) return LookAgain{.runs = true};
  if (!now.same_boot) {
    if (now.keeps_keys && (now.uptime < kRecoveryBegins || now.searched < kRecoveryShows)) {
      return LookAgain{.runs = true};
    }
    return Ended{interrupted_reply("the gateway restarted during the turn, and its history shows no answer to it")};
  }
  if (now.searched <
      (now.keeps_keys ? std::chrono::milliseconds(kAppearsKeepingKeys) : std::chrono::milliseconds(kAnswers))) {
    return LookAgain{.runs = true};
  }
  return Ended{interrupted_reply("the gateway does not know the turn any more, and its history shows no answer to it")};
}

std::variant<LookAgain, Ended, NotTaken> judge_missing(const Turn& turn, const Circumstances& now) {
  if (now.ended) return Ended{interrupted_reply("the turn has ended, but the gateway's history does not show it")};
  if (now.same_boot) {
    const auto patience =
        now.keeps_keys ? std::chrono::milliseconds(kAppearsKeepingKeys) : std::chrono::milliseconds(kAppears);
    if (now.searched < patience) return LookAgain{};
    if (now.keeps_keys && turn.covers) return NotTaken{"the gateway knows nothing of the turn"};
    return Ended{interrupted_reply("the gateway says nothing of the turn")};
  }
  if (turn.covers) return NotTaken{"the gateway restarted, and its history shows that the turn had not begun"};
  return Ended{interrupted_reply(
      "the gateway restarted, and its history does not reach back far enough to tell whether the turn ran")};
}

}  // namespace

bool is_cut(const json& row) {
  const auto answer = read_answer(row);
  return answer.cut || answer.omitted;
}

Turn find_turn(const json& history, const TurnQuery& query) {
  Turn turn;
  static const json none = json::array();
  const auto& messages = member(history, "messages");
  const auto& rows = messages.is_array() ? messages : none;
  turn.running_id = text_member(member(history, "inFlightRun"), "runId");
  turn.awaited = text_member(member(history, "sessionInfo"), "status") == "running";
  turn.covers = reaches_back(history, rows, query);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (is_our_input(rows[i], query)) {
      turn.found = true;
      read_answers(rows, i + 1, query, turn);
      return turn;
    }
    // A row too large to show has lost its marks: it may be ours.
    if (!query.keeps_keys && read_answer(rows[i]).omitted) turn.covers = false;
  }
  read_pending(history, query, turn);
  return turn;
}

std::variant<LookAgain, Ended, NotTaken> judge_unreadable(const Failure& failure, std::chrono::milliseconds searched) {
  if (searched < kBecomesReadable) return LookAgain{};
  return Ended{interrupted_reply("the gateway does not show the history of the session: " + failure.message)};
}

std::variant<LookAgain, Ended, NotTaken> judge(const Turn& turn, const Circumstances& circumstances) {
  if (turn.queued) return LookAgain{.runs = true};
  if (turn.abandoned) return NotTaken{"the gateway restarted before the turn began"};
  return turn.found ? judge_found(turn, circumstances) : judge_missing(turn, circumstances);
}

}  // namespace clawbridge::gateway
