// The checks of `clawbridge doctor`, in the order in which one thing needs another, and the faults that each can find,
// with what to do about them. Both are tables: the command, its --json and TROUBLESHOOTING.md are made from them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/doctor/observations.h"

namespace clawbridge::doctor {

enum class Status { Ok, Warn, Fail, Skip };
[[nodiscard]] std::string_view to_string(Status status);

/// What a failing check makes of the exit code of the command.
enum class Concern { Settings, Machine, Reach };

struct Verdict {
  Status status = Status::Ok;
  std::string found;         // for a person, one line
  std::string_view fault{};  // of the table, when it warns or fails
};

struct Check {
  std::string_view name;  // stable: scripts may look for it
  std::string_view about;
  Concern concern;
  std::vector<std::string_view> needs;  // skipped when one of these has failed or was skipped
  Verdict (*judge)(const Observations& seen);
};

struct Fault {
  std::string_view id;  // stable; begins with the name of its check
  std::string_view symptom;
  std::string_view remedy;  // a sentence
};

struct Finding {
  std::string_view check;
  Verdict verdict;
  std::string_view remedy{};  // empty when all is well
  std::string_view cause{};   // skipped: the check that failed
};

[[nodiscard]] std::span<const Check> checks();
[[nodiscard]] std::span<const Fault> faults();
/// REQUIRES: there is such a fault.
[[nodiscard]] const Fault& fault(std::string_view id);

/// Judges everything, in order. Pure.
[[nodiscard]] std::vector<Finding> examine(const Observations& seen);

/// 0 when nothing has failed; else by the first that has, which is the cause of others: 2 settings, 4 when daemon,
/// broker or gateway cannot be reached or let nobody in, 1 otherwise. The numbers are those of the command line.
[[nodiscard]] int exit_code(std::span<const Finding> findings);

/// TROUBLESHOOTING.md.
[[nodiscard]] std::string troubleshooting_markdown();

}  // namespace clawbridge::doctor
