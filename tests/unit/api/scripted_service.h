// The server's caller-supplied dependency, played by the test: it keeps every call, and the test answers when it likes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bridge/core/service.h"

namespace clawbridge::api {

class ScriptedService : public core::Service {
 public:
  using Progress = std::function<void(const std::string&)>;
  using Watcher = std::function<void(const core::action::Note&)>;
  struct Send {
    core::event::LocalSend event;
    std::function<void(core::SendResult)> done;
    Progress progress;
  };
  struct Spawn {
    core::event::LocalSpawn event;
    std::function<void(core::SendResult)> done;
  };
  struct Wait {
    core::event::LocalWait event;
    std::function<void(core::SendResult)> done;
  };
  struct Ask {
    core::event::LocalAsk event;
    std::function<void(core::AskResult)> done;
  };
  struct Trust {
    core::event::LocalTrust event;
    std::function<void(core::TrustResult)> done;
  };

  struct Stop {
    core::event::LocalCancel event;
    std::function<void(core::CancelResult)> done;
  };
  struct Replay {
    core::event::LocalReplay event;
    std::function<void(core::SendResult)> done;
  };
  struct Drop {
    core::event::LocalDrop event;
    std::function<void(core::SendResult)> done;
  };

  core::Ticket send(core::event::LocalSend request, std::function<void(core::SendResult)> done, Progress progress) override {
    sends.push_back({std::move(request), std::move(done), std::move(progress)});
    sends.back().event.ticket = ++tickets;
    if (on_send) on_send(sends.back());
    return tickets;
  }
  core::Ticket spawn(core::event::LocalSpawn request, std::function<void(core::SendResult)> done, Progress) override {
    spawns.push_back({std::move(request), std::move(done)});
    if (on_spawn) on_spawn(spawns.back());
    return ++tickets;
  }
  core::Ticket wait(core::event::LocalWait request, std::function<void(core::SendResult)> done) override {
    waits.push_back({std::move(request), std::move(done)});
    if (on_wait) on_wait(waits.back());
    return ++tickets;
  }
  core::Ticket stop(core::event::LocalCancel request, std::function<void(core::CancelResult)> done) override {
    stops.push_back({std::move(request), std::move(done)});
    if (on_stop) on_stop(stops.back());
    return ++tickets;
  }
  core::Ticket replay(core::event::LocalReplay request, std::function<void(core::SendResult)> done) override {
    replays.push_back({std::move(request), std::move(done)});
    if (on_replay) on_replay(replays.back());
    return ++tickets;
  }
  core::Ticket drop(core::event::LocalDrop request, std::function<void(core::SendResult)> done) override {
    drops.push_back({std::move(request), std::move(done)});
    if (on_drop) on_drop(drops.back());
    return ++tickets;
  }
  core::Ticket ask(core::event::LocalAsk request, std::function<void(core::AskResult)> done) override {
    asks.push_back({std::move(request), std::move(done)});
    asks.back().event.ticket = ++tickets;
    if (on_ask) on_ask(asks.back());
    return tickets;
  }
  core::Ticket trust(core::event::LocalTrust request, std::function<void(core::TrustResult)> done) override {
    trusts.push_back({std::move(request), std::move(done)});
    if (on_trust) on_trust(trusts.back());
    return ++tickets;
  }
  core::Ticket revoke(core::event::LocalRevoke request, std::function<void(core::TrustResult)> done) override {
    revokes.push_back({std::move(request), std::move(done)});
    return ++tickets;
  }
  void cancel(core::Ticket ticket) override { cancelled.push_back(ticket); }
  std::uint64_t watch(Watcher see) override {
    watchers.emplace(++watched, std::move(see));
    if (on_watch) on_watch();
    return watched;
  }
  void unwatch(std::uint64_t watcher) override { watchers.erase(watcher); }
  /// As the runtime does: a watcher may leave while it is told.
  void tell(const core::action::Note& note) {
    for (const auto& [watcher, see] : std::map(watchers)) see(note);
  }

  core::StatusView status() override { return status_view; }
  std::vector<core::PeerView> peers() override { return peer_views; }
  std::vector<core::AgentView> agents() override { return agent_views; }
  std::optional<core::ExchangeView> exchange(std::string_view id) override {
    const auto found = exchange_views.find(std::string(id));
    return found == exchange_views.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<core::ExchangeView> exchanges(std::size_t limit) override {
    std::vector<core::ExchangeView> newest;
    for (const auto& [id, view] : exchange_views) {
      if (newest.size() < limit) newest.push_back(view);
    }
    return newest;
  }

  std::vector<core::ExchangeView> dead(std::size_t limit) override {
    auto views = dead_views;
    if (views.size() > limit) views.resize(limit);
    return views;
  }

  // What was called. The hooks run inside the call; an answer must come later, so they post it.
  std::vector<Send> sends;
  std::vector<Spawn> spawns;
  std::vector<Wait> waits;
  std::vector<Ask> asks;
  std::vector<Trust> trusts;
  std::vector<Stop> stops;
  std::vector<Replay> replays;
  std::vector<Drop> drops;
  std::function<void(Stop&)> on_stop;
  std::function<void(Replay&)> on_replay;
  std::function<void(Drop&)> on_drop;
  std::vector<core::ExchangeView> dead_views;
  struct Revoke {
    core::event::LocalRevoke event;
    std::function<void(core::TrustResult)> done;
  };
  std::vector<Revoke> revokes;
  std::vector<core::Ticket> cancelled;
  std::function<void(Send&)> on_send;
  std::function<void(Spawn&)> on_spawn;
  std::function<void(Wait&)> on_wait;
  std::function<void(Ask&)> on_ask;
  std::function<void(Trust&)> on_trust;
  core::Ticket tickets = 0;
  std::map<std::uint64_t, Watcher> watchers;
  std::uint64_t watched = 0;
  std::function<void()> on_watch;

  // What is shown.
  core::StatusView status_view;
  std::vector<core::PeerView> peer_views;
  std::vector<core::AgentView> agent_views;
  std::map<std::string, core::ExchangeView, std::greater<>> exchange_views;
};

}  // namespace clawbridge::api
