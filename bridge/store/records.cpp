#include "bridge/store/records.h"

#include <array>
#include <charconv>
#include <utility>

namespace clawbridge::store {
namespace {

using core::IncomingStage;
using core::PeerTrust;

constexpr std::array<std::pair<IncomingStage, std::string_view>, 6> kStages = {
    {{IncomingStage::Stored, "stored"},
     {IncomingStage::Queued, "queued"},
     {IncomingStage::HandingOver, "handing_over"},
     {IncomingStage::Started, "started"},
     {IncomingStage::Ended, "ended"},
     {IncomingStage::Tombstone, "tombstone"}}};

constexpr std::array<std::pair<PeerTrust, std::string_view>, 5> kTrusts = {{{PeerTrust::Pending, "pending"},
                                                                            {PeerTrust::Joined, "joined"},
                                                                            {PeerTrust::Trusted, "trusted"},
                                                                            {PeerTrust::Configured, "configured"},
                                                                            {PeerTrust::Revoked, "revoked"}}};

template <class Table, class Value>
std::string_view text_of(const Table& table, Value value) {
  for (const auto& [entry, text] : table) {
    if (entry == value) return text;
  }
  return {};
}

template <class Table>
auto value_of(const Table& table, std::string_view text, decltype(table[0].first) otherwise) {
  for (const auto& [entry, name] : table) {
    if (name == text) return entry;
  }
  return otherwise;
}

}  // namespace

std::string_view stage_text(IncomingStage stage) {
  return text_of(kStages, stage);
}

// A text nobody wrote reads as the value that does the least: ended is never run, pending is never trusted.
IncomingStage stage_from(std::string_view text) {
  return value_of(kStages, text, IncomingStage::Ended);
}

std::string_view trust_text(PeerTrust trust) {
  return text_of(kTrusts, trust);
}
PeerTrust trust_from(std::string_view text) {
  return value_of(kTrusts, text, PeerTrust::Pending);
}

std::string stages_text(const std::vector<core::StageTime>& stages) {
  std::string text;
  text.reserve(stages.size() * 24);
  std::array<char, 24> digits{};
  for (const auto& stage : stages) {
    if (!text.empty()) text += ' ';
    text.append(stage.stage) += '=';
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), to_ms(stage.time)).ptr;
    text.append(digits.data(), end);
  }
  return text;
}

std::vector<core::StageTime> stages_from(std::string_view text) {
  std::vector<core::StageTime> stages;
  while (!text.empty()) {
    const auto item = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    std::int64_t ms = 0;
    std::from_chars(item.data() + equals + 1, item.data() + item.size(), ms);
    stages.push_back({std::string(item.substr(0, equals)), from_ms(ms)});
  }
  return stages;
}

std::string words_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::vector<std::string> words_from(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    words.emplace_back(word);
  }
  return words;
}

Address address_from(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return {std::string(text), {}};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

}  // namespace clawbridge::store
