// The daemon as a process, played by the test.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bridge/core/host.h"

namespace clawbridge::api {

class ScriptedHost : public core::Host {
 public:
  std::string metrics(const core::StatusView& status) override {
    return "clawbridge_test{state=\"" + status.state + "\"} 1\n";
  }
  std::vector<core::TroubleView> troubles() override { return trouble_views; }
  core::SettingsView settings() override { return settings_view; }
  void reload(std::function<void(core::ReloadResult)> done) override {
    reloads.push_back(std::move(done));
    if (on_reload) on_reload(reloads.back());
  }

  std::vector<core::TroubleView> trouble_views;
  core::SettingsView settings_view;
  std::vector<std::function<void(core::ReloadResult)>> reloads;
  std::function<void(const std::function<void(core::ReloadResult)>&)> on_reload;
};

}  // namespace clawbridge::api
