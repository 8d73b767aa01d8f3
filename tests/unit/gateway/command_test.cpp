// The command gateway with programs that run to their end: what they get, and what becomes of what they give.
#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "bridge/gateway/output_so_far.h"
#include "command_fixture.h"
#include "topics/encoding.h"
#include "topics/limits.h"

namespace clawbridge::gateway {
namespace {

using namespace core;  // NOLINT: the events and actions under test
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_F(CommandTest, AnnouncesItsAgents) {
  const auto gateway = make(settings({"/bin/cat"}));
  gateway->start();
  EXPECT_TRUE(events_.empty());  // no event from inside a call
  const auto up = next<event::GatewayUp>();
  EXPECT_EQ(up.kind, "command");
  EXPECT_FALSE(up.boot_id.empty());
  ASSERT_EQ(up.agents.size(), 2U);
  EXPECT_EQ(up.agents[0].id, "jarvis");
}

TEST_F(CommandTest, TheTextGoesInAndTheReplyComesBackByteForByte) {
  const auto gateway = up(settings({"/bin/cat"}));
  const std::string text("/reset $(id) \"'`\n\t\0\xC3\xBC\xF0\x9F\xA6\x80\r\n \n", 28);
  const auto reply = run_to_end(*gateway, text);
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, text);
  EXPECT_EQ(reply.run_id, "claw:macbook:01A:1");
  EXPECT_EQ(reply.session_key, "agent:jarvis:main");
  EXPECT_FALSE(reply.truncated);
}

TEST_F(CommandTest, ArgumentsAreThoseOfTheSettingsWithoutAShell) {
  const auto gateway = up(settings({script("printf '%s|' \"$@\""), "two words", "$(id)", "*", "", "two words"}));
  EXPECT_EQ(run_to_end(*gateway, "text").reply, "two words|$(id)|*||two words|");
}

TEST_F(CommandTest, AProgramThatDoesNotReadIsNotHarmed) {
  const auto gateway = up(settings({"true"}));
  EXPECT_EQ(run_to_end(*gateway, std::string(1'000'000, 'x')).status, ReplyStatus::NoReply);
}

TEST_F(CommandTest, TheProgramLearnsAboutTheMessageAndNothingElseOfTheBridge) {
  ::setenv("CLAWBRIDGE_BROKER_PASSWORD", "secret", 1);
  ::setenv("SOME_TOKEN", "secret", 1);
  ::setenv("WANTED", "value", 1);
  ::setenv("CLAW_FROM", "somebody/else", 1);
  ::setenv("LC_TIME", "C", 1);
  auto with = settings({"env"});
  with.environment = {"WANTED"};
  const auto gateway = up(std::move(with));
  const auto lines = lines_of(run_to_end(*gateway, "text").reply);
  for (const char* name : {"CLAWBRIDGE_BROKER_PASSWORD", "SOME_TOKEN", "WANTED", "CLAW_FROM", "LC_TIME"}) ::unsetenv(name);
  EXPECT_THAT(lines, IsSupersetOf({std::string("CLAW_GATEWAY=imac"), std::string("CLAW_AGENT=jarvis"), std::string("CLAW_SESSION=agent:jarvis:main"),
                                   std::string("CLAW_FROM=macbook/main"), std::string("CLAW_CORRELATION_ID=01A"), std::string("CLAW_ATTEMPT=1"),
                                   std::string("CLAW_IDEMPOTENCY_KEY=claw:macbook:01A:1"), std::string("WANTED=value"), std::string("LC_TIME=C")}));
  EXPECT_THAT(lines, Contains(StartsWith("PATH=")));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("secret"))));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("somebody"))));
}

TEST_F(CommandTest, TheProgramGetsNoOtherFiles) {
  const Descriptor leaky(::fcntl(STDERR_FILENO, F_DUPFD, 77));  // as libraries open them, without O_CLOEXEC
  const auto gateway = up(settings({"ls", "/proc/self/fd"}));
  EXPECT_EQ(run_to_end(*gateway, "text").reply, "0\n1\n2\n3\n") << "the last is its own, of the folder it reads";
}

TEST_F(CommandTest, TheProgramRunsInItsFolder) {
  const auto gateway = up(settings({"pwd"}));
  EXPECT_EQ(run_to_end(*gateway, "text").reply, folder_.path().string() + "\n");
}

TEST_F(CommandTest, SignalsAreAsInAnyOtherProgram) {
  const auto gateway = up(settings({script("{ yes; echo \"status $?\" >&2; } | head -n 1; exit 1")}));
  EXPECT_THAT(run_to_end(*gateway, "text").error->message, HasSubstr("status 141")) << "SIGPIPE ends a program";
}

TEST_F(CommandTest, AFailureIsAnErrorWithTheProgramsOwnWords) {
  const auto program = script("cat > /dev/null; echo half; echo first >&2; echo 'no \\377 model' >&2; printf '\\377\\n' >&2; exit 7");
  const auto gateway = up(settings({program}));
  const auto reply = run_to_end(*gateway, "text");
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->code, ErrorCode::GatewayError);
  EXPECT_THAT(reply.error->message, StartsWith(program + " ended with exit code 7; the last it wrote to stderr: first\nno "));
  EXPECT_THAT(reply.error->message, HasSubstr("\xEF\xBF\xBD"));
}

TEST_F(CommandTest, OnlyTheLastPartOfStderrIsKept) {
  const auto gateway = up(settings({script("yes beginning | head -c 300000 >&2; echo 'the end' >&2; exit 1")}));
  const auto message = run_to_end(*gateway, "text").error->message;
  EXPECT_THAT(message, testing::EndsWith("the end"));
  EXPECT_LT(message.size(), 4500U);
}

TEST_F(CommandTest, AProgramEndedByASignalIsAnError) {
  const auto gateway = up(settings({script("kill -KILL $$")}));
  EXPECT_THAT(run_to_end(*gateway, "text").error->message, HasSubstr("was ended by signal 9 (Killed)"));
}

TEST_F(CommandTest, OutputBeyondTheLimitIsCutAndMarked) {
  auto with = settings({script("yes 0123456 | head -c 3000000; echo done >&2")});
  with.reply_bytes = 100'003;
  const auto gateway = up(std::move(with));
  const auto reply = run_to_end(*gateway, "text");
  EXPECT_EQ(reply.status, ReplyStatus::Ok) << "the program was not held up, and its end is its own";
  EXPECT_TRUE(reply.truncated);
  EXPECT_EQ(reply.reply.size(), 100'003U);
  EXPECT_THAT(reply.reply, StartsWith("0123456\n0123456\n"));
}

TEST_F(CommandTest, OutputThatIsNotUtf8IsAnError) {
  const auto gateway = up(settings({script("printf 'abc\\377'")}));
  const auto reply = run_to_end(*gateway, "text");
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_THAT(reply.error->message, HasSubstr("not UTF-8 (byte 4 of 4)"));
}

TEST_F(CommandTest, WhatAProgramLeavesBehindDoesNotHoldUpItsReply) {
  const auto hold = fifo("hold");
  const auto gateway = up(settings({script("(cat " + hold + " > /dev/null) & echo reply")}));
  EXPECT_EQ(run_to_end(*gateway, "text").reply, "reply\n");
  release(hold);
}

TEST_F(CommandTest, AFileThatIsNoProgramIsNotTaken) {
  std::ofstream(path("broken")) << "neither script nor program";
  ::chmod(path("broken").c_str(), 0700);
  const auto gateway = up(settings({path("broken").string()}));
  gateway->carry_out(start("text"));
  const auto refused = next<event::RunNotTaken>();
  EXPECT_EQ(refused.reason, "gateway.command was not started: \"" + path("broken").string() + "\" cannot be run: Exec format error");
  EXPECT_FALSE(std::filesystem::exists(turn_folder()));
}

TEST_F(CommandTest, WithoutASupervisorTheTurnIsNotTaken) {
  auto with = settings({"/bin/cat"});
  with.self = "/nowhere/at/all";
  const auto gateway = up(std::move(with));
  gateway->carry_out(start("text"));
  EXPECT_EQ(next<event::RunNotTaken>().reason, "cannot start a process for the turn: No such file or directory");
  EXPECT_FALSE(std::filesystem::exists(turn_folder()));
}

TEST_F(CommandTest, IsDownWithoutItsProgram) {
  const auto reason = [&](const std::string& program) {
    const auto gateway = make(settings({program}));
    gateway->start();
    return next<event::GatewayDown>().reason;
  };
  EXPECT_EQ(reason("/nowhere/agent"), "gateway.command \"/nowhere/agent\": No such file or directory; install the program there, or correct the path");
  EXPECT_THAT(reason("no-such-agent"), StartsWith("gateway.command \"no-such-agent\": not found in PATH ("));
  std::ofstream(path("plain")) << "text";
  EXPECT_THAT(reason(path("plain").string()), HasSubstr("Permission denied; make it an executable file (chmod +x)"));
  EXPECT_THAT(reason(folder_.path().string()), HasSubstr("Is a directory"));
}

TEST_F(CommandTest, IsDownWithoutItsFolders) {
  auto with = settings({"/bin/cat"});
  with.workdir = path("work").string();
  const auto one = make(with);
  one->start();
  EXPECT_EQ(next<event::GatewayDown>().reason, "gateway.workdir \"" + path("work").string() + "\": No such file or directory; make the folder, or correct the path");
  with.workdir = folder_.path().string();
  with.turns = path("missing") / "turns";
  const auto two = make(with);
  two->start();
  EXPECT_THAT(next<event::GatewayDown>().reason, StartsWith("cannot make the folder"));
}

TEST_F(CommandTest, NoticesThatItsProgramIsGone) {
  const auto program = script("echo reply");
  const auto gateway = up(settings({program}));
  std::filesystem::remove(program);
  gateway->carry_out(start("text"));
  EXPECT_THAT(next<event::RunNotTaken>().reason, HasSubstr(program));
  EXPECT_THAT(next<event::GatewayDown>().reason, HasSubstr(program));
}

TEST_F(CommandTest, RejectsAnUnknownAgent) {
  const auto gateway = up(settings({"/bin/cat"}));
  gateway->carry_out(start("text", "01A", "nobody"));
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Rejected);
  EXPECT_EQ(outcome.error->message, "no agent \"nobody\" on this gateway; it has: jarvis, pepper");
}

TEST_F(CommandTest, ResolvesEverySessionOfItsAgents) {
  const auto gateway = up(settings({"/bin/cat"}));
  const auto resolve = [&](const std::string& agent, const std::string& session, const std::string& label) {
    gateway->carry_out(action::ResolveSession{{"macbook", "01A", 1}, agent, session, label});
    return next<event::SessionResolved>().session_key;
  };
  EXPECT_EQ(*resolve("jarvis", "agent:jarvis:any thing:\xC3\xBC", ""), "agent:jarvis:any thing:\xC3\xBC");
  EXPECT_EQ(resolve("jarvis", "agent:pepper:main", "").error().code, ErrorCode::UnknownSession);
  EXPECT_EQ(resolve("jarvis", "agent:jarvis:", "").error().code, ErrorCode::UnknownSession);
  EXPECT_EQ(resolve("jarvis", std::string("agent:jarvis:a\0b", 16), "").error().code, ErrorCode::UnknownSession);
  EXPECT_EQ(resolve("jarvis", "agent:jarvis:a\nb", "").error().code, ErrorCode::UnknownSession);
  EXPECT_THAT(resolve("jarvis", "", "daily").error().message, StartsWith("No session found with label: daily"));
  EXPECT_EQ(resolve("nobody", "agent:nobody:main", "").error().code, ErrorCode::UnknownAgent);
}

TEST(SupervisorOrder, IsReadBack) {
  SupervisorOrder order{.folder = "/a b",
                        .reply_bytes = 5,
                        .time_limit = std::chrono::hours(1),
                        .durable = true,
                        .workdir = "/",
                        .environment = {"A", "B"},
                        .argv = {"/bin/echo", "", "--", "x"}};
  EXPECT_EQ(supervisor_order(to_arguments(order)), order);
  order.environment.clear();
  EXPECT_EQ(supervisor_order(to_arguments(order)), order);
  auto arguments = to_arguments(order);
  arguments.resize(8);
  EXPECT_EQ(supervisor_order(arguments), std::nullopt) << "no program";
  arguments = to_arguments(order);
  arguments[7] = "99";
  EXPECT_EQ(supervisor_order(arguments), std::nullopt);
  arguments[2] = "many";
  EXPECT_EQ(supervisor_order(arguments), std::nullopt);
}

// ---- progress ----

TEST_F(CommandTest, TellsWhatIsPrintedWhileItRuns) {
  const auto first = fifo("first");
  const auto second = fifo("second");
  const auto gateway = up(settings({script("echo one; read x <" + first + "; echo two; read x <" + second + "; echo three")}));
  auto order = start("count");
  order.progress = true;
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  const auto told = next<event::RunProgress>();
  EXPECT_EQ(told.text, "one\n");
  EXPECT_EQ(told.run, order.run);
  release(first);
  EXPECT_EQ(next<event::RunProgress>().text, "one\ntwo\n");
  release(second);
  auto last = next_of<event::RunProgress, event::RunEnded>();  // the third line may be told before the end, or not
  if (std::holds_alternative<event::RunProgress>(last)) last = next<event::RunEnded>();
  EXPECT_EQ(std::get<event::RunEnded>(last).outcome.reply, "one\ntwo\nthree\n");
}

TEST_F(CommandTest, TellsNothingUnasked) {
  const auto hold = fifo("hold");
  const auto gateway = up(settings({script("echo one; read x <" + hold)}));
  gateway->carry_out(start("count"));
  (void)next<event::RunStarted>();
  release(hold);
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "one\n");
}

TEST_F(CommandTest, ALongOutputIsToldInPartAndRepliedInWhole) {
  const auto hold = fifo("hold");
  const auto gateway = up(settings({script("head -c 300000 /dev/zero | tr '\\0' x; read x <" + hold)}));
  auto order = start("a lot");
  order.progress = true;
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  const auto told = next<event::RunProgress>().text;
  EXPECT_EQ(told, std::string(told.size(), 'x'));
  release(hold);
  auto last = next_of<event::RunProgress, event::RunEnded>();
  while (const auto* more = std::get_if<event::RunProgress>(&last)) {
    EXPECT_LE(more->text.size(), kToldBytesMax);
    last = next_of<event::RunProgress, event::RunEnded>();
  }
  EXPECT_EQ(std::get<event::RunEnded>(last).outcome.reply.size(), 300'000U);
}

TEST(OutputSoFar, TellsWholeCharactersOnceEach) {
  OutputSoFar output;
  EXPECT_EQ(output.tell(), std::nullopt);
  output.add("caf\xC3");
  EXPECT_EQ(output.tell(), "caf");
  EXPECT_EQ(output.tell(), std::nullopt) << "nothing new";
  output.add("\xA9 ");
  EXPECT_EQ(output.tell(), "caf\xC3\xA9 ");
  output.add("x\xFFy");
  EXPECT_EQ(output.tell(), "caf\xC3\xA9 x") << "what follows is no text";
  output.add("z");
  EXPECT_EQ(output.tell(), std::nullopt);
}

TEST(OutputSoFar, KeepsTheBeginning) {
  OutputSoFar output;
  output.add(std::string(kToldBytesMax - 1, 'a'));
  output.add("bcd");
  output.add("e");
  EXPECT_EQ(output.tell(), std::string(kToldBytesMax - 1, 'a') + "b");
}

// ---- spawns and sessions ----

TEST_F(CommandTest, TheProgramLearnsWhatASpawnAsksFor) {
  const auto gateway = up(settings({script("echo \"$CLAW_SESSION $CLAW_LABEL $CLAW_MODEL $CLAW_THINKING\"")}));
  auto order = start("task");
  order.session_key = "agent:jarvis:claw:macbook:01s";
  order.new_session = true;
  order.label = "a\nb";
  order.model = "large";
  order.thinking = "low";
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "agent:jarvis:claw:macbook:01s a b large low\n");
}

TEST_F(CommandTest, EndsASpawnAtItsTimeLimit) {
  const auto gateway = up(settings({script("exec sleep 600")}));
  auto order = start("task");
  order.time_limit = std::chrono::seconds(1);
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  EXPECT_EQ(next<event::RunEnded>().outcome.error->code, ErrorCode::Timeout);
}

TEST_F(CommandTest, TellsWhichSessionsAreBusy) {
  const auto gate = fifo("gate");
  const auto gateway = up(settings({script("read line <" + gate)}));
  auto order = start("task");
  order.session_key = "agent:jarvis:work";
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  const auto read = [&](auto what) {
    gateway->carry_out(action::ReadSessions{.read = 7, .agents = {"jarvis"}, .rules = {}, .what = std::move(what), .bytes_max = 10'000});
    return next<event::SessionsRead>().listing;
  };
  EXPECT_EQ(*read(body::SessionsList{}),
            R"({"count":2,"hasMore":false,"nextOffset":null,"sessions":[)"
            R"({"agentId":"jarvis","channel":"unknown","hasActiveRun":false,"key":"agent:jarvis:main","kind":"main"},)"
            R"({"agentId":"jarvis","channel":"unknown","hasActiveRun":true,"key":"agent:jarvis:work","kind":"other"}]})");
  EXPECT_NE(read(body::SessionStatus{"agent:jarvis:work"})->find(R"("hasActiveRun":true)"), std::string::npos);
  EXPECT_NE(read(body::SessionStatus{"agent:jarvis:idle"})->find(R"("hasActiveRun":false)"), std::string::npos);
  EXPECT_EQ(read(body::SessionStatus{"agent:pepper:main"}).error().code, ErrorCode::Forbidden);
  EXPECT_EQ(read(body::SessionsHistory{}).error().code, ErrorCode::Unsupported);
  release(gate);
  (void)next<event::RunEnded>();
}

// ---- files ----

body::Attachment attached(const std::string& name, const std::string& bytes) {
  return {.name = name, .mime_type = "text/plain", .content = base64_encode(as_bytes(bytes)), .digest = {}};
}

TEST_F(CommandTest, TheProgramGetsTheFilesUnderSafeNames) {
  const auto gateway = up(settings({script("cd \"$CLAW_ATTACHMENTS\" && stat -c '%a %n' * && cat -- *")}));
  auto order = start("task");
  order.attachments = {attached("../../note.txt", "one "), attached("note.txt", "two "), attached("a b", "three")};
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.reply, "600 2-note.txt\n600 a_b\n600 note.txt\ntwo threeone ") << (outcome.error ? outcome.error->message : "");
}

TEST_F(CommandTest, HasNoFolderForFilesThatDidNotCome) {
  const auto gateway = up(settings({script("echo \"${CLAW_ATTACHMENTS-none}\"")}));
  EXPECT_EQ(run_to_end(*gateway, "text").reply, "none\n");
}

TEST_F(CommandTest, TheProgramsFilesGoWithItsReply) {
  const auto gateway = up(settings({script("cd \"$CLAW_REPLY_ATTACHMENTS\" && printf hello >report.md && printf x >'b c.bin'")}));
  const auto outcome = run_to_end(*gateway, "text");
  EXPECT_EQ(outcome.status, ReplyStatus::Ok);
  EXPECT_EQ(outcome.reply, "");
  ASSERT_EQ(outcome.attachments.size(), 2U);
  EXPECT_EQ(outcome.attachments[0].name, "b_c.bin");
  EXPECT_EQ(outcome.attachments[1].name, "report.md");
  EXPECT_EQ(outcome.attachments[1].mime_type, "text/markdown");
  EXPECT_EQ(outcome.attachments[1].content, "aGVsbG8=");
}

TEST_F(CommandTest, SaysWhichFilesDoNotGoWithAReply) {
  std::ofstream(path("secret")) << "secret";
  const auto gateway = up(settings({script("cd \"$CLAW_REPLY_ATTACHMENTS\" && ln -s '" + path("secret").string() +
                                           "' link && mkfifo pipe && mkdir folder && head -c 600000 /dev/zero >big && printf ok >small && echo done")}));
  const auto outcome = run_to_end(*gateway, "text");
  EXPECT_TRUE(outcome.truncated);
  EXPECT_EQ(outcome.reply,
            "done\n\n[not attached: big: it is too large beside the others]\n[not attached: folder: it is no file that can be read]"
            "\n[not attached: link: it is no file that can be read]\n[not attached: pipe: it is no file that can be read]");
  ASSERT_EQ(outcome.attachments.size(), 1U);
  EXPECT_EQ(outcome.attachments[0].name, "small");
}

TEST_F(CommandTest, SendsNoMoreFilesThanAMessageMayHold) {
  const auto gateway = up(settings({script("cd \"$CLAW_REPLY_ATTACHMENTS\" && i=10 && while [ $i -lt 40 ]; do echo >f$i; i=$((i+1)); done")}));
  const auto outcome = run_to_end(*gateway, "text");
  EXPECT_EQ(outcome.attachments.size(), kAttachmentsMax);
  EXPECT_EQ(outcome.reply, "[not attached: more than 16 files]");
}

}  // namespace
}  // namespace clawbridge::gateway
