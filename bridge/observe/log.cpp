// The log on spdlog. See log.h. spdlog only carries finished lines: escaping and format are ours (line.h), because a
// pattern of its own would take remote text as it is.
#include "bridge/observe/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <chrono>
#include <utility>

namespace clawbridge::observe {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warn:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

Now system_now() {
  using std::chrono::duration_cast;
  return {Instant(duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())),
          std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

// One per process and owned by the io thread, as stderr is.
std::unique_ptr<Log>& process_log() {
  static std::unique_ptr<Log> log;
  return log;
}

}  // namespace

/// The sink without a lock, colours or a pattern.
class Log::Output {
 public:
  explicit Output(std::FILE* stream) : sink_(stream) { sink_.set_pattern("%v"); }

  void write(Level level, std::string_view line) {
    try {
      sink_.log(spdlog::details::log_msg({}, to_spdlog(level), spdlog::string_view_t(line.data(), line.size())));
    } catch (const spdlog::spdlog_ex&) {
      // The stream is closed or full; the bridge goes on without its log.
    }
  }

 private:
  spdlog::sinks::stdout_sink_base<spdlog::details::console_nullmutex> sink_;
};

Log::Log(Level level, Format format, std::FILE* stream, Clock clock)
    : level_(level), format_(format), clock_(std::move(clock)), output_(std::make_unique<Output>(stream)) {}

Log::~Log() = default;

void Log::write(Level level, std::string_view name, std::span<const Field> fields) {
  const bool is_trouble = level >= Level::Warn;
  if (!enabled(level) && !is_trouble) return;
  const Now now = clock_();
  if (is_trouble) troubles_.add(now.wall, level, name, fields);
  ++lines_[static_cast<std::size_t>(level)];
  if (!enabled(level)) return;
  if (const auto ended = limit_.take_ended(now.instant); !ended.empty()) write_suppressed(now.wall, ended);
  if (RepeatLimit::applies(level, name) && !limit_.admit(now.instant, level, name)) return;
  write_line(now.wall, level, name, fields);
}

void Log::flush() {
  write_suppressed(clock_().wall, limit_.take_all());
}

void Log::write_suppressed(WallTime time, const std::vector<Suppressed>& all) {
  for (const Suppressed& each : all) {
    const std::array<Field, 1> fields{Field("suppressed", std::to_string(each.count))};
    write_line(time, each.level, each.name, fields);
  }
}

void Log::write_line(WallTime time, Level level, std::string_view name, std::span<const Field> fields) {
  line_.clear();
  append_line(line_, format_, time, level, name, fields);
  output_->write(level, line_);
}

void init(Level level, Format format, std::FILE* stream) {
  process_log() = std::make_unique<Log>(level, format, stream, system_now);
}

void change(Level level, Format format) {
  if (process_log()) process_log()->change(level, format);
}

std::vector<core::TroubleView> troubles() {
  return process_log() ? process_log()->troubles().all() : std::vector<core::TroubleView>{};
}

std::array<std::uint64_t, 4> line_counts() {
  return process_log() ? process_log()->lines() : std::array<std::uint64_t, 4>{};
}

void close() {
  if (!process_log()) return;
  process_log()->flush();
  process_log().reset();
}

bool enabled(Level level) {
  return process_log() && process_log()->enabled(level);
}

void log(Level level, std::string_view name, std::span<const Field> fields) {
  if (process_log()) process_log()->write(level, name, fields);
}

void log(Level level, std::string_view name, std::initializer_list<Field> fields) {
  log(level, name, std::span<const Field>(fields.begin(), fields.size()));
}

void note(const core::action::Note& note) {
  log(note.level, note.name, std::span<const Field>(note.fields));
}

}  // namespace clawbridge::observe
