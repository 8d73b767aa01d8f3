// The page of everything that can be wrong, from the tables of checks and faults.
#include "bridge/doctor/checks.h"

namespace clawbridge::doctor {
namespace {

constexpr std::string_view kIntroduction =
    "# Troubleshooting\n\n"
    "This page is made from the tables of `clawbridge doctor` (`bridge/doctor`), which prints it with "
    "`--reference`.\n\n"
    "`clawbridge doctor` looks at everything from the settings to the clocks of the others, with the daemon or without "
    "it, and\n"
    "prints one line per check: `ok`, `warn`, `fail`, or `skip` with the check that must be good first. The first "
    "`fail` is the\n"
    "one to begin with. It changes nothing, takes at most half a minute, and neither agents nor peers take notice: "
    "what it sends\n"
    "goes to `claw/<gateway>/_doctor-<run>/…` and to names that no gateway can have, and one signed hello to everybody.\n"
    "`--json` has the same for programs.\n\n"
    "| exit code | the first thing that failed |\n|---|---|\n"
    "| 0 | nothing; there may be warnings |\n"
    "| 1 | something on this machine, in the broker's rules, or with a peer |\n"
    "| 2 | the settings |\n"
    "| 4 | daemon, broker or gateway: not reached, or it lets nobody in |\n";

/// Faults are called after their check.
bool is_of(const Fault& fault, const Check& check) {
  return fault.id.size() > check.name.size() && fault.id.starts_with(check.name) && fault.id[check.name.size()] == '.';
}

std::string needs_of(const Check& check) {
  std::string text;
  for (const auto need : check.needs) text.append(text.empty() ? " Needs `" : ", `").append(need).append("`");
  return text.empty() ? text : text + ".";
}

}  // namespace

std::string troubleshooting_markdown() {
  std::string page(kIntroduction);
  for (const auto& check : checks()) {
    page.append("\n## ")
        .append(check.name)
        .append("\n\nChecks that ")
        .append(check.about)
        .append(".")
        .append(needs_of(check))
        .append("\n");
    std::string rows;
    for (const auto& fault : faults()) {
      if (!is_of(fault, check)) continue;
      rows.append("| `")
          .append(fault.id)
          .append("`: ")
          .append(fault.symptom)
          .append(" | ")
          .append(fault.remedy)
          .append(" |\n");
    }
    if (!rows.empty()) page.append("\n| fault | what to do |\n|---|---|\n").append(rows);
  }
  return page;
}

}  // namespace clawbridge::doctor
