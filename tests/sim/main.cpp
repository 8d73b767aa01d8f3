// sim: runs seeds, says what they covered, and prints for a violation the line that replays it.
//
//   sim --seed N [--verbose]           one run
//   sim --seeds N [--from K]           many; --minutes M instead: as long as that
//   sim --planted NAME|all --seeds N   with a bug planted in the core, which must be found; with --seed: that run
//   --jobs J, --twice                  threads; every seed twice, and both runs must be the same
#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "bridge/core/planted.h"
#include "tests/sim/world.h"

namespace clawbridge::sim {
namespace {

struct Arguments {
  std::optional<std::uint64_t> seed;
  std::uint64_t seeds = 1'000;
  std::uint64_t from = 1;
  std::optional<double> minutes;
  std::string planted;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool verbose = false;
  bool twice = false;  // every seed, and both runs must be the same
};

#ifdef CLAWBRIDGE_PLANTED_BUGS
constexpr std::pair<const char*, core::Planted> kPlanted[] = {
    {"expiry_before_known_ids", core::Planted::ExpiryBeforeKnownIds},
    {"rejection_not_journaled", core::Planted::RejectionNotJournaled},
    {"stage_published_before_stored", core::Planted::StagePublishedBeforeStored},
    {"purge_without_marks", core::Planted::PurgeWithoutMarks},
    {"cancel_without_tombstone", core::Planted::CancelWithoutTombstone},
    {"lane_order_across_loss", core::Planted::LaneOrderAcrossLoss},
    {"reply_forgotten_before_ack", core::Planted::ReplyForgottenBeforeAck},
    {"blind_resend", core::Planted::BlindResend},
};
#endif

struct Summary {
  std::uint64_t runs = 0;
  double seconds = 0;
  std::uint64_t traces = 0;  // of all runs, in whatever order: the same for the same seeds, whoever compiled it
  Counts counts;
  std::vector<std::pair<std::uint64_t, std::vector<std::string>>> found;  // seed and violations
};

// Stops when `found_max` seeds violate something.
Summary run_many(const Arguments& arguments, std::size_t found_max) {
  std::atomic<std::uint64_t> next{arguments.from};
  std::atomic<bool> enough{false};
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  std::mutex mutex;
  Summary summary;
  const auto work = [&] {
    Counts counts;
    std::uint64_t runs = 0;
    std::uint64_t traces = 0;
    while (!enough) {
      if (arguments.minutes && elapsed() > *arguments.minutes * 60) break;
      const auto seed = next.fetch_add(1);
      if (!arguments.minutes && seed >= arguments.from + arguments.seeds) break;
      auto outcome = run_seed(seed, false);
      if (arguments.twice && run_seed(seed, false).hash != outcome.hash) outcome.violations.push_back("two runs of the seed differ");
      ++runs;
      traces += mix(outcome.hash ^ seed);
      for (const auto& [name, count] : outcome.counts) counts[name] += count;
      if (outcome.violations.empty()) continue;
      const std::lock_guard lock(mutex);
      summary.found.emplace_back(seed, std::move(outcome.violations));
      if (summary.found.size() >= found_max) enough = true;
    }
    const std::lock_guard lock(mutex);
    summary.runs += runs;
    summary.traces += traces;
    for (const auto& [name, count] : counts) summary.counts[name] += count;
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < arguments.jobs; ++i) workers.emplace_back(work);
  work();
  for (auto& worker : workers) worker.join();
  summary.seconds = elapsed();
  std::sort(summary.found.begin(), summary.found.end());
  return summary;
}

int run_one(const Arguments& arguments) {
  const auto options = RunOptions::draw(*arguments.seed);
  std::printf("%s\n", options.str().c_str());
  const auto outcome = run_seed(*arguments.seed, arguments.verbose);
  std::printf("trace %016" PRIx64 "\n", outcome.hash);
  for (const auto& [name, count] : outcome.counts) std::printf("%10" PRIu64 "  %.*s\n", count, static_cast<int>(name.size()), name.data());
  for (const auto& violation : outcome.violations) std::printf("VIOLATION %s\n", violation.c_str());
  return outcome.violations.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run_seeds(const Arguments& arguments) {
  const auto summary = run_many(arguments, 10);
  for (const auto& [name, count] : summary.counts) std::printf("%12" PRIu64 "  %.*s\n", count, static_cast<int>(name.size()), name.data());
  std::printf("traces %016" PRIx64 "\n", summary.traces);
  std::printf("%" PRIu64 " seeds from %" PRIu64 " in %.1f s: %.0f seeds/s with %u threads\n", summary.runs, arguments.from, summary.seconds,
              static_cast<double>(summary.runs) / summary.seconds, arguments.jobs);
  for (const auto& [seed, violations] : summary.found) {
    std::printf("VIOLATION %s\n  replay: sim --seed %" PRIu64 " --verbose\n", violations.front().c_str(), seed);
  }
  return summary.found.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

#ifdef CLAWBRIDGE_PLANTED_BUGS
bool plant(std::string_view name) {
  for (const auto& [known, bug] : kPlanted) {
    if (name == known) core::planted_bug = bug;
  }
  return core::planted_bug.has_value();
}

int run_planted(const Arguments& arguments) {
  if (arguments.planted != "all" && !plant(arguments.planted)) {
    std::fprintf(stderr, "sim: no planted bug is called \"%s\"; there are:\n", arguments.planted.c_str());
    for (const auto& [name, bug] : kPlanted) std::fprintf(stderr, "  %s\n", name);
    return 2;
  }
  if (arguments.seed) return run_one(arguments);
  bool all_found = true;
  for (const auto& [name, bug] : kPlanted) {
    if (arguments.planted != "all" && arguments.planted != name) continue;
    core::planted_bug = bug;
    const auto summary = run_many(arguments, 1);
    if (summary.found.empty()) {
      all_found = false;
      std::printf("%-32s NOT FOUND in %" PRIu64 " seeds\n", name, summary.runs);
    } else {
      const auto& [seed, violations] = summary.found.front();
      std::printf("%-32s found after %" PRIu64 " seeds, %.1f s: seed %" PRIu64 ": %s\n", name, summary.runs, summary.seconds, seed, violations.front().c_str());
    }
  }
  return all_found ? EXIT_SUCCESS : EXIT_FAILURE;
}
#else
int run_planted(const Arguments&) {
  std::fprintf(stderr, "sim: this build of the core has no planted bugs; use the one that is called sim\n");
  return 2;
}
#endif

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--verbose") {
      arguments.verbose = true;
    } else if (option == "--twice") {
      arguments.twice = true;
    } else if (i + 1 == argc) {
      return std::nullopt;
    } else if (const char* value = argv[++i]; option == "--seed") {
      arguments.seed = std::strtoull(value, nullptr, 10);
    } else if (option == "--seeds") {
      arguments.seeds = std::strtoull(value, nullptr, 10);
    } else if (option == "--from") {
      arguments.from = std::strtoull(value, nullptr, 10);
    } else if (option == "--minutes") {
      arguments.minutes = std::strtod(value, nullptr);
    } else if (option == "--jobs") {
      arguments.jobs = static_cast<unsigned>(std::max(1UL, std::strtoul(value, nullptr, 10)));
    } else if (option == "--planted") {
      arguments.planted = value;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

}  // namespace
}  // namespace clawbridge::sim

int main(int argc, char** argv) {
  using namespace clawbridge::sim;
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    std::fprintf(stderr, "usage: sim [--seed N [--verbose]] [--seeds N] [--from K] [--minutes M] [--jobs J] [--twice] [--planted NAME|all]\n");
    return 2;
  }
  if (!arguments->planted.empty()) return run_planted(*arguments);
  return arguments->seed ? run_one(*arguments) : run_seeds(*arguments);
}
