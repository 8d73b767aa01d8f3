// A world in which an agent asks, not a person: main on macbook, of jarvis and pepper on imac.
#pragma once

#include "world.h"

namespace clawbridge::core {

class AgentWorld : public World {
 protected:
  void allow(std::vector<Operation> operations) {
    PolicyRule rule;
    rule.from = {"macbook/main"};
    rule.to = {"jarvis"};
    rule.allow = std::move(operations);
    imac.options().policy.push_back(std::move(rule));
    imac.boot(now);
  }

  /// main's own `sessions_send` to jarvis.
  event::LocalSend to_jarvis(std::string message, std::chrono::milliseconds wait) {
    event::LocalSend send;
    send.ticket = ++last_ticket_;
    send.caller_agent = "main";
    send.caller_session = "agent:main:desk";
    send.gateway = "imac";
    send.agent = "jarvis";
    send.message = std::move(message);
    send.wait = wait;
    return send;
  }

  event::LocalSpawn spawn_at_jarvis(std::string task, std::chrono::milliseconds wait = std::chrono::seconds{30}) {
    event::LocalSpawn spawn;
    spawn.ticket = ++last_ticket_;
    spawn.caller_agent = "main";
    spawn.caller_session = "agent:main:desk";
    spawn.gateway = "imac";
    spawn.agent = "jarvis";
    spawn.spawn.task = std::move(task);
    spawn.wait = wait;
    return spawn;
  }

  /// Has it done at macbook, and everything that follows at both.
  Ticket ask(event::LocalSend send) {
    const auto ticket = send.ticket;
    macbook.step(now, std::move(send));
    settle();
    return ticket;
  }
  Ticket ask(event::LocalSpawn spawn) {
    const auto ticket = spawn.ticket;
    macbook.step(now, std::move(spawn));
    settle();
    return ticket;
  }

  /// The one turn that was ordered of a gateway.
  action::StartRun only_run(Node& node) {
    const auto runs = node.take<action::StartRun>();
    EXPECT_EQ(runs.size(), 1U);
    return runs.empty() ? action::StartRun{} : runs.front();
  }

  Ticket last_ticket_ = 5'000;
};

}  // namespace clawbridge::core
