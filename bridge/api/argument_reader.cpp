#include "bridge/api/argument_reader.h"

#include <array>
#include <cmath>

#include "bridge/api/nearest.h"
#include "bridge/api/quoted.h"
#include "topics/encoding.h"
#include "topics/limits.h"

namespace clawbridge::api {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kTextsMax = 64;

std::string_view type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return "a number";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a boolean";
    case element_type::NULL_VALUE:
      return "null";
  }
  return "something else";
}

std::string must_be(std::string_view what, element value) {
  return "must be " + std::string(what) + ", not " + std::string(type_name(value.type()));
}

std::string list_of(std::span<const std::string_view> words) {
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  return list;
}

Error unknown_argument(std::string_view name, std::span<const Argument> known) {
  std::vector<std::string_view> names;
  for (const Argument& argument : known) names.push_back(argument.name);
  const std::string_view guess = nearest(name, names);
  return bad_request("unknown argument " + quoted(name) +
                     (guess.empty() ? "" : ": did you mean " + quoted(guess) + "?") +
                     (names.empty() ? " (this tool takes none)" : " (known: " + list_of(names) + ")"));
}

Error malformed(std::string_view body, simdjson::error_code code) {
  if (const auto offset = find_invalid_utf8(body)) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(body[*offset]);
    return bad_request("the request body is not valid UTF-8: byte 0x" +
                       std::string{kDigits[byte >> 4], kDigits[byte & 15]} + " at offset " + std::to_string(*offset) +
                       "; send the text as UTF-8");
  }
  return bad_request("the request body is not valid JSON: " + std::string(simdjson::error_message(code)) +
                     "; send one JSON object with the tool's arguments");
}

std::optional<Error> assign(simdjson::dom::object members, std::span<const Argument> known) {
  std::vector<bool> seen(known.size(), false);
  for (const auto member : members) {
    std::size_t i = 0;
    while (i < known.size() && known[i].name != member.key) ++i;
    if (i == known.size()) return unknown_argument(member.key, known);
    if (seen[i]) return bad_request("argument " + quoted(member.key) + " is given twice");
    seen[i] = true;
    if (auto wrong = known[i].take(member.value)) return bad_request("argument " + quoted(member.key) + " " + *wrong);
  }
  return std::nullopt;
}

Complaint read_attachment(element value, const core::Cryptography& crypto, std::vector<body::Attachment>& into) {
  const std::string which = "holds a file (number " + std::to_string(into.size() + 1) + ") ";
  simdjson::dom::object members;
  if (value.get(members)) return which + "that " + must_be(R"(an object {"name","mimeType","content"})", value);
  body::Attachment file;
  const std::array known{text_argument("name", file.name), text_argument("mimeType", file.mime_type),
                         text_argument("content", file.content)};
  if (const auto error = assign(members, known)) return which + "in which " + error->message;
  if (members["content"].error()) return which + "without \"content\": give its bytes as base64";
  const auto bytes = base64_decode(file.content);
  if (!bytes) return which + "whose \"content\" is not base64 (A-Z a-z 0-9 + /, padded with =, without line breaks)";
  file.digest = hex_encode(crypto.sha256(*bytes));
  into.push_back(std::move(file));
  return std::nullopt;
}

}  // namespace

Error bad_request(std::string message) {
  return {ErrorCode::BadRequest, std::move(message), false};
}

Argument text_argument(std::string_view name, std::string& into) {
  return {name, [&into](element value) -> Complaint {
            std::string_view text;
            if (value.get(text)) return must_be("a string", value);
            into.assign(text);
            return std::nullopt;
          }};
}

Argument texts_argument(std::string_view name, std::vector<std::string>& into) {
  return {name, [&into](element value) -> Complaint {
            simdjson::dom::array array;
            if (value.get(array)) return must_be("an array of strings", value);
            for (const element item : array) {
              std::string_view text;
              if (item.get(text)) return "must hold strings only, not " + std::string(type_name(item.type()));
              if (into.size() == kTextsMax) return "must hold at most " + std::to_string(kTextsMax) + " strings";
              into.emplace_back(text);
            }
            return std::nullopt;
          }};
}

Argument flag_argument(std::string_view name, bool& into) {
  return {name, [&into](element value) -> Complaint {
            if (value.get(into)) return must_be("true or false", value);
            return std::nullopt;
          }};
}

Argument count_argument(std::string_view name, std::optional<std::uint64_t>& into) {
  return {name, [&into](element value) -> Complaint {
            std::uint64_t count = 0;
            if (!value.is_number()) return must_be("a whole number", value);
            if (value.get(count)) return "must be a whole number, 0 or more";
            into = count;
            return std::nullopt;
          }};
}

Argument amount_argument(std::string_view name, std::optional<double>& into) {
  return {name, [&into](element value) -> Complaint {
            double amount = 0;
            if (value.get(amount)) return must_be("a number", value);
            if (!(amount >= 0)) return "must be 0 or more";
            into = amount;
            return std::nullopt;
          }};
}

Argument seconds_argument(std::string_view name, std::function<void(std::chrono::milliseconds)> into) {
  return {name, [into = std::move(into)](element value) -> Complaint {
            double seconds = 0;
            if (value.get(seconds)) return must_be("a number of seconds", value);
            if (!(seconds >= 0 && seconds <= kSecondsMax)) return "must be between 0 and 604800 seconds (7 days)";
            into(std::chrono::milliseconds(std::llround(seconds * 1000)));
            return std::nullopt;
          }};
}

Argument choice_argument(std::string_view name, std::initializer_list<std::string_view> words,
                         std::function<void(std::size_t)> into) {
  return {name, [known = std::vector(words), into = std::move(into)](element value) -> Complaint {
            std::string_view word;
            if (value.get(word)) return must_be("a string", value);
            for (std::size_t i = 0; i < known.size(); ++i) {
              if (word != known[i]) continue;
              into(i);
              return std::nullopt;
            }
            return "is " + quoted(word) + ", and must be one of: " + list_of(known);
          }};
}

Argument attachments_argument(std::string_view name, const core::Cryptography& crypto,
                              std::vector<body::Attachment>& into) {
  return {name, [&crypto, &into](element value) -> Complaint {
            simdjson::dom::array array;
            if (value.get(array)) return must_be("an array of files", value);
            for (const element item : array) {
              if (into.size() == kAttachmentsMax) {
                return "holds more than " + std::to_string(kAttachmentsMax) + " files; send several messages, or an archive";
              }
              if (auto wrong = read_attachment(item, crypto, into)) return wrong;
            }
            return std::nullopt;
          }};
}

std::optional<Error> ArgumentReader::read(std::string& body, std::span<const Argument> known) {
  if (body.empty()) return std::nullopt;
  if (json_.max_depth() != kDepthMax && json_.allocate(body.size(), kDepthMax)) {
    return Error{ErrorCode::Internal,
                 "cannot get memory to parse a request of " + std::to_string(body.size()) + " bytes", true};
  }
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  element root;
  if (const auto failure = json_.parse(body.data(), body.size(), false).get(root)) return malformed(body, failure);
  simdjson::dom::object members;
  if (root.get(members)) {
    return bad_request("the request body must be one JSON object with the tool's arguments, not " +
                       std::string(type_name(root.type())));
  }
  return assign(members, known);
}

}  // namespace clawbridge::api
