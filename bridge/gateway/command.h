// The `command` kind of gateway: runs a program for each message, the text on its stdin, its stdout as the reply. So any
// agent with a command line joins.
//
// A turn outlives the bridge: a supervisor process of its own (supervisor.h) runs the program and writes the outcome into
// the turn's folder (turn_folder.h), which is all that is asked after a restart. What is never known twice is never run
// twice: one folder per idempotency key, claimed once.
//
// What the program prints while it runs is the reply so far, for askers that want to see it grow. It goes through a pipe of the
// turn and is kept nowhere: a restart of the bridge ends it, not the turn.
//
// Sessions: any `agent:<id>:<name>` of a configured agent, which the program gets as CLAW_SESSION; what a session is, is the
// program's business. One turn of a session at a time, several sessions in parallel: the core sees to it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/gateway/gateway.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::gateway {

struct CommandSettings {
  std::string gateway;                    // this gateway's name; the program gets it as CLAW_GATEWAY
  std::vector<std::string> agents;
  std::vector<std::string> argv;          // argv[0]: a path, or a name that is looked for in PATH; nothing of it is ever made from a message
  std::string workdir;
  std::vector<std::string> environment;   // names of variables that the program gets beside the usual ones
  std::uint64_t reply_bytes = 1'048'576;  // of stdout; what is beyond is cut off, and the reply says `truncated`
  std::chrono::milliseconds time_limit{0};  // 0: none
  bool durable = false;                   // outcomes survive a loss of power
  std::filesystem::path turns;            // the folder of all turns
  std::filesystem::path self;             // the program that carries out kSuperviseCommand
};

class Command final : public Gateway {
 public:
  /// Touches nothing before start(). `io` must outlive this.
  Command(asio::io_context& io, CommandSettings settings, core::EventSink sink);
  ~Command() override;

  /// Up when program and working directory are there; otherwise down, and looked for every few seconds.
  void start() override;
  void carry_out(const core::action::ResolveSession& order) override;
  void carry_out(const core::action::StartRun& order) override;
  /// TERM to the program's process group, KILL after 5 s.
  void carry_out(const core::action::AbortRun& order) override;
  void carry_out(const core::action::RecoverRun& order) override;
  void carry_out(const core::action::ReadSessions& order) override;
  void carry_out(const core::action::ForgetRun& order) override;
  /// The turns go on; after the next start they are recovered.
  void stop() override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace clawbridge::gateway
