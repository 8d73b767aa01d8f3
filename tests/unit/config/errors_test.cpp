// Every way in which settings can be wrong, and the exact line the user gets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/nearest.h"
#include "machine.h"

namespace clawbridge::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string error_of(const std::string& yaml) {
  return Machine{}.error(yaml);
}

std::string error_of_variable(const std::string& name, const std::string& value) {
  Machine machine;
  machine.variables[name] = value;
  return machine.error("");
}

TEST(Errors, NameTheNearestKey) {
  EXPECT_EQ(error_of("version: 1\nbroker:\n  url: mqtt://x\n  usrname: imac\n"),
            "clawbridge.yaml:4: unknown key \"broker.usrname\"; did you mean \"broker.username\"?");
  EXPECT_EQ(error_of("gatway: { name: x }"), "clawbridge.yaml:1: unknown key \"gatway\"; did you mean \"gateway\"?");
  EXPECT_EQ(error_of("store:\n  durabilty: power"),
            "clawbridge.yaml:2: unknown key \"store.durabilty\"; did you mean \"store.durability\"?");
}

TEST(Errors, FindAKeyThatStandsInTheWrongSection) {
  EXPECT_EQ(error_of("password: x"), "clawbridge.yaml:1: unknown key \"password\"; did you mean \"broker.password\"?");
  EXPECT_EQ(error_of("gateway: { durability: power }"),
            "clawbridge.yaml:1: unknown key \"gateway.durability\"; did you mean \"store.durability\"?");
}

TEST(Errors, SuggestNothingFarFetched) {
  EXPECT_EQ(error_of("zzzzzzzz: 1"), "clawbridge.yaml:1: unknown key \"zzzzzzzz\"; SETTINGS.md lists all keys");
  EXPECT_EQ(error_of("peers: { macbook: { colour_of_the_machine: red } }"),
            "clawbridge.yaml:1: unknown key \"peers.macbook.colour_of_the_machine\"; SETTINGS.md lists all keys");
}

TEST(Errors, OfACommandGatewayNameWhatIsMissing) {
  const std::string needs = "gateway.kind command needs a program, as in \"command: [/usr/bin/my-agent, --flag]\"";
  EXPECT_EQ(error_of("gateway: { kind: command }"), "clawbridge.yaml:1: " + needs);
  EXPECT_EQ(error_of("gateway:\n  kind: command\n  command: []"), "clawbridge.yaml:3: " + needs);
  EXPECT_EQ(error_of("gateway:\n  kind: command\n  command: [\"\", x]"), "clawbridge.yaml:3: " + needs);
  EXPECT_EQ(error_of("gateway:\n  kind: command\n  command: /bin/cat"),
            "clawbridge.yaml:3: gateway.command must be a list, as in \"[jarvis, pepper]\"");
  EXPECT_EQ(error_of("gateway:\n  kind: command\n  command: [./agent]"),
            "clawbridge.yaml:3: gateway.command begins with \"./agent\"; write the whole path, from the first /, or the name alone to look for it in "
            "PATH");
  EXPECT_THAT(error_of("gateway:\n  kind: command\n  command: [\"a\\0b\"]"), HasSubstr("without NUL"));
  EXPECT_THAT(error_of("gateway: { kind: command, command: [cat], environment: [A=b] }"), HasSubstr("allowed: a list of different names, each the name of"));
  EXPECT_THAT(error_of("gateway: { kind: command, command: [cat], environment: [CLAW_FROM] }"), HasSubstr("gateway.environment is \"CLAW_FROM\""));
  EXPECT_THAT(error_of("gateway: { kind: command, command: [cat], time_limit: 0s }"), HasSubstr("1s to 365d"));
  EXPECT_EQ(error_of("gateway: { kind: command, comand: [cat] }"),
            "clawbridge.yaml:1: unknown key \"gateway.comand\"; did you mean \"gateway.command\"?");
}

TEST(Errors, KeepKeysToTheirKindOfGateway) {
  EXPECT_EQ(error_of("gateway: { agents: [main] }"), "clawbridge.yaml:1: gateway.agents is for gateway.kind echo or command only; remove it");
  EXPECT_EQ(error_of("gateway: { kind: echo, agents: [main] }"), "");
  EXPECT_EQ(error_of("gateway: { kind: command, command: [cat], agents: [main] }"), "");
  for (const std::string key : {"command: [cat]", "workdir: /", "environment: [A]", "reply_bytes: 1", "time_limit: 1s"}) {
    EXPECT_EQ(error_of("gateway: { kind: echo, " + key + " }"),
              "clawbridge.yaml:1: gateway." + key.substr(0, key.find(':')) + " is for gateway.kind command only; remove it");
  }
  EXPECT_EQ(error_of("gateway: { kind: command, command: [cat], delay: 1s }"), "clawbridge.yaml:1: gateway.delay is for gateway.kind echo only; remove it");
}

TEST(Errors, OfPolicyRulesNameTheLineAndWhatIsMissing) {
  EXPECT_EQ(error_of("policy: x"), "clawbridge.yaml:1: policy must be a list, each item beginning with \"- \"");
  EXPECT_EQ(error_of("policy:\n  - x"), "clawbridge.yaml:2: item 1 of policy must have keys, as in \"- { to: jarvis }\"");
  EXPECT_EQ(error_of("policy:\n  - { to: jarvis, allow: ping }"),
            "clawbridge.yaml:2: policy.1 has no from; a rule says from, to and allow (or deny)");
  EXPECT_EQ(error_of("policy:\n  - { from: \"*\", to: jarvis, allow: ping }\n  - from: a/b\n    to: jarvis"),
            "clawbridge.yaml:3: policy.2 has no allow or deny; a rule says from, to and allow (or deny)");
  EXPECT_EQ(error_of("policy:\n  - { from: \"*\", to: jarvis, allow: ping, deny: ping }"),
            "clawbridge.yaml:2: policy.1 both allows and denies ping; remove one");
  EXPECT_EQ(error_of("policy:\n  - { from: \"*\", to: jarvis, alow: ping }"),
            "clawbridge.yaml:2: unknown key \"policy.1.alow\"; did you mean \"policy.1.allow\"?");
  EXPECT_EQ(error_of("policy:\n  - { from: macbook, to: jarvis, allow: ping }"),
            "clawbridge.yaml:2: policy.1.from is \"macbook\"; allowed: a list of different names, each GATEWAY/AGENT, in which * is any "
            "run of characters");
  EXPECT_EQ(error_of("policy:\n  - { from: \"*\", to: jarvis, allow: sessions_sent }"),
            "clawbridge.yaml:2: policy.1.allow is \"sessions_sent\"; allowed: a list of different names, each an operation, or *");
}

TEST(Errors, OfPlainClientsNameWhatWouldBeOpen) {
  EXPECT_EQ(error_of("plain_clients: [ { to: jarvis } ]"), "clawbridge.yaml:1: plain_clients.1 needs to and reply_topics");
  EXPECT_EQ(error_of("plain_clients: [ { to: jarvis, reply_topics: claw/me } ]"),
            "clawbridge.yaml:1: reply topic claw/me lies below broker.base, where only bridges speak; name another");
  for (const std::string filter : {"#", "+/x", "$SYS/x", "a//b", "a/#/b", "a+"}) {
    EXPECT_NE(error_of("plain_clients: [ { to: jarvis, reply_topics: \"" + filter + "\" } ]"), "") << filter;
  }
  EXPECT_EQ(error_of("plain_clients: [ { to: jarvis, reply_topics: me/# } ]\ntrust: { seal: always }"),
            "clawbridge.yaml:1: plain_clients are readable, and trust.seal is always; remove one of the two");
}

TEST(Errors, SayWhatIsAllowed) {
  EXPECT_EQ(error_of("version: 2"), "clawbridge.yaml:1: version is \"2\"; allowed: 1");
  EXPECT_EQ(error_of("log:\n\n  level: loud"),
            "clawbridge.yaml:3: log.level is \"loud\"; allowed: debug, info, warn, error");
  EXPECT_EQ(error_of("broker: { insecure: yes }"),
            "clawbridge.yaml:1: broker.insecure is \"yes\"; allowed: true, false");
  EXPECT_EQ(error_of("limits: { runs: 0 }"),
            "clawbridge.yaml:1: limits.runs is \"0\"; allowed: a whole number from 1 to 1024");
  EXPECT_EQ(error_of("limits: { runs: many }"),
            "clawbridge.yaml:1: limits.runs is \"many\"; allowed: a whole number from 1 to 1024");
  EXPECT_EQ(error_of("store: { keep: 7 days }"),
            "clawbridge.yaml:1: store.keep is \"7 days\"; allowed: 1h to 365d, written as a whole number and ms, s, m, "
            "h or d");
  EXPECT_EQ(
      error_of("broker: { keepalive: 1500ms }"),
      "clawbridge.yaml:1: broker.keepalive is \"1500ms\"; allowed: 1s to 65535s, written as a whole number and s, "
      "m, h or d");
  EXPECT_EQ(error_of("gateway: { name: iMac }"),
            "clawbridge.yaml:1: gateway.name is \"iMac\"; allowed: 1 to 63 of a-z 0-9 _ -, beginning with a letter or "
            "digit");
  EXPECT_THAT(
      error_of("broker: { url: 'http://x' }"),
      AllOf(StartsWith("clawbridge.yaml:1: broker.url is \"http://x\"; allowed: mqtt://"), HasSubstr("wss://")));
  EXPECT_THAT(error_of("gateway: { url: 'http://x' }"), HasSubstr("allowed: ws://HOST[:PORT] or wss://"));
  EXPECT_THAT(error_of("broker: { base: '$SYS' }"), HasSubstr("broker.base is \"$SYS\""));
  EXPECT_THAT(error_of("remote_agents: { jarvis: imac }"),
              StartsWith("clawbridge.yaml:1: remote_agents.jarvis is \"imac\"; allowed: GATEWAY/AGENT"));
  EXPECT_THAT(error_of("remote_agents: { jarvis: imac/_bridge }"), HasSubstr("allowed: GATEWAY/AGENT"));
  EXPECT_THAT(error_of("peers: { macbook: { fingerprint: 4F0C } }"),
              HasSubstr("peers.macbook.fingerprint is \"4F0C\"; allowed: 64 lower-case hex digits"));
  EXPECT_THAT(error_of("api: { socket: /" + std::string(200, 'x') + " }"), HasSubstr("short enough for the system"));
  EXPECT_THAT(error_of("store: { path: '' }"), HasSubstr("store.path is \"\"; allowed: the path of a file"));
}

TEST(Errors, DoNotRepeatSecrets) {
  EXPECT_EQ(error_of("trust:\n  join: c2hvcnQ"),
            "clawbridge.yaml:2: trust.join has a wrong value; allowed: at least 16 random bytes in base64url without "
            "padding");
  EXPECT_THAT(error_of("trust: { join: 'not base64url, but long enough!' }"), Not(HasSubstr("base64url, but")));
  EXPECT_THAT(error_of("broker: { url: 'mqtt://tony:hunter2@hub' }"),
              AllOf(HasSubstr("broker.url has a wrong value"), Not(HasSubstr("hunter2"))));
  Machine machine;
  machine.variables["URL"] = "hunter2";
  EXPECT_THAT(machine.error("broker: { url: '${env:URL}' }"),
              StartsWith("clawbridge.yaml:1: broker.url is \"${env:URL}\"; allowed: "));
  EXPECT_EQ(machine.error("log: { level: '${env:URL}' }"),
            "clawbridge.yaml:1: log.level is \"${env:URL}\"; allowed: debug, info, warn, error");
}

TEST(Errors, NameWrongShapes) {
  EXPECT_EQ(error_of("- a"), "clawbridge.yaml:1: settings are keys and values, as in \"gateway: { name: imac }\"");
  EXPECT_EQ(error_of("broker: mqtt://x"), "clawbridge.yaml:1: broker must have keys below it, as in \"broker: { … }\"");
  EXPECT_EQ(error_of("log:\n  level: [info]"),
            "clawbridge.yaml:2: log.level must be a single value; allowed: debug, info, warn, error");
  EXPECT_EQ(error_of("expose: jarvis"), "clawbridge.yaml:1: expose must be a list, as in \"[jarvis, pepper]\"");
  EXPECT_EQ(error_of("expose: [[jarvis]]"), "clawbridge.yaml:1: expose must be a list, as in \"[jarvis, pepper]\"");
  EXPECT_EQ(error_of("broker:\n  username:\n"),
            "clawbridge.yaml:2: broker.username has no value; write one, or remove the key for its default");
  EXPECT_EQ(error_of("? [a, b]\n: c"), "clawbridge.yaml:1: a key must be a plain word");
  EXPECT_EQ(error_of("peers:\n  macbook:\n"), "clawbridge.yaml:2: peers.macbook says nothing; remove it");
  EXPECT_EQ(error_of("peers: { macbook: 4f0c }"),
            "clawbridge.yaml:1: peers.macbook must have keys below it, as in \"peers.macbook: { … }\"");
  EXPECT_EQ(error_of("peers: { Mac.Book: { fingerprint: x } }"),
            "clawbridge.yaml:1: \"peers.Mac.Book\" cannot be a name; names have a-z 0-9 _ - and begin with a letter or "
            "digit");
  EXPECT_THAT(error_of("expose: [jarvis, jarvis]"), StartsWith("clawbridge.yaml:1: expose is \"jarvis\" twice"));
  EXPECT_THAT(error_of("expose: [Jarvis]"), StartsWith("clawbridge.yaml:1: expose is \"Jarvis\"; allowed: a list"));
}

TEST(Errors, NameRepeatedKeys) {
  EXPECT_EQ(error_of("log:\n  level: info\n  level: warn\n"),
            "clawbridge.yaml:3: \"log.level\" stands here a second time; remove one");
  EXPECT_EQ(error_of("log: {}\nlog: {}\n"), "clawbridge.yaml:2: \"log\" stands here a second time; remove one");
}

TEST(Errors, PlaceSyntaxErrors) {
  EXPECT_THAT(error_of("version: 1\nbroker: { url: x\nlog: {}\n"), StartsWith("clawbridge.yaml:3:"));
  EXPECT_THAT(error_of("version: 1\n\tlog: {}\n"), HasSubstr(": not valid YAML: "));
  EXPECT_THAT(error_of("a: b: c"), StartsWith("clawbridge.yaml:1:5: not valid YAML: "));
  EXPECT_EQ(error_of("version: 1\nlog: { level: \"\xff\" }"), "clawbridge.yaml:2: not UTF-8; save the file as UTF-8");
  EXPECT_EQ(error_of(std::string("v\0:\0 \0"
                                 "1\0",
                                 8)),
            "clawbridge.yaml:1: not UTF-8; save the file as UTF-8");
  EXPECT_THAT(error_of("log:\n  level: \"a\\Nb\""), StartsWith("clawbridge.yaml:2: a text with \\N or \\_"));
  EXPECT_THAT(error_of("expose: [a, \"\\_\"]"), StartsWith("clawbridge.yaml:1: a text with \\N or \\_"));
  EXPECT_THAT(error_of("\"\\N\": 1"), StartsWith("clawbridge.yaml:1: a text with \\N or \\_"));
  EXPECT_THAT(error_of("gateway: { name: \"\\x85\" }"), HasSubstr("gateway.name is \"\xc2\x85\""));
  EXPECT_THAT(error_of("version: 1\n---\nversion: 1\n"), HasSubstr("a second YAML document begins"));
  EXPECT_THAT(error_of("version: 1\nlog: { level: info }\n,\n"), StartsWith("clawbridge.yaml:"));
  EXPECT_THAT(error_of("\n,"), StartsWith("clawbridge.yaml:2: a second YAML document begins"));
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("clawbridge.yaml:1"));
}

TEST(Errors, NameFilesThatCannotBeRead) {
  const Machine machine;
  try {
    (void)load("/etc/nowhere.yaml", machine.environment());
    FAIL() << "a file asked for by name must be there";
  } catch (const SettingsError& error) {
    EXPECT_STREQ(error.what(),
                 "cannot read settings /etc/nowhere.yaml: No such file or directory; correct the path, or leave "
            "--config out to run with the defaults");
  }
}

TEST(Errors, NameVariables) {
  EXPECT_EQ(error_of_variable("CLAWBRIDGE_BROKER_USRNAME", "x"),
            "CLAWBRIDGE_BROKER_USRNAME: unknown environment variable; did you mean \"CLAWBRIDGE_BROKER_USERNAME\"?");
  EXPECT_EQ(error_of_variable("CLAWBRIDGE_ZZZ", ""),
            "CLAWBRIDGE_ZZZ: unknown environment variable; SETTINGS.md lists all keys");
  EXPECT_EQ(error_of_variable("CLAWBRIDGE_LOG_LEVEL", "loud"),
            "CLAWBRIDGE_LOG_LEVEL: log.level is \"loud\"; allowed: debug, info, warn, error");
}

TEST(Errors, NamePlaceholdersThatCannotBeResolved) {
  EXPECT_EQ(error_of("broker:\n  password: \"${env:NOPE}\""),
            "clawbridge.yaml:2: ${env:NOPE}: environment variable NOPE is not set; set it");
  EXPECT_EQ(error_of("broker:\n  password: \"${file:~/nope}\""),
            "clawbridge.yaml:2: ${file:~/nope}: cannot read the file: No such file or directory; create it, or correct "
            "the path");
  EXPECT_EQ(
      error_of("broker:\n  password: \"${command:nope -x}\""),
      "clawbridge.yaml:2: ${command:nope -x}: the program cannot be started: No such file or directory; run it by "
      "hand to see why");
  EXPECT_THAT(error_of("broker:\n  password: \"${secret:x}\""),
              HasSubstr("clawbridge.yaml:2: ${secret:x} is no known"));
  EXPECT_EQ(error_of_variable("CLAWBRIDGE_BROKER_PASSWORD", "${env:NOPE}"),
            "CLAWBRIDGE_BROKER_PASSWORD: ${env:NOPE}: environment variable NOPE is not set; set it");
}

TEST(Errors, NameKeysThatDoNotFitTogether) {
  EXPECT_EQ(error_of("broker:\n  url: mqtts://x\n  certificate: c.pem"),
            "clawbridge.yaml:3: broker.certificate needs broker.key beside it");
  EXPECT_EQ(error_of("broker:\n  url: mqtts://x\n  key: c.pem"),
            "clawbridge.yaml:3: broker.key needs broker.certificate beside it");
  EXPECT_EQ(error_of("broker:\n  url: mqtt://x\n  ca: ca.pem"),
            "clawbridge.yaml:3: broker.ca is for TLS, and broker.url has none; write mqtts://, ssl:// or wss:// there");
  EXPECT_THAT(error_of("broker: { insecure: true }"), HasSubstr("broker.insecure is for TLS"));
  EXPECT_EQ(error_of("broker: { insecure: false }"), "");
  EXPECT_EQ(error_of("gateway:\n  delay: 1s"),
            "clawbridge.yaml:2: gateway.delay is for gateway.kind echo only; remove it");
  EXPECT_EQ(error_of("peers:\n  imac: { fingerprint: " + std::string(64, 'a') + " }"),
            "clawbridge.yaml:2: peers.imac is this gateway itself; remove it, or change gateway.name");
}

TEST(Errors, KeepTcpOnThisMachine) {
  for (const std::string elsewhere :
       {"0.0.0.0:18790", "'[::]:18790'", "192.168.1.2:18790", "128.0.0.1:18790", "'[fe80::1]:18790'",
        "'[::ffff:127.0.0.1]:18790'", "imac:18790", "127.example.com:18790", "localhost.:18790"}) {
    EXPECT_THAT(error_of("api:\n  listen: " + elsewhere),
                AllOf(StartsWith("clawbridge.yaml:2: api.listen is \""),
                      HasSubstr("allowed: 127.0.0.1:PORT, another of 127.0.0.0/8, [::1]:PORT or localhost:PORT: this "
                                "machine only, because tokens and messages travel unencrypted")))
        << elsewhere;
  }
  for (const std::string form : {"18790", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1/x", "127.1:1",
                                 "http://127.0.0.1:1", "a@127.0.0.1:1", "'::1:18790'", "'[127.0.0.1]:1'"}) {
    EXPECT_THAT(error_of("api: { listen: " + form + " }"), HasSubstr("allowed: 127.0.0.1:PORT")) << form;
  }
}

TEST(Errors, WantATokenForTcpAndNoneTwice) {
  const std::string token(32, 'a');
  EXPECT_THAT(error_of("api:\n  listen: 127.0.0.1:18790"),
              StartsWith("clawbridge.yaml:2: api.listen needs api.tokens beside it, as in \"tokens: { jarvis: … }\""));
  EXPECT_THAT(error_of_variable("CLAWBRIDGE_API_LISTEN", "127.0.0.1:18790"),
              StartsWith("CLAWBRIDGE_API_LISTEN: api.listen needs api.tokens"));
  EXPECT_EQ(error_of("api:\n  tokens:\n    jarvis: " + token + "\n    pepper: " + token),
            "clawbridge.yaml:4: api.tokens.pepper is the same token as api.tokens.jarvis; give each its own");
  EXPECT_EQ(error_of("api:\n  tokens:\n    _bridge: " + token + "\n    jarvis: " + token),
            "clawbridge.yaml:4: api.tokens.jarvis is the same token as api.tokens._bridge; give each its own");
}

TEST(Errors, WantLongTokensAndDoNotRepeatThem) {
  for (const std::string& token :
       {std::string(31, 'a'), std::string(513, 'a'), std::string("a b") + std::string(32, 'a'), std::string(32, '#')}) {
    EXPECT_EQ(error_of("api: { tokens: { jarvis: '" + token + "' } }"),
              "clawbridge.yaml:1: api.tokens.jarvis has a wrong value; allowed: 32 to 512 of A-Z a-z 0-9 - . _ ~ + / "
              "=, random, as `openssl rand -hex 32` prints them; each token once");
  }
  EXPECT_THAT(error_of("api: { tokens: { Jarvis: x } }"), HasSubstr("\"api.tokens.Jarvis\" cannot be a name"));
  EXPECT_THAT(error_of("api: { tokens: { _other: x } }"), HasSubstr("\"api.tokens._other\" cannot be a name"));
  EXPECT_THAT(error_of("api: { tokens: x }"), HasSubstr("api.tokens must have keys below it"));
}

TEST(Errors, AskForANameWhenTheHostHasNone) {
  Machine machine;
  machine.host_name = "---";
  EXPECT_EQ(machine.error(""), "cannot make a gateway name from the host name \"---\"; set gateway.name");
}

TEST(Errors, AreOneLineWhateverTheFileHolds) {
  EXPECT_THAT(error_of("\"a\\nb\": 1"), Not(HasSubstr("\n")));
  EXPECT_THAT(error_of("log: { level: \"a\\nclawbridge.yaml:1: all is well\\e[2J\" }"),
              AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(error_of("log: \"\\\xc3\xbc\""), HasSubstr("unknown escape character: \\xc3"));
}

TEST(Nearest, CountsSwapsAsOneMistake) {
  EXPECT_EQ(nearest("levle", {"format", "level"}), "level");
  EXPECT_EQ(nearest("ab", {"xyz", "abcde"}), std::nullopt);
  EXPECT_EQ(nearest("", {"ab"}), "ab");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), {"ab"}), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
}

}  // namespace
}  // namespace clawbridge::config
