#include <gtest/gtest.h>

#include <set>

#include "topics/message.h"

namespace clawbridge {
namespace {

TEST(ErrorCodes, AreTheContractsAndGoThereAndBack) {
  const std::set<std::string_view> contract{
      "bad_request", "unsupported",     "too_large",    "unknown_agent",  "unknown_session",  "ambiguous",     "forbidden",
      "unauthentic", "unknown_peer",    "key_changed",  "id_reused",      "replayed",         "journal_changed", "expired",
      "loop",        "rate_limited",    "busy",         "store_full",     "awaiting_trust",   "gateway_down",  "gateway_error",
      "unknown_exchange", "broker_denied", "timeout",   "internal"};
  for (const auto name : contract) {
    const auto code = error_code_from(name);
    ASSERT_TRUE(code) << name;
    EXPECT_EQ(to_string(*code), name);
  }
  EXPECT_EQ(contract.size(), static_cast<std::size_t>(ErrorCode::Internal) + 1);
  EXPECT_FALSE(error_code_from("nonsense"));
}

TEST(Operations, GoThereAndBack) {
  for (const auto op : {Operation::SessionsSend, Operation::SessionsSpawn, Operation::SessionsList, Operation::SessionStatus,
                        Operation::SessionsHistory, Operation::AgentsList, Operation::Status, Operation::Cancel, Operation::Ping}) {
    EXPECT_EQ(operation_from(to_string(op)), op);
  }
  EXPECT_EQ(operation_from("format_disk"), Operation::Unknown);
  EXPECT_FALSE(is_read_only(Operation::SessionsSend));
  EXPECT_FALSE(is_read_only(Operation::Cancel));
  EXPECT_TRUE(is_read_only(Operation::Status));
}

}  // namespace
}  // namespace clawbridge
