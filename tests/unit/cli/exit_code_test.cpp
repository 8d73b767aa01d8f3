// The exit codes, which scripts rely on.
#include "bridge/cli/exit_code.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace clawbridge::cli {
namespace {

using nlohmann::json;

json ended(const char* status, const char* code = nullptr) {
  json exchange{{"status", status}};
  if (code != nullptr) exchange["error"] = {{"code", code}};
  return exchange;
}

TEST(ExitCode, OfAnExchangeThatHasEnded) {
  EXPECT_EQ(exit_code_of_exchange(ended("ok"), true), ExitCode::Done);
  EXPECT_EQ(exit_code_of_exchange(ended("no_reply"), true), ExitCode::Done);
  for (const char* status : {"error", "interrupted", "unknown", "cancelled", "expired", "nonsense", ""}) {
    EXPECT_EQ(exit_code_of_exchange(ended(status), true), ExitCode::Failed) << status;
  }
  EXPECT_EQ(exit_code_of_exchange(ended("error", "gateway_error"), true), ExitCode::Failed);
  EXPECT_EQ(exit_code_of_exchange(ended("error", "gateway_down"), true), ExitCode::Unreachable);
}

TEST(ExitCode, OfARejectionIsByItsReason) {
  for (const char* code :
       {"unknown_agent", "unknown_session", "forbidden", "bad_request", "ambiguous", "loop", "too_large"}) {
    EXPECT_EQ(exit_code_of_exchange(ended("rejected", code), true), ExitCode::Refused) << code;
  }
  EXPECT_EQ(exit_code_of_exchange(ended("rejected", "gateway_down"), true), ExitCode::Unreachable);
  EXPECT_EQ(exit_code_of_exchange(ended("rejected", "broker_denied"), true), ExitCode::Unreachable);
  EXPECT_EQ(exit_code_of_exchange(ended("rejected"), true), ExitCode::Failed);
}

TEST(ExitCode, OfAnOpenExchangeDependsOnWhatWasAsked) {
  json open{{"status", "accepted"}};
  EXPECT_EQ(exit_code_of_exchange(open, true), ExitCode::WaitEnded);
  EXPECT_EQ(exit_code_of_exchange(open, false), ExitCode::Done);
  open["unreachable"] = true;
  EXPECT_EQ(exit_code_of_exchange(open, true), ExitCode::Unreachable);
  EXPECT_EQ(exit_code_of_exchange(open, false), ExitCode::Done);
}

TEST(ExitCode, OfAnErrorBeforeAnExchange) {
  EXPECT_EQ(exit_code_of_error("unknown_peer"), ExitCode::Refused);
  EXPECT_EQ(exit_code_of_error("timeout"), ExitCode::WaitEnded);
  EXPECT_EQ(exit_code_of_error("busy"), ExitCode::Failed);
  EXPECT_EQ(exit_code_of_error("of a later release"), ExitCode::Failed);
}

}  // namespace
}  // namespace clawbridge::cli
