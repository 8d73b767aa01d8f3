// The reference page of all settings, from the table of keys.
#include <fmt/format.h>

#include "config/keys.h"
#include "config/settings.h"

namespace clawbridge::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Settings

This page is made from the table in `keys.cpp`; `CLAWBRIDGE_UPDATE_GOLDEN=1` with the settings test writes it anew.

Settings come from one YAML file, `$XDG_CONFIG_HOME/clawbridge/clawbridge.yaml` (by default below `~/.config`) or the one
named with `--config`. Without any file the defaults hold. `clawbridge.example.yaml` is a commented example,
`clawbridge.schema.json` a schema for editors. An unknown key is an error.

**Variables.** A key with a variable beside it can be set there too; the variable comes before the file. Lists are
separated by commas. An empty variable counts as not set; an unknown one that begins with `CLAWBRIDGE_` is an error.

**Placeholders.** Any value may contain `${env:NAME}`, `${file:PATH}` (without the newline at its end) and
`${command:PROGRAM ARGUMENTS}` (the first line it prints; quotes keep blanks together, no shell, at most 10 s). A
placeholder ends at the first `}`. `$${` is a literal `${`.

**Lists of rules.** In a key like `policy.#.from` the `#` stands for each item of the list `policy`.

**New values.** The daemon reads the file again when it changes (within some 5 s), on SIGHUP, and for `clawbridge reload`, which says
what came of it; files and variables that it names are read again too. Wrong settings leave the old ones in force: the log,
`clawbridge status` and a metric say so. What takes a restart is named there, and waits for it. Exchanges that were taken go on.

**Durations** are a whole number and `ms`, `s`, `m`, `h` or `d`. **Paths** may begin with `~/`; others are relative to the
working directory.
)";

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string default_cell(const Key& key) {
  if (!key.default_text.empty()) return fmt::format("`{}`", key.default_text);
  return key.default_words.empty() ? "none" : cell(key.default_words);
}

std::string row(const Key& key) {
  const std::string variable = variable_name(key.path);
  return fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", key.path, cell(key.description), cell(allowed_values(key)),
                     default_cell(key), variable.empty() ? "none" : "`" + variable + "`", key.reload ? "at once" : "restart");
}

}  // namespace

std::string reference_markdown() {
  std::string page(kIntroduction);
  std::string_view current = "\n";  // no section is called that
  for (const Key& key : keys()) {
    const std::string_view part = key.path.substr(0, key.path.find('.'));
    const std::string_view description = describe_section(part);
    const std::string_view section = description.empty() ? std::string_view{} : part;
    if (section != current) {
      page += section.empty() ? "\n## Top level\n" : fmt::format("\n## {}\n\n{}\n", section, description);
      page += "\n| key | meaning | allowed | default | variable | a new value holds |\n|---|---|---|---|---|---|\n";
      current = section;
    }
    page += row(key);
  }
  return page;
}

}  // namespace clawbridge::config
