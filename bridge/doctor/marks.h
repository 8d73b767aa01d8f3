// From the words of an error to the fault it is: the adapters explain what failed in sentences, `what; what to do`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bridge/doctor/checks.h"

namespace clawbridge::doctor {

struct Mark {
  std::string_view words;  // that stand in the sentence
  std::string_view fault;
};

/// The fault of the first mark whose words stand in `sentence`.
[[nodiscard]] inline std::string_view fault_by(std::string_view sentence, std::span<const Mark> marks,
                                               std::string_view otherwise) {
  for (const auto& mark : marks) {
    if (sentence.find(mark.words) != std::string_view::npos) return mark.fault;
  }
  return otherwise;
}

/// The sentence without its advice, which the table of faults has.
[[nodiscard]] inline std::string what_of(std::string_view sentence) {
  return std::string(sentence.substr(0, sentence.find("; ")));
}

[[nodiscard]] inline Verdict good(std::string found) {
  return {Status::Ok, std::move(found)};
}
[[nodiscard]] inline Verdict fail(std::string_view fault, std::string found) {
  return {Status::Fail, std::move(found), fault};
}
[[nodiscard]] inline Verdict warn(std::string_view fault, std::string found) {
  return {Status::Warn, std::move(found), fault};
}
/// Not looked at, for a reason that is no fault.
[[nodiscard]] inline Verdict skip(std::string why) {
  return {Status::Skip, std::move(why)};
}

[[nodiscard]] inline std::string joined(std::span<const std::string> texts, std::string_view between = ", ") {
  std::string all;
  for (const auto& text : texts) all.append(all.empty() ? "" : between).append(text);
  return all;
}

}  // namespace clawbridge::doctor
