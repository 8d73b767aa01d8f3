// From YAML and variables to entries. See entries.h.
#include "config/entries.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "config/nearest.h"
#include "config/values.h"
#include "topics/encoding.h"

namespace clawbridge::config {
namespace {

constexpr std::string_view kVariablePrefix = "CLAWBRIDGE_";

using Segments = std::vector<std::string>;

/// True when the first segments of a key's path are these; a `*` in it is any name.
bool begins_with(const std::vector<std::string_view>& path, const Segments& segments) {
  if (segments.size() > path.size()) return false;
  return std::equal(segments.begin(), segments.end(), path.begin(),
                    [](const std::string& segment, std::string_view part) {
                      return part == "*" || part == segment || (part == "#" && is_item_number(segment));
                    });
}

const Key* key_at(const Segments& segments) {
  const auto found = std::ranges::find_if(keys(), [&](const Key& key) {
    const auto path = split_path(key.path);
    return path.size() == segments.size() && begins_with(path, segments);
  });
  return found == keys().end() ? nullptr : &*found;
}

bool is_section(const Segments& segments) {
  return std::ranges::any_of(keys(), [&](const Key& key) {
    const auto path = split_path(key.path);
    return path.size() > segments.size() && begins_with(path, segments);
  });
}

/// For a section whose members the user names, the key below it that says what a name may be.
const Key* named_below(const Segments& segments) {
  const auto found = std::ranges::find_if(keys(), [&](const Key& key) {
    const auto path = split_path(key.path);
    return path.size() > segments.size() && begins_with(path, segments) && path[segments.size()] == "*";
  });
  return found == keys().end() ? nullptr : &*found;
}

/// True for a section that is a list of sections.
bool is_list(const Segments& segments) {
  return std::ranges::any_of(keys(), [&](const Key& key) {
    const auto path = split_path(key.path);
    return path.size() > segments.size() && begins_with(path, segments) && path[segments.size()] == "#";
  });
}

std::string advice(const std::optional<std::string>& meant) {
  return meant ? fmt::format("; did you mean \"{}\"?", *meant) : "; SETTINGS.md lists all keys";
}

/// What stands where the key's path has its `*` or `#`; empty for a key without one.
std::string chosen_name(const Key& key, const Segments& segments) {
  const auto path = split_path(key.path);
  const auto star = std::ranges::find_if(path, [](std::string_view part) { return part == "*" || part == "#"; });
  return star == path.end() ? std::string{} : segments[static_cast<std::size_t>(star - path.begin())];
}

/// The key most likely meant: by its whole path, else by its last part (a key put into the wrong section).
std::optional<std::string> nearest_key(const Segments& segments) {
  std::vector<std::string> paths;
  std::vector<std::string> last_parts;
  const auto add = [&](std::string_view path) {
    paths.emplace_back(path);
    last_parts.emplace_back(path.substr(path.rfind('.') + 1));
  };
  for (const Key& key : keys()) {
    const std::string_view section = key.path.substr(0, key.path.find('.'));
    if (!describe_section(section).empty() && std::ranges::find(paths, section) == paths.end()) add(section);
    if (!key.has_name()) add(key.path);
    if (key.in_list() && segments.size() > 1 && section == segments[0]) {
      std::string path(key.path);
      paths.push_back(path.replace(path.find('#'), 1, segments[1]));
      last_parts.emplace_back(key.path.substr(key.path.rfind('.') + 1));
    }
  }
  if (auto path = nearest(fmt::format("{}", fmt::join(segments, ".")), paths)) return path;
  const auto last = nearest(segments.back(), last_parts);
  if (!last) return std::nullopt;
  return paths[static_cast<std::size_t>(std::ranges::find(last_parts, *last) - last_parts.begin())];
}

/// Where a document begins; nothing else of it.
class DocumentStart : public YAML::EventHandler {
 public:
  YAML::Mark mark;

  void OnDocumentStart(const YAML::Mark& start) override { mark = start; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

class FileReader {
 public:
  explicit FileReader(const std::string& file) : file_(file) {}

  std::vector<Entry> read(std::string_view text) {
    // yaml-cpp takes a text with a NUL near its beginning for UTF-16 or UTF-32.
    if (const auto bad = std::min(find_invalid_utf8(text).value_or(text.size()), text.find('\0')); bad < text.size()) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
      throw SettingsError(fmt::format("{}:{}: not UTF-8; save the file as UTF-8", file_, line));
    }
    check_one_document(text);
    read_section(YAML::Load(std::string(text)), {});
    return std::move(entries_);
  }

 private:
  /// YAML::LoadAll() would tell as well, but a stray comma is an endless number of documents to it, until the memory is
  /// used up (yaml-cpp 0.7, its issue 1040).
  void check_one_document(std::string_view text) const {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    DocumentStart start;
    if (!parser.HandleNextDocument(start) || !parser.HandleNextDocument(start)) return;
    throw SettingsError(fmt::format(
        "{}: a second YAML document begins; settings are one document, remove the \"---\" or whatever stands "
        "between them",
        place(start.mark)));
  }

  [[noreturn]] void fail(const YAML::Node& node, std::string_view what) const {
    throw SettingsError(fmt::format("{}: {}", place(node.Mark()), what));
  }

  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : fmt::format("{}:{}", file_, mark.line + 1);
  }

  /// The scalar's text. The file was UTF-8, but yaml-cpp makes single bytes of the escapes \N and \_.
  const std::string& check_text(const YAML::Node& scalar) const {
    if (find_invalid_utf8(scalar.Scalar())) {
      fail(scalar, "a text with \\N or \\_ cannot be read; write the character itself, or \\x85 and \\xA0");
    }
    return scalar.Scalar();
  }

  void read_section(const YAML::Node& node, const Segments& segments) {
    if (node.IsNull()) return;  // a section whose lines are all commented out
    const std::string path = fmt::format("{}", fmt::join(segments, "."));
    if (!segments.empty() && is_list(segments)) {
      read_list(node, segments, path);
      return;
    }
    if (!node.IsMap()) {
      fail(node, segments.empty() ? "settings are keys and values, as in \"gateway: { name: imac }\""
                                  : fmt::format("{} must have keys below it, as in \"{}: {{ … }}\"", path, path));
    }
    const Key* named = named_below(segments);
    std::set<std::string> seen;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) fail(member.first, "a key must be a plain word");
      check_text(member.first);
      Segments below = segments;
      below.push_back(member.first.Scalar());
      const std::string full = fmt::format("{}", fmt::join(below, "."));
      if (!seen.insert(below.back()).second) {
        fail(member.first, fmt::format("\"{}\" stands here a second time; remove one", full));
      }
      if (named != nullptr && !named->valid_name(below.back())) {
        fail(member.first,
             fmt::format("\"{}\" cannot be a name; names have a-z 0-9 _ - and begin with a letter or digit", full));
      }
      read_member(member.first, member.second, below, full);
    }
  }

  void read_list(const YAML::Node& node, const Segments& segments, const std::string& path) {
    if (!node.IsSequence()) fail(node, fmt::format("{} must be a list, each item beginning with \"- \"", path));
    for (std::size_t i = 0; i < node.size(); ++i) {
      Segments below = segments;
      below.push_back(std::to_string(i + 1));
      if (!node[i].IsMap() || node[i].size() == 0) fail(node[i], fmt::format("item {} of {} must have keys, as in \"- {{ to: jarvis }}\"", i + 1, path));
      read_section(node[i], below);
    }
  }

  void read_member(const YAML::Node& name, const YAML::Node& value, const Segments& segments, const std::string& path) {
    if (const Key* key = key_at(segments)) {
      Entry entry{key, chosen_name(*key, segments), read_value(*key, value, name, path), place(name.Mark())};
      entries_.push_back(std::move(entry));
    } else if (is_section(segments)) {
      if (segments.size() > 1 && (value.IsNull() || (value.IsMap() && value.size() == 0)))
        fail(name, fmt::format("{} says nothing; remove it", path));
      read_section(value, segments);
    } else {
      fail(name, fmt::format("unknown key \"{}\"{}", path, advice(nearest_key(segments))));
    }
  }

  std::vector<std::string> read_value(const Key& key, const YAML::Node& value, const YAML::Node& name,
                                      const std::string& path) const {
    if (value.IsNull()) fail(name, fmt::format("{} has no value; write one, or remove the key for its default", path));
    if (key.type == Type::List && !(key.in_list() && value.IsScalar())) {
      const auto is_scalar = [](const YAML::Node& item) { return item.IsScalar(); };
      if (!value.IsSequence() || !std::all_of(value.begin(), value.end(), is_scalar)) {
        fail(value, fmt::format("{} must be a list, as in \"[jarvis, pepper]\"", path));
      }
      std::vector<std::string> items;
      for (const auto& item : value) items.push_back(check_text(item));
      return items;
    }
    if (!value.IsScalar()) {
      fail(value, fmt::format("{} must be a single value; allowed: {}", path, allowed_values(key)));
    }
    return {check_text(value)};
  }

  const std::string& file_;
  std::vector<Entry> entries_;
};

}  // namespace

std::string Entry::path() const {
  std::string text(key->path);
  if (const std::size_t star = text.find_first_of("*#"); star != std::string::npos) text.replace(star, 1, name);
  return text;
}

std::vector<Entry> entries_of_file(std::string_view text, const std::string& file) {
  try {
    return FileReader(file).read(text);
  } catch (const YAML::Exception& error) {
    const std::string place =
        error.mark.is_null() ? file : fmt::format("{}:{}:{}", file, error.mark.line + 1, error.mark.column + 1);
    throw SettingsError(fmt::format("{}: not valid YAML: {}", place, error.msg));
  }
}

std::vector<Entry> entries_of_variables(const Environment& environment) {
  std::vector<std::string> known;
  for (const Key& key : keys()) {
    if (!key.has_name()) known.push_back(variable_name(key.path));
  }
  std::vector<std::string> names = environment.variable_names();
  std::ranges::sort(names);  // so that the first thing wrong is always the same one
  std::vector<Entry> entries;
  for (const std::string& name : names) {
    if (!name.starts_with(kVariablePrefix)) continue;
    const auto key = std::ranges::find_if(keys(), [&](const Key& each) { return variable_name(each.path) == name; });
    if (key == keys().end()) {
      throw SettingsError(fmt::format("{}: unknown environment variable{}", name, advice(nearest(name, known))));
    }
    const std::string value = environment.variable(name).value_or(std::string{});
    if (value.empty()) continue;
    std::vector<std::string> texts{value};
    if (key->type == Type::List) texts = split_list(value);
    entries.push_back({&*key, {}, std::move(texts), name});
  }
  return entries;
}

}  // namespace clawbridge::config
