// What a supervisor is told and what its program inherits. Pure.
#include <algorithm>
#include <charconv>
#include <string_view>

#include "bridge/gateway/supervisor.h"

namespace clawbridge::gateway {
namespace {

constexpr std::string_view kUsualVariables[] = {"HOME",          "USER",           "LOGNAME",         "SHELL",          "PATH",
                                                "LANG",          "LANGUAGE",       "TZ",              "TMPDIR",         "XDG_CONFIG_HOME",
                                                "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME",  "XDG_RUNTIME_DIR"};
constexpr std::string_view kUsualPrefixes[] = {"LC_", "CLAW_"};

template <class Number>
bool read_number(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::vector<std::string> to_arguments(const SupervisorOrder& order) {
  std::vector<std::string> arguments{kSuperviseCommand,
                                     order.folder,
                                     std::to_string(order.reply_bytes),
                                     std::to_string(order.time_limit.count()),
                                     order.durable ? "1" : "0",
                                     order.tells ? "1" : "0",
                                     order.workdir,
                                     std::to_string(order.environment.size())};
  arguments.insert(arguments.end(), order.environment.begin(), order.environment.end());
  arguments.insert(arguments.end(), order.argv.begin(), order.argv.end());
  return arguments;
}

std::optional<SupervisorOrder> supervisor_order(const std::vector<std::string>& arguments) {
  constexpr std::size_t kBefore = 8;  // what stands before the lists
  if (arguments.size() < kBefore || arguments[0] != kSuperviseCommand) return std::nullopt;
  SupervisorOrder order;
  std::int64_t time_limit = 0;
  std::size_t names = 0;
  if (!read_number(arguments[2], order.reply_bytes) || !read_number(arguments[3], time_limit) || !read_number(arguments[7], names) ||
      names >= arguments.size() - kBefore) {
    return std::nullopt;
  }
  order.folder = arguments[1];
  order.time_limit = std::chrono::milliseconds(time_limit);
  order.durable = arguments[4] == "1";
  order.tells = arguments[5] == "1";
  order.workdir = arguments[6];
  const auto lists = arguments.begin() + kBefore;
  const auto argv = lists + static_cast<std::ptrdiff_t>(names);
  order.environment.assign(lists, argv);
  order.argv.assign(argv, arguments.end());
  return order;
}

std::vector<std::string> program_environment(const std::vector<std::string>& all, const std::vector<std::string>& named) {
  const auto is_passed = [&](std::string_view name) {
    return std::ranges::find(kUsualVariables, name) != std::end(kUsualVariables) || std::ranges::find(named, name) != named.end() ||
           std::ranges::any_of(kUsualPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
  };
  std::vector<std::string> passed;
  for (const auto& variable : all) {
    if (is_passed(std::string_view(variable).substr(0, variable.find('=')))) passed.push_back(variable);
  }
  return passed;
}

}  // namespace clawbridge::gateway
