#include "bridge/setup/settings_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "bridge/setup/texts.h"
#include "config/settings.h"

namespace clawbridge::setup {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kExample =
    "# An example.\n"
    "\n"
    "gateway:\n"
    "  # Its name.\n"
    "#  name: imac\n"
    "  kind: openclaw # or echo\n"
    "\n"
    "trust:\n"
    "#  join: \"x\"\n"
    "  kind: other\n";

TEST(SettingsText, SwitchesOnReplacesAndAdds) {
  EXPECT_EQ(settings_text(kExample, "# Mine.\n",
                          {{"gateway", "name", "\"a\""}, {"gateway", "kind", "echo"}, {"trust", "seal", "off"}}),
            "# Mine.\n"
            "\n"
            "gateway:\n"
            "  # Its name.\n"
            "  name: \"a\"\n"
            "  kind: echo # or echo\n"
            "\n"
            "trust:\n"
            "  seal: off\n"
            "#  join: \"x\"\n"
            "  kind: other\n");
}

TEST(SettingsText, TextsStayTexts) {
  EXPECT_EQ(yaml_text("a\"b\\c\n"), R"("a\"b\\c\n")");
  EXPECT_EQ(yaml_text("${file:x} $y"), R"("$${file:x} $y")");
  EXPECT_EQ(yaml_file("/a b"), R"("${file:/a b}")");
  EXPECT_EQ(yaml_list({"a", "b, c"}), R"(["a", "b, c"])");
}

/// The real example, with everything that init writes, as the daemon reads it.
TEST(SettingsText, OfTheRealExampleLoads) {
  const auto example = embedded_text("config/clawbridge.example.yaml");
  const std::string odd = "/home/a \"b\" ${c}: # é/";
  const auto text = settings_text(example, "# head\n",
                                  {{"gateway", "name", yaml_text("macbook")},
                                   {"gateway", "kind", "command"},
                                   {"gateway", "agents", yaml_list({"helper", "other"})},
                                   {"gateway", "command", yaml_list({"/usr/bin/my agent", "--x=${y}", ""})},
                                   {"broker", "url", yaml_text("mqtts://hub.example")},
                                   {"broker", "username", yaml_text("mac book")},
                                   {"broker", "password", yaml_file("/secret/password")},
                                   {"broker", "ca", yaml_text(odd)},
                                   {"trust", "join", yaml_file("/secret/join")},
                                   {"store", "path", yaml_text("/state/journal.db")},
                                   {"api", "socket", yaml_text("/run/claw.sock")}});
  EXPECT_THAT(text, StartsWith("# head\n"));
  EXPECT_THAT(text, Not(HasSubstr("an example. Copy it")));
  config::Environment machine;
  machine.home = "/home/ada";
  machine.host_name = "host";
  machine.variable = [](const std::string&) { return std::nullopt; };
  machine.variable_names = [] { return std::vector<std::string>{}; };
  machine.read_file = [&](const std::string& path) -> config::FileText {
    if (path == "/s.yaml") return {text, 0};
    if (path == "/secret/password") return {"p#w\n", 0};
    if (path == "/secret/join") return {"AAECAwQFBgcICQoLDA0ODw\n", 0};
    return {std::nullopt, ENOENT};
  };
  const auto settings = config::load("/s.yaml", machine);
  EXPECT_EQ(settings.gateway.name, "macbook");
  EXPECT_EQ(settings.gateway.agents, (std::vector<std::string>{"helper", "other"}));
  EXPECT_EQ(settings.gateway.command, (std::vector<std::string>{"/usr/bin/my agent", "--x=${y}", ""}));
  EXPECT_EQ(settings.broker.url, "mqtts://hub.example");
  EXPECT_EQ(settings.broker.username, "mac book");
  EXPECT_EQ(settings.broker.password.reveal(), "p#w");
  EXPECT_EQ(settings.broker.ca, odd);
  EXPECT_EQ(settings.trust.join.reveal().size(), 16U);
  EXPECT_EQ(settings.store.path, "/state/journal.db");
  EXPECT_EQ(settings.api.socket, "/run/claw.sock");
}

}  // namespace
}  // namespace clawbridge::setup
