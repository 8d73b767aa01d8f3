#include "bridge/reload.h"

#include <utility>

#include "bridge/observe/log.h"

namespace clawbridge {
namespace {

// Two looks see a change: it holds within twice this. A look costs a few microseconds.
constexpr std::chrono::seconds kLookEvery{2};

WallTime loaded_at() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string list(const std::vector<std::string>& keys) {
  std::string text;
  for (const auto& key : keys) text.append(text.empty() ? "" : ",").append(key);
  return text;
}

}  // namespace

Reloader::Reloader(asio::io_context& io, const config::Settings& started, cli::Reread reread,
                   std::function<void(const config::Settings&)> apply)
    : io_(io),
      started_(started),
      held_(started),
      reread_(std::move(reread)),
      apply_(std::move(apply)),
      timer_(io),
      file_(config::stamp_of(reread_.file)) {
  view_.file = started.file;
  view_.loaded = loaded_at();
}

// (std::jthread would do this; the libc++ of macOS has none.)
Reloader::~Reloader() {
  join();
}

void Reloader::join() {
  if (reader_.joinable()) reader_.join();
}

void Reloader::watch() {
  if (reread_.file.empty()) return;
  timer_.expires_after(kLookEvery);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    look();
    watch();
  });
}

void Reloader::stop() {
  timer_.cancel();
}

void Reloader::look() {
  if (file_.look(config::stamp_of(reread_.file))) reload({});
}

void Reloader::reload(std::function<void(core::ReloadResult)> done) {
  if (done) asked_.push_back(std::move(done));
  again_ = true;
  if (!reading_) begin();
}

void Reloader::begin() {
  reading_ = true;
  again_ = false;
  answering_ = std::exchange(asked_, {});
  join();
  reader_ = std::thread([this] {
    Read read;
    try {
      read = reread_.load();
    } catch (const std::exception& error) {
      read = std::string(error.what());
    }
    asio::post(io_, [this, read = std::move(read)]() mutable { end(std::move(read)); });
  });
}

void Reloader::end(Read read) {
  core::ReloadResult result{core::ReloadView{}};
  if (const auto* wrong = std::get_if<std::string>(&read)) {
    ++refused_;
    view_.error = *wrong;
    observe::log(observe::Level::Error, "settings.refused",
                 {{"reason", *wrong}, {"remedy", "those before still hold; correct the file, and it is read again"}});
    result = Error{ErrorCode::BadRequest, *wrong + "; the settings before still hold", false};
  } else {
    result = take(std::get<config::Settings>(read));
  }
  reading_ = false;
  for (const auto& done : std::exchange(answering_, {})) done(result);
  if (again_) begin();
}

core::ReloadResult Reloader::take(const config::Settings& next) {
  core::ReloadView reload{config::changed_keys(held_, next).live, config::changed_keys(started_, next).restart};
  ++applied_;
  held_ = next;
  view_ = {next.file, loaded_at(), {}, reload.restart_needed};
  apply_(next);
  observe::log(observe::Level::Info, "settings.reloaded", {{"file", next.file}, {"changed", list(reload.changed)}});
  if (!reload.restart_needed.empty()) {
    observe::log(observe::Level::Warn, "settings.restart_needed",
                 {{"keys", list(reload.restart_needed)},
                  {"remedy", "restart clawbridge when it suits you; until then the values of the start hold"}});
  }
  return reload;
}

}  // namespace clawbridge
