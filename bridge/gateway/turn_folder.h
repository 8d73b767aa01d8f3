// A turn of the `command` gateway as a folder: the one truth about it, whichever process dies.
//
//   <root>/<idempotency key>/
//     request   the text; the program's stdin                                                      made by the bridge
//     files/    the files that came with it, if any did                                            made by the bridge
//     reply/    where the program leaves files that go with its reply                              made by the bridge
//     alive     FIFO that the supervisor holds open for writing while it lives, and nobody else;
//               through it tells that the program runs, and what it prints (supervisor.h)           made by the bridge
//     control   FIFO by which the supervisor is told to end the program                            made by the bridge
//     claimed   symbolic link that names who decided over the turn                                 made once, see below
//     ended     how it ended and what it printed (turn_end.h); appears in one step                 made by the supervisor
//
// Whoever makes `claimed` decides, for ever: the supervisor makes it before it starts the program, the bridge makes it when
// it finds a turn that nobody has claimed. So a turn that was reported as never run can never run later, however late its
// supervisor comes, and no key runs twice. A symbolic link is made in one step together with what it says.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/gateway/descriptor.h"
#include "bridge/gateway/turn_end.h"
#include "topics/message.h"
#include "topics/result.h"

namespace clawbridge::gateway {

/// Who made `claimed`, as the link's text.
inline constexpr std::string_view kClaimOfBridge = "bridge";
[[nodiscard]] std::string claim_of_supervisor(int process_id);

/// Claims the turn for `who`. False when it is claimed already, or cannot be.
[[nodiscard]] bool claim_turn(int folder, std::string_view who);

/// The supervisor's last act. Returns the errno value, 0 when it is done. `durable`: it survives a loss of power too.
[[nodiscard]] int write_turn_end(int folder, const TurnEnd& end, bool durable);

/// The bridge's side: all turns below one root. The io thread's; no call waits for another process.
class TurnFolders {
 public:
  explicit TurnFolders(std::filesystem::path root) : root_(std::move(root)) {}

  /// Makes the root if there is none, and gives what a turn handed over now is known by later: it is another one after a
  /// restart of the machine, and for another root. Only under the same one does a missing folder or claim mean that
  /// nothing ran.
  [[nodiscard]] Result<std::string> open();

  /// What a new turn's supervisor is given, and the end of `alive` that tells when the supervisor is gone.
  struct Prepared {
    std::filesystem::path folder;
    std::filesystem::path files;        // empty when none came
    std::filesystem::path reply_files;
    Descriptor alive;          // for reading, not blocking
    Descriptor alive_for_it;   // for writing; the supervisor's once it runs
    Descriptor control_for_it; // for reading and writing, not blocking
  };
  struct AlreadyThere {};
  /// The folder of a turn that nobody has handed over before.
  [[nodiscard]] std::variant<Prepared, AlreadyThere, Error> prepare(const std::string& key, std::string_view text,
                                                                    const std::vector<body::Attachment>& files);

  struct Absent {};     // no such folder
  struct Unclaimed {};  // nobody had started it, and now nobody will
  struct Running {
    Descriptor alive;
  };
  struct Vanished {};   // the supervisor is gone and wrote nothing down
  using State = std::variant<Absent, Unclaimed, Running, Vanished, TurnEnd>;
  /// What became of a turn. A turn that nobody has claimed is claimed by the asking.
  [[nodiscard]] State look(const std::string& key) const;

  /// What the program has left in `reply`, by name. REQUIRES: the turn has ended.
  struct Left {
    std::vector<body::Attachment> files;
    std::vector<std::string> left_out;  // why, one line for each; no more than are worth reading
  };
  [[nodiscard]] Left take_reply_files(const std::string& key) const;

  /// Tells the supervisor to end the program. Nothing when it has been told; otherwise why not.
  [[nodiscard]] std::optional<std::string> ask_to_end(const std::string& key) const;

  /// Removes the folder. The turn was never run, or its outcome is journaled.
  void forget(const std::string& key) const;

  /// The folders there are, and what is left of forgotten ones: names to give to remove().
  [[nodiscard]] std::vector<std::string> list() const;
  /// Removes what list() named, unless its supervisor still lives.
  void remove(const std::string& name) const;

 private:
  [[nodiscard]] std::filesystem::path folder_of(const std::string& key) const;

  std::filesystem::path root_;
};

/// The name of a key's folder: one path component, another for every key.
[[nodiscard]] std::string turn_folder_name(std::string_view key);

}  // namespace clawbridge::gateway
