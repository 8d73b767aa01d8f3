// The commented settings file that `clawbridge init` writes: the example, with what this machine needs switched on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::setup {

struct Setting {
  std::string section;  // `broker`
  std::string key;      // `url`
  std::string value;    // as YAML
};

/// `example` with each setting in its place there, switched on; one that the example does not show follows its
/// section's first line. What the example switches on and is not among `settings` stays as it is. `head`: comments, in
/// place of the example's own first ones. REQUIRES: the example has every section. Pure.
[[nodiscard]] std::string settings_text(std::string_view example, std::string_view head,
                                        const std::vector<Setting>& settings);

/// A text as YAML: in quotes, and nothing in it is a placeholder.
[[nodiscard]] std::string yaml_text(std::string_view text);
/// A placeholder as YAML: `"${file:PATH}"`.
[[nodiscard]] std::string yaml_file(std::string_view path);
[[nodiscard]] std::string yaml_list(const std::vector<std::string>& texts);

}  // namespace clawbridge::setup
