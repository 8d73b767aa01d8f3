// Each thing that can be seen wrong, and the one fault it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "sound.h"

namespace clawbridge::doctor {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Broken {
  const char* fault;
  std::function<void(Observations&)> breaks;
  const char* words;  // that the finding must have
};

void expect_each(const std::vector<Broken>& cases) {
  for (const auto& [fault, breaks, words] : cases) {
    auto seen = sound();
    breaks(seen);
    EXPECT_THAT(faults_in(seen), ElementsAre(fault)) << fault;
    const auto check = std::string_view(fault).substr(0, std::string_view(fault).rfind('.'));
    EXPECT_THAT(of(examine(seen), check).verdict.found, HasSubstr(words)) << fault;
  }
}

TEST(Judge, Machine) {
  expect_each({
      {"settings.secrets.loose",
       [](auto& seen) {
         seen.settings.loose = {{"/secret", "by everybody"}};
       },
       "/secret (by everybody)"},
      {"state.folder.read_only", [](auto& seen) { seen.state->folder_error = EROFS; }, "/state"},
      {"state.folder.denied", [](auto& seen) { seen.state->folder_error = EACCES; }, "Permission denied"},
      {"state.disk.full", [](auto& seen) { seen.state->write_error = ENOSPC; }, "No space left"},
      {"state.disk.full", [](auto& seen) { seen.state->folder_error = ENOSPC; }, "No space left"},
      {"state.disk.low", [](auto& seen) { seen.state->bytes_free = 100 << 20; }, "100 MiB free"},
      {"state.journal.newer", [](auto& seen) { seen.journal->is = JournalSeen::Is::Newer; }, "/state/journal.db"},
      {"state.journal.foreign", [](auto& seen) { seen.journal->is = JournalSeen::Is::Foreign; }, "/state/journal.db"},
      {"state.journal.damaged", [](auto& seen) { seen.journal->is = JournalSeen::Is::Damaged; }, "/state/journal.db"},
      {"state.journal.unusable", [](auto& seen) { seen.journal->is = JournalSeen::Is::Unusable; }, "/state/journal.db"},
      {"state.keys.loose",
       [](auto& seen) { seen.keys->error = "cannot use keys \"k\": others may read or write the file; run: chmod"; },
       "others may read"},
      {"state.keys.of_another",
       [](auto& seen) {
         seen.keys->error = "cannot use keys \"k\": they belong to gateway \"x\", and this one is \"y\"; set";
       },
       "\"x\""},
      {"state.keys.unreadable",
       [](auto& seen) { seen.keys->error = "cannot read keys \"k\": Permission denied; check"; }, "Permission denied"},
      {"state.keys.damaged",
       [](auto& seen) { seen.keys->error = "cannot read keys \"k\": it is not a JSON object; restore"; }, "not a JSON"},
      {"daemon.socket.no_socket",
       [](auto& seen) {
         seen.daemon->socket = DaemonSeen::Socket::NoSocket;
         seen.journal->is = JournalSeen::Is::Good;
       },
       "is no socket"},
      {"daemon.socket.foreign",
       [](auto& seen) {
         seen.daemon->socket = DaemonSeen::Socket::Foreign;
         seen.journal->is = JournalSeen::Is::Good;
       },
       "belongs to"},
      {"daemon.socket.denied",
       [](auto& seen) {
         seen.daemon->socket = DaemonSeen::Socket::Denied;
         seen.journal->is = JournalSeen::Is::Good;
       },
       "sock"},
      {"daemon.running.not",
       [](auto& seen) {
         seen.daemon->socket = DaemonSeen::Socket::Missing;
         seen.journal->is = JournalSeen::Is::Good;
       },
       "no daemon listens"},
      {"daemon.running.not",
       [](auto& seen) {
         seen.daemon->socket = DaemonSeen::Socket::Stale;
         seen.journal->is = JournalSeen::Is::Good;
       },
       "no daemon listens"},
      {"daemon.running.silent",
       [](auto& seen) {
         seen.daemon->socket = DaemonSeen::Socket::Silent;
         seen.journal->is = JournalSeen::Is::Good;
       },
       "no answer"},
      {"daemon.running.another", [](auto& seen) { seen.daemon->gateway = "studio"; }, "studio"},
      {"daemon.running.older", [](auto& seen) { seen.daemon->version = "0.9.0"; }, "0.9.0"},
      {"daemon.broker.reports", [](auto& seen) { seen.daemon->broker_error = "it is gone; look"; }, "it is gone"},
      {"daemon.gateway.reports", [](auto& seen) { seen.daemon->gateway_error = "it sleeps; wait"; }, "it sleeps"},
  });
}

TEST(Judge, AJournalThatSomebodyElseHoldsIsTheDaemonsOrATrouble) {
  auto seen = sound();
  seen.daemon->socket = DaemonSeen::Socket::Missing;
  EXPECT_THAT(faults_in(seen), ElementsAre("state.journal.in_use", "daemon.running.not"));
}

TEST(Judge, Settings) {
  const auto fault_of = [](const char* error) {
    Observations seen;
    seen.settings.error = error;
    return faults_in(seen).front();
  };
  EXPECT_EQ(fault_of("cannot read settings x.yaml: No such file or directory; correct the path"),
            "settings.file.missing");
  EXPECT_EQ(fault_of("x.yaml:4: unknown key \"broker.usrname\"; did you mean \"broker.username\"?"),
            "settings.file.unknown_key");
  EXPECT_EQ(fault_of("x.yaml:4: ${env:TOKEN}: environment variable TOKEN is not set; set it"),
            "settings.file.placeholder");
  EXPECT_EQ(fault_of("x.yaml:4: not valid YAML: end of map not found"), "settings.file.yaml");
  EXPECT_EQ(fault_of("x.yaml:4: broker.keepalive is \"1h\"; allowed: 5s to 10m"), "settings.file.value");
}

TEST(Judge, RightsAndAbilitiesOfTheBroker) {
  const auto denied = [](Right& right) {
    right.accepted = Shown::No;
    right.reason = "Not authorized (135)";
  };
  expect_each({
      {"broker.tls.insecure", [](auto& seen) { seen.broker->insecure = true; }, "broker.insecure"},
      {"broker.qos.none", [](auto& seen) { seen.broker->qos1 = Shown::No; }, "quality of service"},
      {"broker.write_own.denied", [&](auto& seen) { denied(seen.broker->write_own); },
       "claw/imac/# (Not authorized (135))"},
      {"broker.write_inbox.denied", [&](auto& seen) { denied(seen.broker->write_inbox); }, "claw/+/+/inbox"},
      {"broker.write_reply.denied", [&](auto& seen) { denied(seen.broker->write_reply); }, "claw/+/+/reply"},
      {"broker.write_hello.denied", [&](auto& seen) { denied(seen.broker->write_hello); }, "claw/_all/hello"},
      {"broker.read_inbox.denied", [&](auto& seen) { denied(seen.broker->read_inbox); },
       "refuses the subscription to claw/imac/+/inbox"},
      {"broker.read_inbox.denied", [](auto& seen) { seen.broker->read_inbox.delivered = Shown::No; },
       "delivers nothing"},
      {"broker.read_reply.denied", [](auto& seen) { seen.broker->read_reply.delivered = Shown::No; },
       "claw/imac/+/reply"},
      {"broker.read_state.denied", [](auto& seen) { seen.broker->read_state.delivered = Shown::No; }, "claw/+/state"},
      {"broker.read_hello.denied", [](auto& seen) { seen.broker->read_hello.delivered = Shown::No; },
       "claw/_all/hello"},
      {"broker.exchange.lost", [](auto& seen) { seen.broker->round_trip = 0us; }, "did not come back"},
      {"broker.retained.none", [](auto& seen) { seen.broker->retained = Shown::No; }, "retained"},
      {"broker.wildcard.none", [](auto& seen) { seen.broker->retained_wildcard = Shown::No; }, "wildcard"},
      {"broker.will.none", [](auto& seen) { seen.broker->will = Shown::No; }, "will"},
      {"broker.session.none", [](auto& seen) { seen.broker->session = Shown::No; }, "session"},
      {"broker.size.small", [](auto& seen) { seen.broker->large = Shown::No; }, "1048576"},
      {"broker.size.small", [](auto& seen) { seen.broker->packet_bytes_told = 131'072; }, "131072"},
      {"broker.one_owner.other_keys", [](auto& seen) { seen.name->other_keys = true; }, "other keys"},
      {"broker.one_owner.other_journal", [](auto& seen) { seen.name->other_journal = true; }, "another journal"},
      {"broker.one_owner.other_journal", [](auto& seen) { seen.daemon->state = "name_conflict"; },
       "the daemon has met"},
  });
}

TEST(Judge, AStateOfOursThatIsOldAndOfflineIsNobodysName) {
  auto seen = sound();
  seen.name = NameSeen{.own_state = Shown::Yes, .other_keys = true, .presence = "offline"};
  EXPECT_THAT(faults_in(seen), IsEmpty());
}

TEST(Judge, OldBrokersDoNotTellWhatTheyRefuse) {
  auto seen = sound();
  seen.broker->protocol = 4;
  const auto findings = examine(seen);
  EXPECT_EQ(of(findings, "broker.write_inbox").verdict.status, Status::Skip);
  EXPECT_THAT(of(findings, "broker.write_inbox").verdict.found, HasSubstr("3.1.1"));
  EXPECT_EQ(of(findings, "broker.read_hello").verdict.status, Status::Ok);
}

TEST(Judge, Gateway) {
  const auto says = [](const char* error) {
    return [error](Observations& seen) {
      seen.gateway->error = error;
      seen.gateway->agents.reset();
    };
  };
  expect_each({
      {"gateway.reach.refused",
       says(
           "cannot connect to the OpenClaw gateway at ws://x: Connection refused; check that it runs, and gateway.url"),
       "Connection refused"},
      {"gateway.reach.no_gateway",
       says("cannot connect to the OpenClaw gateway at ws://x: it answered 404; check that gateway.url"), "404"},
      {"gateway.reach.starting", says("the OpenClaw gateway did not answer in time; is it still starting?"), "in time"},
      {"gateway.protocol.mismatch",
       says("the OpenClaw gateway at ws://x speaks another protocol than versions 3 and 4 (PROTOCOL_MISMATCH: protocol "
            "mismatch): upgrade clawbridge or the gateway"),
       "another protocol"},
      {"gateway.login.token",
       says("the OpenClaw gateway at ws://x refused the connection (AUTH_TOKEN_MISMATCH: unauthorized): gateway.token "
            "is not the gateway's gateway.auth.token: correct it"),
       "AUTH_TOKEN_MISMATCH"},
      {"gateway.login.no_token",
       says("the OpenClaw gateway at ws://x refused the connection (DEVICE_IDENTITY_REQUIRED: device identity "
            "required): set gateway.token to the gateway's gateway.auth.token"),
       "DEVICE_IDENTITY"},
      {"gateway.login.refused", says("the OpenClaw gateway at ws://x refused the connection (INVALID_REQUEST: no)"),
       "INVALID_REQUEST"},
      {"gateway.scopes.missing",
       says("the OpenClaw gateway at ws://x let us in without operator.read and operator.write: give clawbridge the "
            "gateway's shared token (gateway.token)"),
       "operator.write"},
      {"gateway.agents.unknown",
       [](auto& seen) {
         seen.unknown_agents = {{"expose", "jarvsi"}};
       },
       "jarvsi (expose)"},
      {"gateway.agents.none", [](auto& seen) { seen.gateway->agents->clear(); }, "no agents"},
      {"gateway.plugin.not_installed", [](auto& seen) { seen.tools->plugin = ToolsSeen::Plugin::NotInstalled; }, ""},
      {"gateway.plugin.other_files", [](auto& seen) { seen.tools->plugin = ToolsSeen::Plugin::OtherFiles; }, ""},
      {"gateway.tools.hidden", [](auto& seen) { seen.tools->blind = {"jarvis sees 0 of 7 tools"}; }, "jarvis"},
  });
}

TEST(Judge, ProgramsOfKindCommand) {
  auto seen = sound();
  seen.settings.gateway_kind = "command";
  seen.gateway->program = "/opt/agent";
  EXPECT_THAT(faults_in(seen), IsEmpty());
  seen.gateway->program_error = "not found";
  EXPECT_THAT(faults_in(seen), ElementsAre("gateway.program.missing"));
  seen.gateway->program_error = "it is not executable";
  EXPECT_THAT(faults_in(seen), ElementsAre("gateway.program.not_executable"));
}

TEST(Judge, Peers) {
  expect_each({
      {"peers.trust.pending", [](auto& seen) { seen.peers->front().trust = "pending"; }, "macbook (bbbb"},
      {"peers.trust.key_changed", [](auto& seen) { seen.peers->front().offered_fingerprint = std::string(64, 'c'); },
       "macbook (offered: cccc"},
      {"peers.trust.no_secret",
       [](auto& seen) {
         seen.peers->clear();
         seen.settings.has_peers = false;
       },
       "trust.join"},
      {"peers.answer.silent", [](auto& seen) { seen.peers->front().answers = Shown::No; }, "macbook"},
      {"peers.clock.differs", [](auto& seen) { seen.peers->front().ahead = 1h; }, "macbook is 60 min ahead"},
      {"peers.clock.differs", [](auto& seen) { seen.peers->front().ahead = -1h; }, "macbook is 60 min behind"},
      {"peers.clock.drifts", [](auto& seen) { seen.peers->front().ahead = -90s; }, "macbook is 90 s behind"},
  });
}

TEST(Judge, TellsWhoIsThereAndWhatTheyLastExchanged) {
  auto seen = sound();
  seen.peers->front().presence = "offline";
  seen.peers->front().since = seen.now - 3h;
  seen.peers->front().last_exchange = seen.now - 5h;
  EXPECT_EQ(of(examine(seen), "peers.present").verdict.found, "macbook offline since 3 h ago, last exchange 5 h ago");
}

}  // namespace
}  // namespace clawbridge::doctor
