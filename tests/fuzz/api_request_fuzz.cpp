// Bytes on the local socket, through the real Connection, Routes and ArgumentParser, before a service that answers
// each call at once. The caller gets whole HTTP answers with JSON in them, the service gets only what is in order, and
// how the bytes were cut into pieces on their way changes no answer. Only when a request is refused as unreadable
// depends on that: Beast waits for a header's end once it has seen a part of it.
#include <sys/socket.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "bridge/api/access.h"
#include "bridge/api/connection.h"
#include "bridge/api/routes.h"
#include "bridge/core/host.h"
#include "bridge/core/service.h"
#include "bridge/crypto/system_cryptography.h"
#include "tests/fuzz/require.h"
#include "topics/address.h"
#include "topics/encoding.h"
#include "topics/limits.h"
#include "topics/ulid.h"

namespace clawbridge::fuzz {
namespace {

namespace http = boost::beast::http;

constexpr std::chrono::hours kSecondsMax{7 * 24};

core::ExchangeView view_of(const core::event::LocalSend& send) {
  core::ExchangeView view;
  view.correlation_id = "01KANYZ2Q6S7C0J5X4M3T8W9B1";
  view.status = "ok";
  view.gateway = "imac";
  view.agent = "jarvis";
  view.reply = "echo: " + send.message;
  view.session_key = send.session_key;
  view.attachments = send.attachments;
  return view;
}

void require_caller(const std::string& agent) {
  require(agent == kBridgeAgent || is_agent_id(agent), "a caller is a person or an agent");
}

void require_texts(std::initializer_list<std::string> texts) {
  for (const auto& text : texts) require(!find_invalid_utf8(text), "texts of a caller are valid UTF-8");
}

void require_files(const std::vector<body::Attachment>& files) {
  require(files.size() <= kAttachmentsMax, "files keep their limit");
  for (const auto& file : files) {
    require_texts({file.name, file.mime_type});
    require(base64_decode(file.content).has_value(), "a file's content is base64");
    require(is_hex(file.digest, 64), "a file has its digest");
  }
}

void require_times(std::chrono::milliseconds wait, const std::optional<std::chrono::milliseconds>& expires_in) {
  require(wait.count() >= 0 && wait <= kSecondsMax, "a wait keeps its limits");
  require(!expires_in || (expires_in->count() > 0 && *expires_in <= kSecondsMax), "an expiry keeps its limits");
}

class PromptHost final : public core::Host {
 public:
  explicit PromptHost(asio::io_context& io) : io_(io) {}

  std::string metrics(const core::StatusView&) override { return "{}"; }  // JSON, as all other answers
  std::vector<core::TroubleView> troubles() override { return {}; }
  core::SettingsView settings() override { return {}; }
  void reload(std::function<void(core::ReloadResult)> done) override {
    asio::post(io_, [done = std::move(done)] { done(core::ReloadView{}); });
  }

 private:
  asio::io_context& io_;
};

// Answers every call as soon as it may, which is later, and looks at what it was asked.
class PromptService final : public core::Service {
 public:
  explicit PromptService(asio::io_context& io) : io_(io) {}

  core::Ticket send(core::event::LocalSend request, std::function<void(core::SendResult)> done,
                    std::function<void(const std::string&)> progress) override {
    require(!request.message.empty(), "a message has text");
    require_texts({request.message, request.session_key, request.label, request.agent, request.gateway, request.caller_session});
    require_caller(request.caller_agent);
    require(request.caller_session.size() <= 1024, "a caller's session keeps its limit");
    require_times(request.wait, request.expires_in);
    require_files(request.attachments);
    return answer([view = view_of(request), done = std::move(done), progress = std::move(progress)] {
      if (progress) progress(*view.reply);
      done(view);
    });
  }
  core::Ticket spawn(core::event::LocalSpawn request, std::function<void(core::SendResult)> done,
                     std::function<void(const std::string&)>) override {
    require(!request.spawn.task.empty(), "a spawn has a task");
    require_texts({request.spawn.task, request.spawn.label, request.spawn.model, request.spawn.thinking, request.agent, request.gateway});
    require_caller(request.caller_agent);
    require_times(request.wait, request.expires_in);
    require_files(request.spawn.attachments);
    return answer([done = std::move(done)] { done(core::ExchangeView{}); });
  }
  core::Ticket wait(core::event::LocalWait request, std::function<void(core::SendResult)> done) override {
    require(is_ulid(request.id), "what is waited for is an id");
    require(request.wait.count() >= 0 && request.wait <= kSecondsMax, "a wait keeps its limits");
    return answer([done = std::move(done)] { done(Error{ErrorCode::UnknownExchange, "no such exchange", false}); });
  }
  core::Ticket stop(core::event::LocalCancel request, std::function<void(core::CancelResult)> done) override {
    require(is_ulid(request.id), "what is stopped is an id");
    require(request.wait.count() >= 0 && request.wait <= kSecondsMax, "a wait keeps its limits");
    return answer([done = std::move(done)] { done(core::CancelView{{}, "cancelled", true}); });
  }
  core::Ticket replay(core::event::LocalReplay request, std::function<void(core::SendResult)> done) override {
    require(is_ulid(request.id), "what is replayed is an id");
    return answer([done = std::move(done)] { done(core::ExchangeView{}); });
  }
  core::Ticket drop(core::event::LocalDrop request, std::function<void(core::SendResult)> done) override {
    require(is_ulid(request.id), "what is dropped is an id");
    return answer([done = std::move(done)] { done(core::ExchangeView{}); });
  }
  core::Ticket ask(core::event::LocalAsk request, std::function<void(core::AskResult)> done) override {
    require_texts({request.gateway, request.agent});
    require_caller(request.caller_agent);
    require_times(request.wait, {});
    if (const auto* list = std::get_if<body::SessionsList>(&request.what)) {
      for (const auto& kind : list->kinds) require_texts({kind, list->label, list->search});
    } else if (const auto* history = std::get_if<body::SessionsHistory>(&request.what)) {
      require(!history->session_key.empty() && !find_invalid_utf8(history->session_key), "a history is of a session");
    } else if (const auto* status = std::get_if<body::SessionStatus>(&request.what)) {
      require_texts({status->session_key});
    } else {
      require(!request.gateway.empty(), "a question is for a gateway");
    }
    return answer([done = std::move(done)] { done(Error{ErrorCode::GatewayDown, "nobody is there\xff", true}); });
  }
  core::Ticket trust(core::event::LocalTrust request, std::function<void(core::TrustResult)> done) override {
    require(is_gateway_name(request.gateway), "trust is for a gateway");
    const auto digits = request.fingerprint.size();
    require(digits >= core::kTrustDigits && digits <= 64 && is_hex(request.fingerprint, digits),
            "a fingerprint is 32 to 64 hex digits");
    return answer([done = std::move(done)] { done(core::PeerView{}); });
  }
  core::Ticket revoke(core::event::LocalRevoke request, std::function<void(core::TrustResult)> done) override {
    require(is_gateway_name(request.gateway), "a revocation is for a gateway");
    return answer([done = std::move(done)] { done(core::PeerView{}); });
  }
  void cancel(core::Ticket) override {}
  std::uint64_t watch(std::function<void(const core::action::Note&)> see) override {
    answer([see] { see({core::action::Level::Info, "exchange.ended", {{"cid", "01KANYZ2Q6S7C0J5X4M3T8W9B1"}}}); });
    return 1;
  }
  void unwatch(std::uint64_t) override {}

  core::StatusView status() override {
    core::StatusView view;
    view.gateway = "macbook";
    return view;
  }
  std::vector<core::PeerView> peers() override {
    core::PeerView view;
    view.gateway = "imac";
    view.presence = "online";
    view.trust = "joined";
    return {view};
  }
  std::vector<core::AgentView> agents() override { return std::vector<core::AgentView>(1); }
  std::optional<core::ExchangeView> exchange(std::string_view) override { return std::nullopt; }
  std::vector<core::ExchangeView> dead(std::size_t limit) override { return exchanges(limit); }
  std::vector<core::ExchangeView> exchanges(std::size_t limit) override {
    require(limit >= 1 && limit <= 1000, "a list keeps its limits");
    return std::vector<core::ExchangeView>(1);
  }

 private:
  core::Ticket answer(std::function<void()> call) {
    asio::post(io_, std::move(call));
    return ++tickets_;
  }

  asio::io_context& io_;
  core::Ticket tickets_ = 0;
};

// One caller on one connection. Everything happens inside say() and hang_up(), on this thread.
class Call {
 public:
  Call() {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets can be had");
    ours_.assign(asio::local::stream_protocol(), ends[0]);
    ours_.non_blocking(true);
    api::Connection::Socket theirs(io_, asio::local::stream_protocol(), ends[1]);
    std::make_shared<api::Connection>(std::move(theirs), access_, routes_, limits_, [this](api::Connection*) {
      ++closed_;
    })->start();
  }

  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      boost::system::error_code failure;
      bytes.remove_prefix(ours_.write_some(asio::buffer(bytes.data(), bytes.size()), failure));
      settle();
      if (failure && failure != asio::error::would_block) return;  // it has refused us and gone
    }
  }
  /// Returns all that was answered.
  std::string hang_up() {
    boost::system::error_code ignored;
    ours_.shutdown(asio::socket_base::shutdown_send, ignored);
    settle();
    require(closed_ == 1, "a connection ends, once, when its caller has hung up");
    return std::move(heard_);
  }

 private:
  void settle() {
    for (bool more = true; more;) {
      more = io_.poll() > 0;
      io_.restart();
      char bytes[4096];
      boost::system::error_code failure;
      const auto count = ours_.read_some(asio::buffer(bytes), failure);
      heard_.append(bytes, count);
      more = more || count > 0;
    }
  }

  asio::io_context io_{1};
  PromptService service_{io_};
  api::Refusals refusals_{[](const core::action::Note&) {}};
  api::SocketAccess access_;
  crypto::SystemCryptography crypto_;
  PromptHost host_{io_};
  api::Routes routes_{service_, host_, refusals_, crypto_};
  api::ConnectionLimits limits_{.body_bytes_max = 8 * 1024};
  api::Connection::Socket ours_{io_};
  std::string heard_;
  int closed_ = 0;
};

// Cuts off the answer that says that the bytes are no request. False when there is none.
bool cut_refusal(std::string_view& heard) {
  for (const auto* reason :
       {"cannot read this as an HTTP/1.1 request", "the request's header is longer", "the request body is longer"}) {
    const auto at = heard.rfind(reason);
    if (at == std::string_view::npos) continue;
    heard = heard.substr(0, heard.rfind("HTTP/1.1 ", heard.rfind("Connection: close", at)));
    return true;
  }
  return false;
}

// Without the ids that are drawn at random.
std::string without_sessions(std::string heard) {
  constexpr std::string_view kHeader = "Mcp-Session-Id: ";
  for (auto at = heard.find(kHeader); at != std::string::npos; at = heard.find(kHeader, at)) heard.erase(at, heard.find("\r\n", at) + 2 - at);
  return heard;
}

void check_alike(std::string_view whole, std::string_view halves) {
  const bool refused = cut_refusal(whole);
  if (cut_refusal(halves) || refused) {
    require(whole.starts_with(halves) || halves.starts_with(whole), "before a refusal, pieces change no answer");
  } else {
    require(whole == halves, "the same bytes in two pieces get the same answers");
  }
}

// Takes one answer off the front of `heard`.
void check_answer(std::string& heard) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (heard.starts_with(kContinue)) {
    heard.erase(0, kContinue.size());
    return;
  }
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  boost::system::error_code failure;
  const auto used = parser.put(asio::buffer(heard), failure);
  const auto& answer = parser.get();
  if (parser.is_header_done() && answer[http::field::content_type] == "text/event-stream") {
    require(answer.body().empty() || answer.body().ends_with("\n\n"), "events are whole");
    heard.erase(0, parser.is_done() ? used : heard.size());  // one without an end is the last answer
    return;
  }
  require(!failure && parser.is_done(), "an answer is whole and is HTTP");
  if (answer.result_int() == 202) {  // a notification of MCP
    require(answer.body().empty(), "a notification is not answered");
    heard.erase(0, used);
    return;
  }
  require(answer[http::field::content_type] == "application/json", "an answer says that it is JSON");
  const auto body = nlohmann::json::parse(answer.body(), nullptr, false);
  require(body.is_object(), "an answer is a JSON object");
  const auto status = answer.result_int();
  require(status == 200 || status == 503 || body.contains("error"), "a refusal has an error");
  if (body.contains("jsonrpc")) {
    require(body.contains("id") && body.contains("result") != body.contains("error"), "a response of JSON-RPC has a result or an error");
  } else if (body.contains("error")) {
    require(error_code_from(body["error"]["code"].get<std::string>()).has_value(),
            "an error has a code of the contract");
    require(!body["error"]["message"].get<std::string>().empty(), "an error says what is wrong");
  }
  heard.erase(0, used);
}

}  // namespace
}  // namespace clawbridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clawbridge;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz::Call whole;
  whole.say(bytes);
  auto heard = whole.hang_up();
  fuzz::Call halves;
  halves.say(bytes.substr(0, size / 2));
  halves.say(bytes.substr(size / 2));
  fuzz::check_alike(fuzz::without_sessions(heard), fuzz::without_sessions(halves.hang_up()));
  while (!heard.empty()) fuzz::check_answer(heard);
  return 0;
}
