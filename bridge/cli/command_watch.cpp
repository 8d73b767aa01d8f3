// clawbridge watch: what passes, as it passes, until Ctrl-C. The daemon tells what it sends and receives itself, so
// this needs no rights at the broker, and sees no more than this bridge may.
#include <csignal>
#include <optional>

#include "bridge/cli/commands.h"
#include "bridge/cli/conversation.h"
#include "bridge/cli/render.h"
#include "bridge/cli/watch_line.h"

namespace clawbridge::cli {
namespace {

constexpr std::chrono::seconds kAgain{1};

/// One run of the command, on an io_context of its own.
class Watch {
 public:
  Watch(const Context& context, const WatchOptions& options)
      : context_(context),
        options_(options),
        lines_({options.gateway, options.agent, options.cid}),
        retry_(io_),
        signals_(io_, SIGINT, SIGTERM) {}

  ExitCode run() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int) {
      if (!cancelled) io_.stop();
    });
    listen();
    io_.run();
    if (failure_) throw Failure(*failure_);
    return ExitCode::Done;
  }

 private:
  void listen() {
    Order order{"GET", "/v1/events", {}, {}, {}};
    order.see = [this](const std::string& name, const nlohmann::json& data) { see(name, data); };
    order.opened = [this] { opened(); };
    conversation_ = Conversation::begin(io_, context_.client().socket_path(), std::move(order), {},
                                        [this](const Ended& ended) { on_end(std::get<Failure>(ended)); });
  }

  void opened() {
    if (gone_) context_.err() << "clawbridge: the daemon is back\n" << std::flush;
    was_there_ = true;
    gone_ = false;
  }

  void on_end(const Failure& failure) {
    if (!was_there_ || failure.exit_code() != ExitCode::Unreachable) {
      failure_ = failure;
      return io_.stop();
    }
    if (!gone_)
      context_.err() << "clawbridge: the daemon has gone; waiting until it is back (Ctrl-C to stop)\n" << std::flush;
    gone_ = true;
    retry_.expires_after(kAgain);
    retry_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) listen();
    });
  }

  void see(const std::string& name, const nlohmann::json& data) {
    auto shown = lines_.take(name, data);
    if (!shown) return;
    if (options_.text) add_text(*shown);
    if (context_.json) {
      context_.out() << line(*shown);
    } else {
      context_.out() << watch_text(*shown);
      if (const auto text = shown->value("text", ""); !text.empty())
        context_.out() << "    " << shortened(text) << "\n";
    }
    context_.out() << std::flush;
    if (!context_.out() || (options_.count != 0 && ++shown_ >= options_.count)) io_.stop();
  }

  // The daemon has opened what was sealed for it, and keeps it: only messages of exchanges that this bridge takes part
  // in.
  void add_text(nlohmann::json& shown) const {
    const auto type = shown.value("type", "");
    const auto cid = shown.value("correlationId", "");
    if (cid.empty() || (type != "request" && type != "reply")) return;
    try {
      const auto exchange = context_.client().get("/v1/exchanges/" + cid).json;
      const auto text = exchange.value(type == "request" ? "message" : "reply", "");
      if (!text.empty()) shown["text"] = shortened(text);
    } catch (const Failure&) {
      // A question, which nobody keeps; or the daemon is going.
    }
  }

  const Context& context_;
  const WatchOptions& options_;
  WatchLines lines_;
  asio::io_context io_;
  asio::steady_timer retry_;
  asio::signal_set signals_;
  std::shared_ptr<Conversation> conversation_;
  std::optional<Failure> failure_;
  bool was_there_ = false;
  bool gone_ = false;
  std::uint64_t shown_ = 0;
};

}  // namespace

ExitCode watch(const Context& context, const WatchOptions& options) {
  return Watch(context, options).run();
}

}  // namespace clawbridge::cli
