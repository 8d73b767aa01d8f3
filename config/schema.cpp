// The JSON schema of the settings file, from the table of keys. Editors show it while typing, so it is a little more
// lenient than load(): it cannot see through placeholders.
#include <nlohmann/json.hpp>
#include <utility>

#include "config/keys.h"
#include "config/settings.h"
#include "config/values.h"

namespace clawbridge::config {
namespace {

using Json = nlohmann::ordered_json;

Json new_section(std::string_view description) {
  Json section;
  section["type"] = "object";
  if (!description.empty()) section["description"] = description;
  section["additionalProperties"] = false;
  section["properties"] = Json::object();
  return section;
}

/// YAML readers see `5` as a number, and some old ones `off` as false.
Json choices(const Key& key) {
  Json values = Json::array();
  for (const std::string_view choice : key.choices) {
    values.push_back(choice);
    if (const auto number = parse_integer(choice)) values.push_back(*number);
    if (choice == "off") values.push_back(false);
  }
  return values;
}

Json or_placeholder(Json schema) {
  Json both;
  both["anyOf"] = Json::array({std::move(schema), Json{{"$ref", "#/$defs/placeholder"}}});
  return both;
}

Json value_schema(const Key& key) {
  switch (key.type) {
    case Type::Boolean:
      return or_placeholder({{"type", "boolean"}});
    case Type::Integer:
      return or_placeholder({{"type", "integer"}, {"minimum", key.least}, {"maximum", key.most}});
    case Type::Duration:
      return or_placeholder({{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}});
    case Type::Choice:
      return or_placeholder({{"enum", choices(key)}});
    case Type::List:
      if (key.in_list()) return {{"anyOf", {{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}, {"uniqueItems", true}}}}};
      return {{"type", "array"}, {"items", {{"type", "string"}}}, {"uniqueItems", !key.repeats}};
    case Type::Text:
    case Type::Secret:
    case Type::Path:
      break;
  }
  if (key.path == "version") return {{"enum", {1, "1"}}};
  return {{"type", "string"}};
}

Json default_value(const Key& key) {
  if (key.type == Type::Boolean) return parse_boolean(key.default_text).value_or(false);
  if (key.type == Type::List) return split_list(key.default_text);
  const auto number = parse_integer(key.default_text);
  if (number && (key.type == Type::Integer || key.path == "version")) return *number;
  return key.default_text;
}

Json key_schema(const Key& key) {
  std::string description(key.description);
  if (!key.allowed.empty()) description += " Allowed: " + allowed_values(key) + ".";
  if (!key.default_words.empty()) description += " Default: " + std::string(key.default_words) + ".";
  Json schema;
  schema["description"] = std::move(description);
  schema.update(value_schema(key));
  if (!key.default_text.empty()) schema["default"] = default_value(key);
  return schema;
}

/// The section below `parent` called `part`, made when it is not there yet.
Json& enter(Json& parent, std::string_view part, std::string_view description) {
  if (part == "#") {
    parent["type"] = "array";
    parent.erase("additionalProperties");
    parent.erase("properties");
    if (!parent.contains("items")) parent["items"] = new_section(description);
    return parent["items"];
  }
  if (part == "*") {
    if (!parent["additionalProperties"].is_object()) parent["additionalProperties"] = new_section(description);
    return parent["additionalProperties"];
  }
  Json& properties = parent["properties"];
  const std::string name(part);
  if (!properties.contains(name)) properties[name] = new_section(description);
  return properties[name];
}

}  // namespace

std::string schema_json() {
  Json root;
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["title"] = "clawbridge settings";
  root.update(new_section({}));
  for (const Key& key : keys()) {
    const auto parts = split_path(key.path);
    Json* section = &root;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      section = &enter(*section, parts[i], i == 0 ? describe_section(parts[i]) : std::string_view{});
    }
    if (parts.back() == "*") {
      (*section)["additionalProperties"] = key_schema(key);
    } else {
      (*section)["properties"][std::string(parts.back())] = key_schema(key);
    }
  }
  root["$defs"]["placeholder"] = {{"type", "string"}, {"pattern", "\\$\\{(env|file|command):[^}]+\\}"}};
  return root.dump(2) + "\n";
}

}  // namespace clawbridge::config
