#include "bridge/observe/metric_table.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string>

namespace clawbridge::observe {
namespace {

std::string_view name_of(core::Direction direction) {
  return direction == core::Direction::Outgoing ? "outgoing" : "incoming";
}

/// The counters of the core, the runtime and the API are one table of dotted names; these have a metric of their own.
constexpr std::string_view kDropped = "dropped.";
constexpr std::string_view kDeferred = "request.deferred.";
constexpr std::string_view kApiRefused = "api.refused_";
constexpr std::array<std::string_view, 4> kOwnMetric{"broker.connects", "broker.failures", "queue.dropped",
                                                     "store.commit_failed"};
constexpr std::string_view kNoCounter = "queue.waiting";

void fill_by_prefix(const Readings& from, Samples& to, std::string_view prefix) {
  for (const auto& [name, value] : from.status.counters) {
    if (name.starts_with(prefix)) to.add(value, {{"reason", std::string_view(name).substr(prefix.size())}});
  }
}

void fill_events(const Readings& from, Samples& to) {
  for (const auto& [name, value] : from.status.counters) {
    const bool elsewhere = name.starts_with(kDropped) || name.starts_with(kDeferred) || name.starts_with(kApiRefused) ||
                           name == kNoCounter ||
                           std::find(kOwnMetric.begin(), kOwnMetric.end(), name) != kOwnMetric.end();
    if (!elsewhere) to.add(value, {{"event", name}});
  }
}

std::uint64_t counter(const Readings& from, std::string_view name) {
  const auto found = from.status.counters.find(std::string(name));
  return found == from.status.counters.end() ? 0 : found->second;
}

void fill_peers(const Readings& from, Samples& to) {
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> counts;
  for (const auto& peer : from.peers) ++counts[{peer.trust, peer.presence}];
  for (const auto& [kind, count] : counts) to.add(count, {{"trust", kind.first}, {"presence", kind.second}});
}

void fill_state(const Readings& from, Samples& to) {
  for (const std::string_view state : {"online", "degraded", "offline", "name_conflict"})
    to.add(from.status.state == state, {{"state", state}});
}

double seconds_of(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

constexpr std::string_view kEvent = "`event`: the program's name for it, as in `clawbridge status --json`";
constexpr std::string_view kReason = "`reason`";
constexpr std::string_view kQueue = "`queue`: outgoing, incoming, runs, asks, waiters, broker_messages";

}  // namespace

const std::vector<Metric>& metrics() {
  using enum prometheus::MetricType;
  static const std::vector<Metric> all{
      {"clawbridge_build_info", Gauge, "Always 1. Which release runs, and beside what kind of gateway.",
       "`version`, `gateway_kind`: openclaw, echo, command",
       [](const Readings& from, Samples& to) {
         to.add(true, {{"version", from.status.version}, {"gateway_kind", from.status.gateway_kind}});
       }},
      {"clawbridge_state", Gauge,
       "1 for the state this bridge is in: online with all it needs, degraded without its gateway or with a broker "
       "that does not deliver, offline without broker.",
       "`state`: online, degraded, offline, name_conflict", fill_state},
      {"clawbridge_exchanges_begun_total", Counter,
       "Exchanges that were accepted from local callers, or taken from peers.", "`direction`, `operation`",
       [](const Readings& from, Samples& to) {
         for (const auto& [kind, count] : from.tally.begun)
           to.add(count, {{"direction", name_of(kind.first)}, {"operation", to_string(kind.second)}});
       }},
      {"clawbridge_exchanges_ended_total", Counter,
       "Exchanges that have ended, by their outcome. A rejected incoming one was never begun.",
       "`direction`, `operation`, `status`: ok, no_reply, error, rejected, expired, cancelled, interrupted, unknown",
       [](const Readings& from, Samples& to) {
         for (const auto& [kind, count] : from.tally.ended) {
           to.add(count,
                  {{"direction", name_of(kind.direction)}, {"operation", to_string(kind.op)}, {"status", kind.status}});
         }
       }},
      {"clawbridge_exchange_stage_seconds", Histogram,
       "How long after its beginning here an exchange came to a stage; `ended` is the whole of it.",
       "`direction`, `stage`: published, deferred, stored, queued, started, handing_over, ended",
       [](const Readings& from, Samples& to) {
         for (const auto& [kind, histogram] : from.tally.stages)
           to.add(histogram, {{"direction", name_of(kind.direction)}, {"stage", kind.stage}});
       }},
      {"clawbridge_requests_rejected_total", Counter, "Requests of peers that were answered `rejected`.",
       "`code`: forbidden, loop, unknown_agent, …",
       [](const Readings& from, Samples& to) {
         for (const auto& [code, count] : from.tally.refused) to.add(count, {{"code", to_string(code)}});
       }},
      {"clawbridge_requests_deferred_total", Counter,
       "Requests of peers that were put off; the same request comes again.", kReason,
       [](const Readings& from, Samples& to) { fill_by_prefix(from, to, kDeferred); }},
      {"clawbridge_messages_dropped_total", Counter,
       "Messages from the broker that were not what they have to be: not authentic, not in form, on a wrong topic.",
       kReason, [](const Readings& from, Samples& to) { fill_by_prefix(from, to, kDropped); }},
      {"clawbridge_api_refused_total", Counter, "Callers of the local API that were turned away.", kReason,
       [](const Readings& from, Samples& to) { fill_by_prefix(from, to, kApiRefused); }},
      {"clawbridge_queue_entries", Gauge, "Entries in a queue.", kQueue,
       [](const Readings& from, Samples& to) {
         for (const auto& queue : from.status.queues) to.add(queue.size, {{"queue", queue.name}});
       }},
      {"clawbridge_queue_entries_max", Gauge, "Its limit, from which on new work is refused.", kQueue,
       [](const Readings& from, Samples& to) {
         for (const auto& queue : from.status.queues) to.add(queue.limit, {{"queue", queue.name}});
       }},
      {"clawbridge_outgoing_bytes", Gauge, "Bytes of the requests asked here that are open.", "",
       [](const Readings& from, Samples& to) { to.add(from.status.outgoing_bytes.size); }},
      {"clawbridge_outgoing_bytes_max", Gauge, "Their limit.", "",
       [](const Readings& from, Samples& to) { to.add(from.status.outgoing_bytes.limit); }},
      {"clawbridge_broker_connected", Gauge, "1 while the broker is connected and has granted the subscriptions.", "",
       [](const Readings& from, Samples& to) { to.add(from.status.broker_state == "connected"); }},
      {"clawbridge_broker_connects_total", Counter,
       "Connections to the broker that came about. All but the first are reconnects.", "",
       [](const Readings& from, Samples& to) { to.add(counter(from, "broker.connects")); }},
      {"clawbridge_broker_failures_total", Counter, "Connections that ended, and attempts that failed.", "",
       [](const Readings& from, Samples& to) { to.add(counter(from, "broker.failures")); }},
      {"clawbridge_broker_received_messages_total", Counter, "Messages from the broker.", "",
       [](const Readings& from, Samples& to) { to.add(from.broker.received); }},
      {"clawbridge_broker_received_bytes_total", Counter, "Their payloads.", "",
       [](const Readings& from, Samples& to) { to.add(from.broker.received_bytes); }},
      {"clawbridge_broker_published_messages_total", Counter, "Messages that the broker has acknowledged.", "",
       [](const Readings& from, Samples& to) { to.add(from.broker.published); }},
      {"clawbridge_broker_published_bytes_total", Counter,
       "Payloads of the messages that were given to the connection.", "",
       [](const Readings& from, Samples& to) { to.add(from.broker.published_bytes); }},
      {"clawbridge_broker_lost_messages_total", Counter,
       "Messages that did not pass: refused by the broker, dropped (no connection, a full queue, or no answer before the "
       "connection ended), ignored outside of one, or too many for this process. What matters is sent again.",
       "`why`: refused, dropped, ignored, queue_full",
       [](const Readings& from, Samples& to) {
         to.add(from.broker.refused, {{"why", "refused"}});
         to.add(from.broker.dropped, {{"why", "dropped"}});
         to.add(from.broker.ignored, {{"why", "ignored"}});
         to.add(counter(from, "queue.dropped"), {{"why", "queue_full"}});
       }},
      {"clawbridge_gateway_connected", Gauge, "1 while the local agent gateway can run turns.", "",
       [](const Readings& from, Samples& to) { to.add(from.status.gateway_connected); }},
      {"clawbridge_gateway_agents", Gauge, "Agents of the local gateway.", "",
       [](const Readings& from, Samples& to) { to.add(std::uint64_t{from.status.agents.size()}); }},
      {"clawbridge_peers", Gauge, "Other gateways that were seen.",
       "`trust`: pending, joined, trusted, configured, revoked; `presence`: online, degraded, offline, unseen",
       fill_peers},
      {"clawbridge_journal_bytes", Gauge, "Size of the journal.",
       "`file`: data, log (what SQLite has not moved into it yet)",
       [](const Readings& from, Samples& to) {
         to.add(from.journal.bytes, {{"file", "data"}});
         to.add(from.journal.log_bytes, {{"file", "log"}});
       }},
      {"clawbridge_dead_letters", Gauge,
       "Exchanges that were not carried out and that nobody has asked again or dropped yet (`clawbridge dead list`).",
       "`direction`",
       [](const Readings& from, Samples& to) {
         to.add(from.journal.dead_outgoing, {{"direction", name_of(core::Direction::Outgoing)}});
         to.add(from.journal.dead_incoming, {{"direction", name_of(core::Direction::Incoming)}});
       }},
      {"clawbridge_journal_commit_seconds", Histogram,
       "How long commits to the journal took. Nothing leaves the bridge before.", "",
       [](const Readings& from, Samples& to) { to.add(from.commits); }},
      {"clawbridge_journal_commit_failures_total", Counter,
       "Commits that failed (a full disk); each is tried again every second.", "",
       [](const Readings& from, Samples& to) { to.add(counter(from, "store.commit_failed")); }},
      {"clawbridge_settings_reloads_total", Counter, "Settings that were read again after the start.",
       "`result`: applied, refused",
       [](const Readings& from, Samples& to) {
         to.add(from.reloads.applied, {{"result", "applied"}});
         to.add(from.reloads.refused, {{"result", "refused"}});
       }},
      {"clawbridge_settings_valid", Gauge, "0 while the settings file is wrong and older settings hold.", "",
       [](const Readings& from, Samples& to) { to.add(from.reloads.settings.error.empty()); }},
      {"clawbridge_settings_loaded_timestamp_seconds", Gauge, "When the settings that hold were read.", "",
       [](const Readings& from, Samples& to) { to.add(seconds_of(from.reloads.settings.loaded)); }},
      {"clawbridge_settings_restart_needed", Gauge, "Keys with a new value in the file that takes a restart.", "",
       [](const Readings& from, Samples& to) { to.add(std::uint64_t{from.reloads.settings.restart_needed.size()}); }},
      {"clawbridge_log_lines_total", Counter, "Lines for the log, those that were held back as repeats included.",
       "`level`: debug, info, warn, error",
       [](const Readings& from, Samples& to) {
         for (std::size_t i = 0; i < from.log_lines.size(); ++i)
           to.add(from.log_lines[i], {{"level", level_name(static_cast<Level>(i))}});
       }},
      {"clawbridge_events_total", Counter, "Everything else that is counted.", kEvent, fill_events},
      {"process_cpu_seconds_total", Counter, "Processor time of this process.", "",
       [](const Readings& from, Samples& to) { to.add(from.process.cpu_seconds); }},
      {"process_resident_memory_bytes", Gauge, "Resident memory. Linux only.", "",
       [](const Readings& from, Samples& to) {
         if (from.process.resident_bytes) to.add(*from.process.resident_bytes);
       }},
      {"process_open_fds", Gauge, "Open file descriptors. Linux only.", "",
       [](const Readings& from, Samples& to) {
         if (from.process.open_fds) to.add(*from.process.open_fds);
       }},
      {"process_max_fds", Gauge, "Their limit.", "",
       [](const Readings& from, Samples& to) {
         if (from.process.max_fds) to.add(*from.process.max_fds);
       }},
      {"process_start_time_seconds", Gauge, "When the daemon was started.", "",
       [](const Readings& from, Samples& to) { to.add(seconds_of(from.started)); }},
  };
  return all;
}

}  // namespace clawbridge::observe
