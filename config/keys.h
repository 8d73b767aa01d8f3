// The table of keys: the one place that knows what can be set. Validation, environment overrides, the JSON schema and
// the reference page are all made from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.h"

namespace clawbridge::config {

enum class Type {
  Text,
  Secret,  // a text that no error message repeats
  Path,    // a text in which `~/` is expanded
  Boolean,
  Integer,   // least to most
  Duration,  // least to most, in milliseconds
  Choice,    // one of choices; assigned as its index
  List,      // of texts, each once unless `repeats`
};

/// Puts a checked value into the settings. The last forms are for keys with a `*` or `#`, and get what stands there.
using Assign = std::variant<std::monostate, void (*)(Settings&, const std::string&), void (*)(Settings&, bool),
                            void (*)(Settings&, std::uint64_t), void (*)(Settings&, std::chrono::milliseconds),
                            void (*)(Settings&, std::vector<std::string>),
                            void (*)(Settings&, const std::string&, const std::string&),
                            void (*)(Settings&, const std::string&, std::uint64_t),
                            void (*)(Settings&, const std::string&, std::vector<std::string>)>;

struct Key {
  std::string_view path;  // dotted; a `*` stands for a name the user chooses, a `#` for the items of a list, from 1
  Type type = Type::Text;
  bool reload = false;    // another value holds without a restart: see changed_keys() in settings.h
  std::string_view description{};
  std::string_view default_text{};            // as a user would write it; empty: nothing, or found out
  std::string_view default_words{};           // says what holds where default_text is empty
  std::string_view allowed{};                 // what `valid` takes, for people
  bool (*valid)(std::string_view) = nullptr;  // of a text, or of each item of a list
  bool repeats = false;                       // an item of a list may stand there again, as in a command line
  std::vector<std::string_view> choices{};
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  std::uint64_t step = 1;                          // of a duration
  bool (*valid_name)(std::string_view) = nullptr;  // of what stands for `*` or `#`
  Assign assign{};

  [[nodiscard]] bool has_name() const { return path.find_first_of("*#") != std::string_view::npos; }
  [[nodiscard]] bool in_list() const { return path.find('#') != std::string_view::npos; }
};

/// Every key, in the order of the reference page. Constant; any thread.
[[nodiscard]] const std::vector<Key>& keys();

/// Nothing when there is no such key.
[[nodiscard]] const Key* find_key(std::string_view path);

/// One sentence about a key with parts, `gateway`, `broker`, …; empty for any other.
[[nodiscard]] std::string_view describe_section(std::string_view path);

/// What may be written for a key, in words.
[[nodiscard]] std::string allowed_values(const Key& key);

/// CLAWBRIDGE_BROKER_URL for broker.url. Keys with a `*` or `#` have none (empty).
[[nodiscard]] std::string variable_name(std::string_view path);

/// `a.b.c` as its parts.
[[nodiscard]] std::vector<std::string_view> split_path(std::string_view path);

}  // namespace clawbridge::config
