// Reads the JSON object of a tool's arguments: each member into the place that the tool names for it. Private to api/.
//
// Parsed with simdjson, because a message of a megabyte takes it half a millisecond and nlohmann's parser eight.
#pragma once

#include <simdjson.h>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/cryptography.h"
#include "topics/error.h"
#include "topics/message.h"

namespace clawbridge::api {

/// What is wrong with a value, without the argument's name: "must be a string, not null".
using Complaint = std::optional<std::string>;

/// One argument that a tool knows, and where its value goes.
struct Argument {
  std::string_view name;
  std::function<Complaint(simdjson::dom::element)> take;
};

[[nodiscard]] Argument text_argument(std::string_view name, std::string& into);
[[nodiscard]] Argument texts_argument(std::string_view name, std::vector<std::string>& into);
[[nodiscard]] Argument flag_argument(std::string_view name, bool& into);
[[nodiscard]] Argument count_argument(std::string_view name, std::optional<std::uint64_t>& into);
/// Any number from 0.
[[nodiscard]] Argument amount_argument(std::string_view name, std::optional<double>& into);
/// A number of seconds, at most 7 days.
[[nodiscard]] Argument seconds_argument(std::string_view name, std::function<void(std::chrono::milliseconds)> into);
/// One of these words; `into` is given its place among them.
[[nodiscard]] Argument choice_argument(std::string_view name, std::initializer_list<std::string_view> words,
                                       std::function<void(std::size_t)> into);
/// `[{"name","mimeType","content"}]`; the digests are made here. `crypto` must outlive the argument.
[[nodiscard]] Argument attachments_argument(std::string_view name, const core::Cryptography& crypto,
                                            std::vector<body::Attachment>& into);

[[nodiscard]] Error bad_request(std::string message);

/// Of any wait, and of an exchange's life.
inline constexpr double kSecondsMax = 7.0 * 24 * 3600;

class ArgumentReader {
 public:
  /// Hands each member of the body's object to its argument. An empty body counts as `{}`. BadRequest for what is no JSON
  /// object, an unknown argument (naming the nearest), one given twice, and a value that its argument does not take.
  [[nodiscard]] std::optional<Error> read(std::string& body, std::span<const Argument> known);

 private:
  simdjson::dom::parser json_;
};

}  // namespace clawbridge::api
