// The process that stands between the bridge and one run of a program, so that a turn outlives the bridge: started by the
// bridge as its own program with a hidden command, in a session of its own. It claims the turn, starts the program, keeps
// what it prints, and writes down how it ended. It knows nothing but its turn's folder (turn_folder.h).
//
//   claim ── claimed by another ──▶ nothing is run
//     │
//   start ── cannot ─────────────▶ `ended`: not started
//     │
//   watch ── exits, or is ended (time limit, told to, SIGTERM: TERM, after 5 s KILL, to its process group) ──▶ `ended`
//
// Killed itself, it takes the program with it (Linux), and the bridge finds a turn that was claimed and never ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace clawbridge::gateway {

/// The hidden first argument.
inline constexpr const char* kSuperviseCommand = "supervise-turn";
// Descriptors that it is started with: the ends of the folder's FIFOs.
inline constexpr int kAliveDescriptor = 3;
inline constexpr int kControlDescriptor = 4;
/// What it writes to `alive` once the program runs; what the program prints follows, if that is to be told.
inline constexpr char kStartedSign = 's';
inline constexpr std::size_t kToldBytesMax = std::size_t{64} * 1024;  // of what it prints

/// What a supervisor is told, on its command line.
struct SupervisorOrder {
  std::string folder;
  std::uint64_t reply_bytes = 0;            // of stdout that are kept
  std::chrono::milliseconds time_limit{0};  // 0: none
  bool durable = false;                     // the outcome survives a loss of power
  bool tells = false;                       // what the program prints goes to `alive` as it comes, while somebody takes it there
  std::string workdir;
  std::vector<std::string> environment;     // names that the program gets beside the usual ones
  std::vector<std::string> argv;            // argv[0] is the path of the program

  friend bool operator==(const SupervisorOrder&, const SupervisorOrder&) = default;
};
/// The arguments, kSuperviseCommand first; and back. Nothing for other arguments.
[[nodiscard]] std::vector<std::string> to_arguments(const SupervisorOrder& order);
[[nodiscard]] std::optional<SupervisorOrder> supervisor_order(const std::vector<std::string>& arguments);

/// What the program's environment is made of: home, user, path, language, time zone and folders for temporary files and
/// settings, what is named, and our CLAW_ variables. Nothing else of `all` (NAME=value each): a bridge's may hold secrets.
[[nodiscard]] std::vector<std::string> program_environment(const std::vector<std::string>& all, const std::vector<std::string>& named);

/// Does it, in this process, which must have no other thread. Returns the exit code.
int supervise_turn(const SupervisorOrder& order);

/// The exit code when these are the arguments of a supervisor; nothing otherwise. For the first line of main().
[[nodiscard]] std::optional<int> run_as_supervisor(int argc, const char* const* argv);

}  // namespace clawbridge::gateway
