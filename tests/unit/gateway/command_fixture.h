// A command gateway on an io_context that the test turns by hand, with real programs: scripts that the test writes, held and
// let go by FIFOs, so that nothing waits for a time.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bridge/gateway/command.h"
#include "bridge/gateway/descriptor.h"
#include "bridge/gateway/machine.h"
#include "bridge/gateway/program.h"
#include "temporary_folder.h"

namespace clawbridge::gateway {

class CommandTest : public testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

  /// An executable shell script.
  std::string script(const std::string& body, const std::string& name = "program") {
    // Renamed into place: a file that somebody still writes to cannot be run.
    std::ofstream(path(name + ".new")) << "#!/bin/sh\n" << body << "\n";
    ::chmod(path(name + ".new").c_str(), 0700);
    std::filesystem::rename(path(name + ".new"), path(name));
    return path(name).string();
  }
  std::string fifo(const std::string& name) {
    EXPECT_EQ(::mkfifo(path(name).c_str(), 0600), 0);
    return path(name).string();
  }
  /// Waits until somebody opens the FIFO for reading, and lets them go on.
  static void release(const std::string& fifo, const std::string& line = "go") { std::ofstream(fifo) << line << "\n"; }
  /// What is written to the FIFO until everybody has closed it.
  static std::string read_to_end(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  CommandSettings settings(std::vector<std::string> argv) {
    CommandSettings made;
    made.gateway = "imac";
    made.agents = {"jarvis", "pepper"};
    made.argv = std::move(argv);
    made.workdir = folder_.path().string();
    made.turns = path("turns");
    made.self = own_program();
    return made;
  }
  std::unique_ptr<Command> make(CommandSettings settings) {
    return std::make_unique<Command>(io_, std::move(settings), [this](core::Event event) { events_.push_back(std::move(event)); });
  }
  /// Makes one, and takes its GatewayUp.
  std::unique_ptr<Command> up(CommandSettings settings) {
    auto gateway = make(std::move(settings));
    gateway->start();
    boot_id_ = next<core::event::GatewayUp>().boot_id;
    return gateway;
  }

  /// The next event; waits for it.
  core::Event next_event() {
    while (events_.empty()) {
      io_.restart();
      io_.run_one();
    }
    auto event = std::move(events_.front());
    events_.erase(events_.begin());
    return event;
  }
  /// The same, which must be of one of these kinds.
  template <class... Kinds>
  std::variant<Kinds...> next_of() {
    std::optional<std::variant<Kinds...>> one;
    std::visit([&](auto&& event) {
      if constexpr ((std::is_same_v<std::decay_t<decltype(event)>, Kinds> || ...)) one.emplace(std::move(event));
    }, next_event());
    if (!one) throw std::runtime_error("another event came");
    return std::move(*one);
  }
  /// The same, which must be of that kind.
  template <class Kind>
  Kind next() {
    auto event = next_event();
    auto* kind = std::get_if<Kind>(&event);
    if (kind == nullptr) {
      if (const auto* lost = std::get_if<core::event::RunNotTaken>(&event)) ADD_FAILURE() << "not taken: " << lost->reason;
      if (const auto* down = std::get_if<core::event::GatewayDown>(&event)) ADD_FAILURE() << "down: " << down->reason;
      throw std::runtime_error("another event came, number " + std::to_string(event.index()));
    }
    return std::move(*kind);
  }
  /// What is due now, without waiting.
  std::vector<core::Event> poll() {
    io_.restart();
    io_.poll();
    return std::exchange(events_, {});
  }
  body::Reply run_to_end(Command& gateway, const std::string& text, const std::string& id = "01A") {
    gateway.carry_out(start(text, id));
    EXPECT_EQ(next<core::event::RunStarted>().run_id, key(id));
    return next<core::event::RunEnded>().outcome;
  }

  static std::string key(const std::string& id) { return "claw:macbook:" + id + ":1"; }
  static core::action::StartRun start(const std::string& text, const std::string& id = "01A", const std::string& agent = "jarvis") {
    core::action::StartRun order;
    order.run = {"macbook", id, 1};
    order.idempotency_key = key(id);
    order.agent = agent;
    order.session_key = "agent:" + agent + ":main";
    order.text = text;
    order.source_session = "macbook/main";
    order.source_channel = "mqtt:" + id;
    return order;
  }
  static core::action::AbortRun abort(const std::string& id = "01A") {
    return {.run = {"macbook", id, 1}, .idempotency_key = key(id), .agent = "jarvis", .session_key = "agent:jarvis:main"};
  }
  core::action::RecoverRun recover(const std::string& id = "01A") const {
    return {.run = {"macbook", id, 1},
            .idempotency_key = key(id),
            .agent = "jarvis",
            .session_key = "agent:jarvis:main",
            .source_channel = "mqtt:" + id,
            .text = "hello",
            .boot_id = boot_id_,
            .handed_over = {}};
  }

  std::filesystem::path turn_folder(const std::string& id = "01A") const { return path("turns") / key(id); }
  /// The supervisor of a turn that has been claimed.
  pid_t supervisor_of(const std::string& id = "01A") const {
    const auto claim = std::filesystem::read_symlink(turn_folder(id) / "claimed").string();
    return static_cast<pid_t>(std::stoi(claim.substr(claim.rfind(' ') + 1)));
  }
  /// Waits until the supervisor of a turn is gone. It may be gone already: then nobody would ever open the other end.
  void wait_for_supervisor(const std::string& id = "01A") {
    const Descriptor alive(::open((turn_folder(id) / "alive").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(alive.is_open());
    ::fcntl(alive.get(), F_SETFL, 0);
    std::array<char, 16> signs{};
    ssize_t count = 0;
    do {
      count = ::read(alive.get(), signs.data(), signs.size());
    } while (count > 0 || (count < 0 && errno == EINTR));
  }

  asio::io_context io_;
  std::vector<core::Event> events_;
  std::string boot_id_;
  TemporaryFolder folder_;
};

}  // namespace clawbridge::gateway
