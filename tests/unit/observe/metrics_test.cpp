// The metrics: the page and the dashboard agree with the table, and the text is what Prometheus reads.
#include "bridge/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

namespace clawbridge::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFolder = CLAWBRIDGE_SOURCE_DIR "/bridge/observe/";

std::string read(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Readings some_readings() {
  using core::Direction;
  Readings readings;
  readings.status.version = "1.2.3";
  readings.status.gateway_kind = "echo";
  readings.status.state = "online";
  readings.status.broker_state = "connected";
  readings.status.gateway_connected = true;
  readings.status.agents = {"main"};
  readings.status.queues = {{"outgoing", 3, 10}};
  readings.status.outgoing_bytes = {"outgoing", 4096, 1 << 20};
  readings.status.counters = {{"broker.connects", 2},   {"dropped.unauthentic", 5}, {"request.deferred.busy", 6},
                              {"api.refused_token", 7}, {"request.published", 8},   {"queue.waiting", 9},
                              {"queue.dropped", 10}};
  readings.tally.begun[{Direction::Outgoing, Operation::SessionsSend}] = 4;
  readings.tally.ended[{Direction::Incoming, Operation::SessionsSend, "ok"}] = 3;
  readings.tally.refused[ErrorCode::Forbidden] = 2;
  readings.tally.stages[{Direction::Outgoing, "ended"}].observe(std::chrono::milliseconds{2});
  readings.commits.observe(std::chrono::microseconds{50});
  core::PeerView peer;
  peer.gateway = "imac";
  peer.trust = "joined";
  peer.presence = "online";
  readings.peers = {peer, peer};
  readings.process.resident_bytes = 12'000'000;
  readings.process.open_fds = 20;
  readings.process.max_fds = 1024;
  readings.reloads.settings.loaded = *parse_time("2026-11-22T16:20:00.000Z");
  return readings;
}

TEST(Metrics, ThePageIsUpToDate) {
  const auto page = metrics_markdown();
  if (const char* update = std::getenv("CLAWBRIDGE_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    std::ofstream(kFolder + "METRICS.md", std::ios::binary) << page;
  }
  EXPECT_EQ(read("METRICS.md"), page) << "run unit_observe with CLAWBRIDGE_UPDATE_GOLDEN=1 and review METRICS.md";
}

TEST(Metrics, AreNamedAsPrometheusAdvises) {
  std::set<std::string> names;
  for (const auto& name : metric_names()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(std::regex_match(name, std::regex("(clawbridge|process)(_[a-z]+)+"))) << name;
    EXPECT_FALSE(std::regex_search(name, std::regex("milli|micro|minutes|kilo|mega|percent")))
        << name << " is in no base unit";
  }
  const auto text = metrics_text(some_readings());
  const std::regex type_line("# TYPE (\\w+) (\\w+)");
  for (std::sregex_iterator at(text.begin(), text.end(), type_line), end; at != end; ++at) {
    EXPECT_EQ((*at)[2] == "counter", (*at)[1].str().ends_with("_total")) << (*at)[0];
  }
}

TEST(Metrics, TellWhatWasRead) {
  const auto text = metrics_text(some_readings());
  for (const char* line :
       {"clawbridge_build_info{version=\"1.2.3\",gateway_kind=\"echo\"} 1\n",
        "clawbridge_state{state=\"online\"} 1\n",
        "clawbridge_state{state=\"offline\"} 0\n",
        "clawbridge_exchanges_begun_total{direction=\"outgoing\",operation=\"sessions_send\"} 4\n",
        "clawbridge_exchanges_ended_total{direction=\"incoming\",operation=\"sessions_send\",status=\"ok\"} 3\n",
        "clawbridge_exchange_stage_seconds_bucket{direction=\"outgoing\",stage=\"ended\",le=\"0.0025\"} 1\n",
        "clawbridge_exchange_stage_seconds_bucket{direction=\"outgoing\",stage=\"ended\",le=\"0.001\"} 0\n",
        "clawbridge_exchange_stage_seconds_bucket{direction=\"outgoing\",stage=\"ended\",le=\"+Inf\"} 1\n",
        "clawbridge_exchange_stage_seconds_count{direction=\"outgoing\",stage=\"ended\"} 1\n",
        "clawbridge_requests_rejected_total{code=\"forbidden\"} 2\n",
        "clawbridge_requests_deferred_total{reason=\"busy\"} 6\n",
        "clawbridge_messages_dropped_total{reason=\"unauthentic\"} 5\n",
        "clawbridge_api_refused_total{reason=\"token\"} 7\n",
        "clawbridge_queue_entries{queue=\"outgoing\"} 3\n",
        "clawbridge_queue_entries_max{queue=\"outgoing\"} 10\n",
        "clawbridge_broker_connects_total 2\n",
        "clawbridge_broker_lost_messages_total{why=\"queue_full\"} 10\n",
        "clawbridge_events_total{event=\"request.published\"} 8\n",
        "clawbridge_peers{trust=\"joined\",presence=\"online\"} 2\n",
        "clawbridge_journal_commit_seconds_count 1\n",
        "process_open_fds 20\n",
        "process_resident_memory_bytes 12000000\n",
        "clawbridge_settings_valid 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("event=\"dropped.")));
  EXPECT_THAT(text, Not(HasSubstr("queue.waiting")));
  EXPECT_THAT(text, Not(HasSubstr("imac"))) << "no name from outside is a label";
}

TEST(Metrics, AllOfThemAreThereInSomeReading) {
  const auto text = metrics_text(some_readings());
  for (const auto& name : metric_names())
    EXPECT_THAT(text, ::testing::AnyOf(HasSubstr("\n" + name + "{"), HasSubstr("\n" + name + " ")));
}

/// Every word of the dashboard's queries that looks like a metric.
std::set<std::string> queried(const nlohmann::json& node) {
  std::set<std::string> found;
  if (node.is_object() && node.contains("expr")) {
    const auto expression = node["expr"].get<std::string>();
    const std::regex word("\\b(clawbridge|process)_[a-z_]+");
    for (std::sregex_iterator at(expression.begin(), expression.end(), word), end; at != end; ++at)
      found.insert((*at)[0]);
  }
  if (node.is_structured()) {
    for (const auto& child : node) found.merge(queried(child));
  }
  return found;
}

TEST(Dashboard, AsksForMetricsThatThereAre) {
  const auto names = metric_names();
  const auto asked = queried(nlohmann::json::parse(read("grafana-dashboard.json")));
  EXPECT_GT(asked.size(), 15U);
  for (const auto& name : asked) EXPECT_THAT(names, ::testing::Contains(name));
}

TEST(Process, ReadsItsOwn) {
  const auto readings = read_process();
  EXPECT_GT(readings.cpu_seconds, 0);
  EXPECT_GT(readings.resident_bytes.value_or(1), 0U);
  EXPECT_GT(readings.open_fds.value_or(3), 2U);
}

}  // namespace
}  // namespace clawbridge::observe
