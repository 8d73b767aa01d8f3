#include "tests/sim/describe.h"

#include "tests/sim/trace.h"

namespace clawbridge::sim {
namespace {

using namespace core;

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

// One attribute of a payload, for a person: no parser is needed to look at what the core wrote itself.
std::string member(std::string_view payload, std::string_view name) {
  const auto at = payload.find("\"" + std::string(name) + "\":\"");
  if (at == std::string_view::npos) return {};
  const auto begin = at + name.size() + 4;
  return std::string(payload.substr(begin, payload.find('"', begin) - begin));
}

std::string brief(std::string_view topic, std::string_view payload) {
  auto text = std::string(topic) + " " + member(payload, "type");
  for (const auto* name : {"correlationid", "stage", "reason", "status", "state", "incarnation"}) {
    if (auto value = member(payload, name); !value.empty()) text += std::string(" ") + name + "=" + value;
  }
  if (const auto ids = payload.find("\"ids\":"); ids != std::string_view::npos) text += " " + std::string(payload.substr(ids, payload.find(']', ids) + 1 - ids));
  if (const auto exchanges = payload.find("\"exchanges\":"); exchanges != std::string_view::npos) {
    text += " " + std::string(payload.substr(exchanges, payload.find(']', exchanges) + 1 - exchanges));
  }
  return text;
}

std::string name_of(const RunKey& run) { return run.source_gateway + ":" + run.id + ":" + std::to_string(run.attempt); }

std::string describe_order(const StoreOrder& order) {
  return std::visit(Overloaded{
                        [](const store::PutOutgoing& o) { return "put outgoing " + o.record.id + " " + o.record.stage + " " + o.record.status; },
                        [](const store::UpdateOutgoing& o) { return "update outgoing " + o.id + " " + o.stage + " " + o.status; },
                        [](const store::PutIncoming& o) { return "put incoming " + o.record.id + " stage " + std::to_string(static_cast<int>(o.record.stage)) + " " + o.record.status; },
                        [](const store::UpdateIncoming& o) { return "update incoming " + o.id + " stage " + std::to_string(static_cast<int>(o.stage)) + " " + o.status; },
                        [](const store::Told& o) { return "told " + std::to_string(o.ids.size()); },
                        [](const store::BuryDead& o) { return "bury " + o.id; },
                        [](const store::AcknowledgeIncoming& o) { return "acknowledge " + o.ids.front() + " of " + std::to_string(o.ids.size()); },
                        [](const store::PutPeer& o) { return "put peer " + o.record.gateway; },
                        [](const store::RemovePeer& o) { return "remove peer " + o.gateway; },
                        [](const store::Purge&) { return std::string("purge"); },
                        [](const store::PutEpoch& o) { return "put epoch " + std::to_string(o.epoch); },
                    },
                    order);
}

}  // namespace

std::uint64_t hash_of(const Event& event) {
  if (const auto* message = std::get_if<event::BrokerMessage>(&event)) return hash_of(message->payload) + event.index();
  if (const auto* ended = std::get_if<event::RunEnded>(&event)) return hash_of(ended->run.id) + event.index();
  return event.index();
}

std::uint64_t hash_of(const Action& action) {
  if (const auto* publish = std::get_if<action::Publish>(&action)) return hash_of(publish->payload) + action.index();
  if (const auto* run = std::get_if<action::StartRun>(&action)) return hash_of(run->idempotency_key) + action.index();
  if (const auto* note = std::get_if<action::Note>(&action)) return hash_of(note->name) + action.index();
  return action.index();
}

std::string describe(const Event& event) {
  return std::visit(Overloaded{
                        [](const event::Tick&) { return std::string("tick"); },
                        [](const event::BrokerConnected&) { return std::string("broker connected"); },
                        [](const event::BrokerConnectFailed& e) { return "broker connect failed: " + e.reason; },
                        [](const event::BrokerLost& e) { return "broker lost: " + e.reason; },
                        [](const event::BrokerSubscribed&) { return std::string("subscribed"); },
                        [](const event::BrokerPublished& e) { return "published " + std::to_string(e.token) + (e.ok ? "" : " failed"); },
                        [](const event::BrokerMessage& e) { return "<- " + brief(e.topic, e.payload) + (e.retained ? " (retained)" : ""); },
                        [](const event::GatewayUp& e) { return "gateway up " + e.boot_id; },
                        [](const event::GatewayDown&) { return std::string("gateway down"); },
                        [](const event::GatewayAgents&) { return std::string("gateway agents"); },
                        [](const event::SessionResolved& e) { return "session resolved " + name_of(e.run) + " " + (e.session_key ? *e.session_key : e.session_key.error().message); },
                        [](const event::RunStarted& e) { return "run started " + name_of(e.run); },
                        [](const event::RunEnded& e) { return "run ended " + name_of(e.run) + " " + std::string(to_string(e.outcome.status)); },
                        [](const event::RunNotTaken& e) { return "run not taken " + name_of(e.run) + ": " + e.reason; },
                        [](const event::RunLost& e) { return "run lost " + name_of(e.run) + ": " + e.reason; },
                        [](const event::LocalSend& e) { return "send " + e.caller_agent + " -> " + e.gateway + "/" + e.agent + " " + e.session_key + e.label + " " + e.message.substr(0, 12); },
                        [](const event::RunProgress& e) { return "run progress " + name_of(e.run); },
                        [](const event::SessionsRead& e) { return "sessions read " + std::to_string(e.read); },
                        [](const event::LocalSpawn& e) { return "spawn " + e.caller_agent + " -> " + e.gateway + "/" + e.agent + " " + e.spawn.task.substr(0, 12); },
                        [](const event::LocalAsk& e) { return "ask " + e.gateway; },
                        [](const event::LocalWait& e) { return "wait " + e.id; },
                        [](const event::LocalCancel& e) { return "cancel " + e.id; },
                        [](const event::LocalReplay& e) { return "replay " + e.id; },
                        [](const event::LocalDrop& e) { return "drop " + e.id; },
                        [](const event::AbortRefused& e) { return "abort refused " + name_of(e.run); },
                        [](const event::LocalGone&) { return std::string("caller gone"); },
                        [](const event::LocalTrust& e) { return "trust " + e.gateway; },
                        [](const event::LocalRevoke& e) { return "revoke " + e.gateway; },
                        [](const event::SettingsChanged&) { return std::string("settings changed"); },
                        [](const event::Shutdown&) { return std::string("shut down"); },
                    },
                    event);
}

std::string describe(const Action& action) {
  return std::visit(Overloaded{
                        [](const action::Store& a) { return describe_order(a.order); },
                        [](const action::ConnectBroker&) { return std::string("connect broker"); },
                        [](const action::DisconnectBroker&) { return std::string("disconnect broker"); },
                        [](const action::Subscribe&) { return std::string("subscribe"); },
                        [](const action::Publish& a) { return "-> " + brief(a.topic, a.payload); },
                        [](const action::ResolveSession& a) { return "resolve " + name_of(a.run); },
                        [](const action::StartRun& a) { return "start run " + name_of(a.run) + " in " + a.session_key; },
                        [](const action::AbortRun& a) { return "abort run " + name_of(a.run); },
                        [](const action::ForgetRun& a) { return "forget run " + name_of(a.run); },
                        [](const action::ReadSessions& a) { return "read sessions " + std::to_string(a.read); },
                        [](const action::Progress& a) { return "progress of " + a.id; },
                        [](const action::RecoverRun& a) { return "recover run " + name_of(a.run) + " boot " + a.boot_id; },
                        [](const action::Answer& a) {
                          const auto* sent = std::get_if<SendResult>(&a.result);
                          if (const auto* cancel = std::get_if<CancelResult>(&a.result); cancel != nullptr && *cancel) {
                            return "answer " + std::to_string(a.ticket) + " " + (*cancel)->exchange.correlation_id + " " + (*cancel)->result;
                          }
                          return "answer " + std::to_string(a.ticket) + (sent == nullptr ? "" : *sent ? " " + (*sent)->correlation_id + " " + (*sent)->status : " " + sent->error().message);
                        },
                        [](const action::Note& a) {
                          auto text = "note " + std::string(a.name);
                          for (const auto& [name, value] : a.fields) text += " " + std::string(name) + "=" + value;
                          return text;
                        },
                        [](const action::Stopped&) { return std::string("stopped"); },
                    },
                    action);
}

}  // namespace clawbridge::sim
