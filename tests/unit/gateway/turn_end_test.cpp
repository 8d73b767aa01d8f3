// How the end of a program is written down, read back, and told to the asker.
#include "bridge/gateway/turn_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace clawbridge::gateway {
namespace {

using ::testing::HasSubstr;

TurnEnd printed(std::string output) {
  TurnEnd end;
  end.output = std::move(output);
  return end;
}

TEST(TurnEnd, IsReadBackByteForByte) {
  TurnEnd end{.how = TurnEnd::How::Signalled,
              .code = SIGKILL,
              .ended = TurnEnd::Ended::AtTimeLimit,
              .output = std::string("a\n\0\xFF{\"\n", 8),
              .truncated = true,
              .last_errors = "line\n\"two\"",
              .reason = "why"};
  const auto read = decode_turn_end(encode(end));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->how, end.how);
  EXPECT_EQ(read->code, SIGKILL);
  EXPECT_EQ(read->ended, end.ended);
  EXPECT_EQ(read->output, end.output);
  EXPECT_TRUE(read->truncated);
  EXPECT_EQ(read->last_errors, end.last_errors);
  EXPECT_EQ(read->reason, "why");
}

TEST(TurnEnd, IsNothingWhenAnyByteOfItIsMissingOrTooMany) {
  const auto whole = encode(printed("some output"));
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) EXPECT_FALSE(decode_turn_end(whole.substr(0, bytes))) << bytes;
  EXPECT_FALSE(decode_turn_end(whole + "x"));
  EXPECT_FALSE(decode_turn_end(std::string(whole.size(), '\0')));
  EXPECT_FALSE(decode_turn_end("{\"version\":2,\"how\":\"exited\",\"code\":0,\"ended\":\"by_itself\",\"outputBytes\":0}\n"));
  EXPECT_FALSE(decode_turn_end("{\"version\":1,\"how\":\"flew\",\"code\":0,\"ended\":\"by_itself\",\"outputBytes\":0}\n"));
}

TEST(TurnEnd, ExitCodeZeroIsTheReplyAsItWasPrinted) {
  const std::string text("  \u00fc\U0001f980\0 end\n\n", 16);
  const auto reply = outcome_of(printed(text), "agent");
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, text);
  EXPECT_FALSE(reply.truncated);
  EXPECT_FALSE(reply.error);
}

TEST(TurnEnd, NoOutputIsNoReply) { EXPECT_EQ(outcome_of(printed(""), "agent").status, ReplyStatus::NoReply); }

TEST(TurnEnd, ACutBetweenTheBytesOfACharacterTakesAllOfIt) {
  const std::string crab = "\U0001f980";
  for (std::size_t bytes = 1; bytes <= crab.size(); ++bytes) {
    auto end = printed("x" + crab.substr(0, bytes));
    end.truncated = true;
    const auto reply = outcome_of(end, "agent");
    EXPECT_EQ(reply.status, ReplyStatus::Ok) << bytes;
    EXPECT_EQ(reply.reply, bytes == crab.size() ? "x" + crab : "x") << bytes;
    EXPECT_TRUE(reply.truncated);
  }
}

TEST(TurnEnd, OutputThatIsNotUtf8IsAnErrorThatSaysWhere) {
  const auto reply = outcome_of(printed("abc\xFF"), "agent");
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->code, ErrorCode::GatewayError);
  EXPECT_EQ(reply.error->message, "agent ran, and its output is not UTF-8 (byte 4 of 4); make it print UTF-8");
  EXPECT_EQ(reply.reply, "");
  auto cut = printed("abc\x80");
  cut.truncated = true;
  EXPECT_EQ(outcome_of(cut, "agent").status, ReplyStatus::Error) << "a stray byte is not a cut";
}

TEST(TurnEnd, AFailedProgramIsQuoted) {
  auto end = printed("half an answer\n");
  end.code = 3;
  EXPECT_EQ(outcome_of(end, "agent").error->message, "agent ended with exit code 3; the last it wrote to stdout: half an answer");
  end.last_errors = "no such model\n\n";
  const auto reply = outcome_of(end, "agent");
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->message, "agent ended with exit code 3; the last it wrote to stderr: no such model");
  EXPECT_FALSE(reply.error->retryable);
  end = printed("");
  end.how = TurnEnd::How::Signalled;
  end.code = SIGSEGV;
  EXPECT_EQ(outcome_of(end, "agent").error->message, "agent was ended by signal 11 (Segmentation fault); it wrote nothing to stderr");
}

TEST(TurnEnd, WhatAFailedProgramPrintedIsCutAtTheFront) {
  auto end = printed(std::string(5000, 'x') + "\xFF" + "the end");
  end.code = 1;
  const auto message = outcome_of(end, "agent").error->message;
  EXPECT_THAT(message, HasSubstr("xx\xEF\xBF\xBDthe end"));
  EXPECT_LT(message.size(), 4300U);
}

TEST(TurnEnd, SaysWhoEndedTheProgram) {
  auto end = printed("so far");
  end.ended = TurnEnd::Ended::AtTimeLimit;
  EXPECT_EQ(outcome_of(end, "agent").error->code, ErrorCode::Timeout);
  EXPECT_THAT(outcome_of(end, "agent").error->message, HasSubstr("ran longer than gateway.time_limit"));
  end.ended = TurnEnd::Ended::OnSignal;
  EXPECT_EQ(outcome_of(end, "agent").status, ReplyStatus::Error);
  end.ended = TurnEnd::Ended::OnAbort;
  const auto cancelled = outcome_of(end, "agent");
  EXPECT_EQ(cancelled.status, ReplyStatus::Cancelled);
  EXPECT_EQ(cancelled.ran, true);
}

}  // namespace
}  // namespace clawbridge::gateway
