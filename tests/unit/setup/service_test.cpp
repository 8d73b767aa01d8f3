#include "bridge/setup/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/setup/texts.h"

namespace clawbridge::setup {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

ServiceWish wish() {
  ServiceWish wish;
  wish.program = "/opt/a b/clawbridge";
  wish.config = "/home/ada/100%/$x \"y\".yaml";
  wish.path = "/usr/bin:/home/ada/$n&m/bin";
  wish.home = "/home/ada";
  wish.config_home = "/home/ada/.config";
  wish.state = "/home/ada/state<1>";
  wish.user = 501;
  return wish;
}

TEST(Service, OfAUserIsAUnitOfTheirs) {
  const auto service =
      make_service(ServiceManager::SystemdUser, wish(), embedded_text("packaging/clawbridge-user.service.in"));
  EXPECT_EQ(service.file, "/home/ada/.config/systemd/user/clawbridge.service");
  EXPECT_THAT(service.text, HasSubstr("Type=notify\n"));
  EXPECT_THAT(service.text,
              HasSubstr("ExecStart=\"/opt/a b/clawbridge\" run --config \"/home/ada/100%%/$$x \\\"y\\\".yaml\"\n"));
  EXPECT_THAT(service.text, HasSubstr(" --config " + service.config + "\n"));
  EXPECT_THAT(service.text, HasSubstr("Environment=\"PATH=/usr/bin:/home/ada/$n&m/bin\"\n"));
  EXPECT_THAT(service.text, Not(HasSubstr("@")));
  EXPECT_THAT(service.install.at(1).command, ElementsAre("systemctl", "--user", "enable", "clawbridge.service"));
  EXPECT_THAT(service.uninstall.at(0).command,
              ElementsAre("systemctl", "--user", "disable", "--now", "clawbridge.service"));
}

TEST(Service, OfTheMachineRunsAsAnotherUserWithLittle) {
  auto wanted = wish();
  wanted.program = "/usr/bin/clawbridge";
  const auto service =
      make_service(ServiceManager::SystemdSystem, wanted, embedded_text("packaging/clawbridge.service.in"));
  EXPECT_EQ(service.file, "/etc/systemd/system/clawbridge.service");
  for (const char* line :
       {"ExecStart=/usr/bin/clawbridge run --config /etc/clawbridge/clawbridge.yaml\n", "User=clawbridge\n",
        "NoNewPrivileges=yes\n", "ProtectSystem=strict\n", "CapabilityBoundingSet=\n", "KillMode=process\n"}) {
    EXPECT_THAT(service.text, HasSubstr(line));
  }
  EXPECT_THAT(service.install.at(0).command, ElementsAre("systemctl", "daemon-reload"));
}

TEST(Service, OfLaunchdIsAnAgent) {
  const auto service = make_service(ServiceManager::Launchd, wish(), embedded_text("packaging/clawbridge.plist.in"));
  EXPECT_EQ(service.file, "/home/ada/Library/LaunchAgents/clawbridge.plist");
  EXPECT_THAT(service.text, HasSubstr(service.config));
  EXPECT_THAT(service.text, HasSubstr("<string>/home/ada/100%/$x \"y\".yaml</string>"));
  EXPECT_THAT(service.text, HasSubstr("<string>/usr/bin:/home/ada/$n&amp;m/bin</string>"));
  EXPECT_THAT(service.text, HasSubstr("<string>/home/ada/state&lt;1&gt;/clawbridge.log</string>"));
  EXPECT_THAT(service.text, Not(HasSubstr("@")));
  EXPECT_THAT(service.install.back().command, ElementsAre("launchctl", "bootstrap", "gui/501", service.file));
  EXPECT_TRUE(service.install.front().may_fail);
}

TEST(Service, StateIsReadFromWhatTheManagerPrints) {
  EXPECT_EQ(service_state(ServiceManager::SystemdUser, "ActiveState=active\nStatusText=imac serves\n"),
            "active: imac serves");
  EXPECT_EQ(service_state(ServiceManager::SystemdUser, "StatusText=\nActiveState=failed\n"), "failed");
  EXPECT_EQ(service_state(ServiceManager::SystemdUser, ""), "unknown");
  EXPECT_EQ(service_state(ServiceManager::Launchd, "gui/501/clawbridge = {\n\tstate = running\n}\n"), "active");
  EXPECT_EQ(service_state(ServiceManager::Launchd, "\tstate = not running\n"), "not running");
}

}  // namespace
}  // namespace clawbridge::setup
