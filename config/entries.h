// What a settings file and the environment say, key by key and still as text, with the place where each was said.
// No YAML type leaves this part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"
#include "config/keys.h"

namespace clawbridge::config {

struct Entry {
  const Key* key = nullptr;        // of keys()
  std::string name;                // what stands for the key's `*` or `#`
  std::vector<std::string> texts;  // one, or the items of a list
  std::string place;               // `clawbridge.yaml:7`, or the variable's name

  /// The key as the user sees it: `peers.macbook.fingerprint`.
  [[nodiscard]] std::string path() const;
};

/// Throws SettingsError for text that is not YAML, unknown or repeated keys, and values of the wrong shape.
/// `file`: its name, for messages.
[[nodiscard]] std::vector<Entry> entries_of_file(std::string_view text, const std::string& file);

/// All CLAWBRIDGE_* variables that are not empty. Lists are split at commas. Throws SettingsError for an unknown one.
[[nodiscard]] std::vector<Entry> entries_of_variables(const Environment& environment);

}  // namespace clawbridge::config
