#include "bridge/api/mcp_endpoint.h"

#include <array>
#include <boost/beast/http/field.hpp>
#include <memory>
#include <random>
#include <utility>
#include <variant>

#include "topics/encoding.h"

namespace clawbridge::api {
namespace {

using boost::beast::http::fields;

std::string_view value_of(const fields& header, const char* name) {
  const auto value = header[name];
  return {value.data(), value.size()};
}

/// Which request of which client. Agents of one name are told apart by the session's id, as every client counts from 0.
std::string key_of(const Caller& caller, const fields& header, const std::string& id) {
  return caller.agent + "\n" + std::string(value_of(header, "Mcp-Session-Id")) + "\n" + id;
}

std::string new_session() {
  std::random_device random;
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return hex_encode(bytes);
}

StreamEvent last_event(std::string message) { return {"message", std::move(message), true}; }

}  // namespace

/// A call under way: how to let it go, and how to end its answer without a result. It is listed as long as it lives.
struct McpEndpoint::Running {
  McpEndpoint& endpoint;
  std::string key;
  Respond respond;
  bool streams = false;
  std::function<void()> cancel = {};

  ~Running() {
    const auto found = endpoint.running_.find(key);
    if (found != endpoint.running_.end() && found->second.expired()) endpoint.running_.erase(found);  // not a later one's
  }
  void let_go() {
    if (cancel) std::exchange(cancel, nullptr)();
  }
};

bool accepts_events(const fields& header) {
  const auto accept = header[boost::beast::http::field::accept];
  return std::string_view(accept.data(), accept.size()).find("text/event-stream") != std::string_view::npos;
}

Outcome McpEndpoint::post(const std::string& body, const fields& header, const Caller& caller, Respond respond) {
  if (const auto version = value_of(header, "MCP-Protocol-Version"); !version.empty() && !mcp::is_version(version)) {
    std::string known;
    for (const auto each : mcp::kVersions) known += (known.empty() ? "" : ", ") + std::string(each);
    return Answer{400, mcp::error_message("null", mcp::RpcError::InvalidRequest, "the header MCP-Protocol-Version names no revision known here (" + known + ")"), {}};
  }
  auto step = mcp::read_message(body, tools_.status().version);
  if (auto* answered = std::get_if<mcp::Answered>(&step)) {
    Answer answer{answered->refused ? 400U : 200U, std::move(answered->message), {}};
    if (answered->initialized) answer.headers = "Mcp-Session-Id: " + new_session() + "\r\n";
    return answer;
  }
  if (const auto* cancelled = std::get_if<mcp::Cancelled>(&step)) cancel(key_of(caller, header, cancelled->id));
  if (auto* asked = std::get_if<mcp::Call>(&step)) return call(std::move(*asked), header, caller, std::move(respond));
  return Answer{202, {}, {}};
}

Outcome McpEndpoint::call(mcp::Call call, const fields& header, const Caller& from, Respond respond) {
  Caller caller = from;
  if (!caller.is_operator() && caller.session.empty()) caller.session = "agent:" + caller.agent + ":main";
  const auto running = std::shared_ptr<Running>(new Running{*this, key_of(caller, header, call.id), respond, accepts_events(header)});
  const auto end = [respond, call, streams = running->streams](const Piece& piece) {
    const auto& answer = std::get<Answer>(piece);
    auto message = mcp::result_message(call, answer.body, answer.status >= 300);
    if (streams) return respond(last_event(std::move(message)));
    respond(Answer{200, std::move(message), {}});
  };
  Progress progress;
  if (running->streams && call.progress_token) {
    progress = [respond, call, number = std::uint64_t{0}](const std::string& text) mutable {
      respond(StreamEvent{"message", mcp::progress_message(call, ++number, text), false, true});
    };
  }
  auto arguments = call.arguments;
  auto outcome = tools_.call({call.operation, arguments, caller, end, std::move(progress)});
  if (const auto* now = std::get_if<Answer>(&outcome)) return Answer{200, mcp::result_message(call, now->body, now->status >= 300), {}};
  running->cancel = std::move(std::get<Pending>(outcome).cancel);
  running_.insert_or_assign(running->key, running);
  Pending pending{[running] { running->let_go(); }, {}};
  if (running->streams) {
    pending.farewell = [call](const Answer& answer) { return last_event(mcp::result_message(call, answer.body, true)); };
  }
  return pending;
}

/// Nobody waits for it any more: its answer ends without a result, as the protocol wants it.
void McpEndpoint::cancel(const std::string& key) {
  const auto found = running_.find(key);
  if (found == running_.end()) return;
  const auto running = found->second.lock();
  if (!running) return;
  running->let_go();
  if (running->streams) return running->respond(StreamEvent{{}, {}, true});
  running->respond(Answer{202, {}, {}});
}

}  // namespace clawbridge::api
