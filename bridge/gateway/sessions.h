// What the gateway says of its sessions, as a stranger may see it: in the shapes of OpenClaw's own tools sessions_list,
// sessions_history and session_status, within a number of bytes. Pure: no sockets, no clock.
//
// A row of the gateway also tells folders, transcripts, delivery addresses and whatever a later version adds. So
// nothing is passed on but the members named here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/action.h"
#include "topics/message.h"

namespace clawbridge::gateway {

/// Rows of one sessions_list at most, and messages with each: OpenClaw's own.
inline constexpr std::uint64_t kListRowsDefault = 100;
inline constexpr std::uint64_t kListRowsMax = 200;
inline constexpr std::uint64_t kRowMessagesMax = 20;
/// Messages of one sessions_history at most: what chat.history gives.
inline constexpr std::uint64_t kHistoryMessagesDefault = 200;
inline constexpr std::uint64_t kHistoryMessagesMax = 1000;

/// The agent whose session that is; empty for a key that names none.
[[nodiscard]] std::string_view agent_of_key(std::string_view session_key);

/// Whether the session may be told of at all: it is one of these agents', and not one that 2026.9 keeps private
/// (incognito).
[[nodiscard]] bool may_be_told(std::string_view session_key, const std::vector<std::string>& agents);

/// The session `asked` of `agent`, which the gateway has under the key `found`. Policy was asked about the key as it is
/// written, and a gateway takes others for it (in capitals, with blanks): such a one is refused. Only the agent's main
/// session may bear another name.
[[nodiscard]] Result<std::string> told_session(const std::string& asked, const std::string& found,
                                               const std::string& agent);
[[nodiscard]] Error no_session(const std::string& key);

/// What may be told of a session. Nothing when that is nothing.
/// `row`: of sessions.list or sessions.describe.
[[nodiscard]] std::optional<nlohmann::json> session_row(const nlohmann::json& row,
                                                        const std::vector<std::string>& agents,
                                                        const std::vector<core::action::SessionRule>& rules = {});

/// Whether sessions_list asks for sessions of that kind.
[[nodiscard]] bool is_kind_wanted(const nlohmann::json& row, const std::vector<std::string>& kinds);

/// Which messages of a session are asked for.
struct Window {
  std::uint64_t limit = kHistoryMessagesDefault;
  std::uint64_t skip_newest = 0;
  /// Also what tools were called with and what they said, and the model's thoughts; otherwise a message without any
  /// text is left out.
  bool include_tools = false;
};
/// Messages of one session, oldest first.
struct Transcript {
  struct Entry {
    nlohmann::json message;
    std::uint64_t newer_rows = 0;  // of the gateway's rows that were asked for, how many are newer
  };
  std::vector<Entry> entries;
  std::uint64_t rows = 0;  // the gateway's, told or not
  bool has_older = false;  // the answer holds rows before them
  bool cut = false;        // the gateway has cut a text in them, or left one out
};
/// `history`: payload of chat.history.
[[nodiscard]] Transcript read_transcript(const nlohmann::json& history, const Window& window);

/// Builds {"count","sessions":[…],"hasMore","nextOffset"}, row by row, within `bytes_max`.
class ListListing {
 public:
  ListListing(std::size_t bytes_max, std::uint64_t offset);
  /// Adds a row with its last messages, without those that do not fit. False when not even the row fits: then it is
  /// full.
  bool add(nlohmann::json row, Transcript last_messages = {});
  /// `has_more`: there are sessions after the last row that was added.
  [[nodiscard]] std::string finish(bool has_more) &&;

 private:
  std::size_t bytes_max_;
  std::uint64_t offset_;
  std::size_t bytes_;
  std::size_t values_ = 0;
  nlohmann::json rows_ = nlohmann::json::array();
};

/// {"sessionKey","messages":[…],"truncated","droppedMessages","contentTruncated","bytes","offset","hasMore","nextOffset"}:
/// what does not fit into `bytes_max` is dropped, oldest first; a single message that does not fit is cut. `offset`:
/// rows of the session that are newer than all that were asked for.
[[nodiscard]] std::string history_listing(const std::string& session_key, Transcript transcript, std::uint64_t offset,
                                          std::size_t bytes_max);

/// {"sessionKey","session":{…}}. `row`: from session_row().
[[nodiscard]] std::string status_listing(nlohmann::json row);

}  // namespace clawbridge::gateway
