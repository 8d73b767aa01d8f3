// Where a client finds the daemon's socket and keys.
#include "bridge/cli/local_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/settings.h"
#include "test_environment.h"

namespace clawbridge::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kDefaultFile = "/home/ada/.config/clawbridge/clawbridge.yaml";

TEST(LocalPaths, HaveTheDaemonsDefaults) {
  TestMachine machine;
  const LocalPaths paths = find_local_paths({}, machine.environment());
  EXPECT_EQ(paths.socket, "/run/user/1000/clawbridge.sock");
  EXPECT_EQ(paths.keys, "/home/ada/.local/state/clawbridge/keys.json");
  machine.variables.clear();
  EXPECT_EQ(find_local_paths({}, machine.environment()).socket, "/home/ada/.local/state/clawbridge/clawbridge.sock");
}

TEST(LocalPaths, ComeFromTheSettings) {
  TestMachine machine;
  machine.files[kDefaultFile] =
      "version: 1\nstore: { path: \"~/j/journal.db\" }\napi: { socket: \"${env:XDG_RUNTIME_DIR}/mine.sock\" }\n";
  machine.files["/other.yaml"] = "version: 1\napi: { socket: /tmp/other.sock }\n";
  EXPECT_EQ(find_local_paths({}, machine.environment()).socket, "/run/user/1000/mine.sock");
  EXPECT_EQ(find_local_paths({}, machine.environment()).keys, "/home/ada/j/keys.json");
  EXPECT_EQ(find_local_paths("/other.yaml", machine.environment()).socket, "/tmp/other.sock");
  machine.variables["CLAWBRIDGE_API_SOCKET"] = "/tmp/variable.sock";
  EXPECT_EQ(find_local_paths("/other.yaml", machine.environment()).socket, "/tmp/variable.sock");
}

TEST(LocalPaths, DoNotNeedTheSecrets) {
  TestMachine machine;
  machine.files[kDefaultFile] =
      "version: 1\ngateway: { name: imac, url: \"ws://127.0.0.1:18789\", token: \"${env:NOT_SET}\" }\n"
      "broker: { url: \"mqtts://hub.example:8883\", password: \"${file:/missing}\" }\ntrust: { join: "
      "\"${command:missing}\" }\n"
      "api: { socket: /tmp/a.sock }\n";
  EXPECT_EQ(find_local_paths({}, machine.environment()).socket, "/tmp/a.sock");
}

TEST(LocalPaths, NameThePlaceOfAMistake) {
  TestMachine machine;
  machine.files["/a.yaml"] = "version: 1\napi: { socket: \"${env:NOT_SET}/a.sock\" }\n";
  try {
    (void)find_local_paths("/a.yaml", machine.environment());
    FAIL() << "should be refused";
  } catch (const config::SettingsError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/a.yaml:2: "));
    EXPECT_THAT(error.what(), HasSubstr("NOT_SET"));
  }
  EXPECT_THROW((void)find_local_paths("/missing.yaml", machine.environment()), config::SettingsError);
}

}  // namespace
}  // namespace clawbridge::cli
