#include "bridge/api/agents_survey.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bridge/api/view_json.h"

namespace clawbridge::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kAskedAtOnce = 64;
constexpr milliseconds kWaitMax{2'000};

class Survey : public std::enable_shared_from_this<Survey> {
 public:
  enum class Of { Everybody, Own };

  Survey(core::Service& service, const Caller& caller, Of whom, milliseconds wait, Respond respond)
      : service_(service), caller_(caller), whom_(whom), respond_(std::move(respond)), ends_(steady_clock::now() + std::min(wait, kWaitMax)) {
    const std::string own = service_.status().gateway;
    to_ask_.push_back(own);
    if (whom_ == Of::Own) return;
    for (const auto& peer : service_.peers()) {
      const bool is_there = peer.presence == "online" || peer.presence == "degraded";
      const bool believed = peer.trust != "pending" && peer.trust != "revoked";
      if (peer.gateway != own && is_there && believed) to_ask_.push_back(peer.gateway);
    }
  }

  /// False when there is nobody to ask.
  bool begin() {
    ask_more();
    return !asked_.empty();
  }
  void cancel() {
    to_ask_.clear();
    for (const auto& [gateway, ticket] : asked_) service_.cancel(ticket);
    asked_.clear();
  }
  [[nodiscard]] Answer answer() const {
    std::vector<AskedAgent> agents;
    for (auto& view : service_.agents()) {
      if (whom_ == Of::Own && view.remote) continue;
      AskedAgent agent{std::move(view), {}, {}};
      if (const auto found = answers_.find(agent.agent.gateway); found != answers_.end()) {
        agent.ops = ops_of(found->second, agent.agent.id);
        if (!agent.ops) agent.why = reason_of(found->second);
      }
      agents.push_back(std::move(agent));
    }
    return {200, survey_json(agents, caller_.is_operator() ? std::string_view{} : std::string_view(caller_.agent)), {}};
  }

 private:
  void ask_more() {
    while (!to_ask_.empty() && asked_.size() < kAskedAtOnce) {
      const auto gateway = std::move(to_ask_.front());
      to_ask_.pop_front();
      const auto left = std::chrono::ceil<milliseconds>(ends_ - steady_clock::now());
      if (left.count() <= 0) {
        answers_.emplace(gateway, core::AskResult(Error{ErrorCode::Timeout, gateway + " was not asked: the others took all the time", true}));
        continue;
      }
      core::event::LocalAsk ask;
      ask.caller_agent = caller_.agent;
      ask.what = body::AgentsList{};
      ask.gateway = gateway;
      ask.wait = left;
      const auto ticket = service_.ask(std::move(ask), [self = shared_from_this(), gateway](const core::AskResult& result) {
        self->take(gateway, result);
      });
      asked_.emplace(gateway, ticket);
    }
  }
  void take(const std::string& gateway, const core::AskResult& result) {
    asked_.erase(gateway);
    answers_.emplace(gateway, result);
    ask_more();
    if (!asked_.empty()) return;
    try {
      respond_(answer());
    } catch (const std::exception& failure) {
      respond_(error_answer(failure));
    }
  }

  static std::optional<std::vector<std::string>> ops_of(const core::AskResult& result, const std::string& id) {
    if (failure_of(result) || !result->agents) return std::nullopt;
    for (const auto& agent : *result->agents) {
      if (agent.id == id) return agent.ops;
    }
    return std::nullopt;
  }
  static std::string reason_of(const core::AskResult& result) {
    const auto error = failure_of(result);
    return error ? error->message : "its gateway does not list it for this caller";
  }

  core::Service& service_;
  const Caller caller_;
  const Of whom_;
  Respond respond_;
  const steady_clock::time_point ends_;
  std::deque<std::string> to_ask_;
  std::map<std::string, core::Ticket> asked_;
  std::map<std::string, core::AskResult> answers_;
};

Outcome survey(core::Service& service, const Caller& caller, Survey::Of whom, milliseconds wait, Respond respond) {
  const auto survey = std::make_shared<Survey>(service, caller, whom, wait, std::move(respond));
  if (wait.count() == 0 || !survey->begin()) return survey->answer();
  return Pending{[survey] { survey->cancel(); }, {}};
}

}  // namespace

Outcome survey_agents(core::Service& service, const Caller& caller, milliseconds wait, Respond respond) {
  return survey(service, caller, Survey::Of::Everybody, wait, std::move(respond));
}

Outcome survey_own_agents(core::Service& service, const Caller& caller, milliseconds wait, Respond respond) {
  return survey(service, caller, Survey::Of::Own, wait, std::move(respond));
}

std::optional<Error> failure_of(const core::AskResult& result) {
  if (!result) return result.error();
  if (result->error) return result->error;
  if (result->status == ReplyStatus::Ok) return std::nullopt;
  return Error{ErrorCode::GatewayError,
               result->gateway + " answered " + std::string(to_string(result->status)) + " without a reason", true};
}

}  // namespace clawbridge::api
