// Policy: patterns against a slow matcher of their own, decisions against the rules read word by word, and plain clients'
// reply topics. The bytes are lines: rules first (a line each: from, to, sessions, operations, separated by blanks, an
// operation in capitals is denied), then an empty line, then source, agent, session and a reply topic.
#include "bridge/core/policy.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/plain.h"
#include "bridge/crypto/system_cryptography.h"
#include "tests/fuzz/require.h"

namespace clawbridge::fuzz {
namespace {

using namespace core;

// By definition, letter by letter: whether the first n of the glob describe the first m of the text.
bool slow_glob(std::string_view glob, std::string_view text) {
  std::vector<std::vector<bool>> describes(glob.size() + 1, std::vector<bool>(text.size() + 1, false));
  for (std::size_t n = 0; n <= glob.size(); ++n) {
    for (std::size_t m = 0; m <= text.size(); ++m) {
      if (n == 0) {
        describes[n][m] = m == 0;
      } else if (glob[n - 1] == '*') {
        describes[n][m] = describes[n - 1][m] || (m > 0 && describes[n][m - 1]);
      } else {
        describes[n][m] = m > 0 && glob[n - 1] == text[m - 1] && describes[n - 1][m - 1];
      }
    }
  }
  return describes[glob.size()][text.size()];
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

PolicyRule rule_of(std::string_view line) {
  PolicyRule rule;
  const auto words = split(line, ' ');
  const auto word = [&](std::size_t n) { return n < words.size() ? std::string(words[n].substr(0, 24)) : std::string(); };
  rule.from = {word(0)};
  rule.to = {word(1)};
  if (!word(2).empty()) rule.sessions = {word(2)};
  for (std::size_t n = 3; n < words.size(); ++n) {
    std::string name(words[n]);
    const bool denied = !name.empty() && std::isupper(static_cast<unsigned char>(name.front())) != 0;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    (denied ? rule.deny : rule.allow).push_back(operation_from(name));
  }
  return rule;
}

struct NoJournal : JournalReader {
  std::optional<IncomingRecord> incoming(std::string_view, std::string_view) override { return std::nullopt; }
  std::optional<OutgoingRecord> outgoing(std::string_view) override { return std::nullopt; }
  std::uint64_t incoming_bytes(std::string_view) override { return 0; }
  std::vector<OutgoingRecord> list_outgoing(std::size_t) override { return {}; }
  std::vector<IncomingRecord> list_incoming(std::size_t) override { return {}; }
  std::vector<OutgoingRecord> dead_outgoing(std::size_t) override { return {}; }
  std::vector<IncomingRecord> dead_incoming(std::size_t) override { return {}; }
  std::vector<ReplayMark> replay_marks() override { return {}; }
  std::optional<IncomingRecord> find_incoming(std::string_view) override { return std::nullopt; }
};

bool has(const std::vector<Operation>& ops, Operation op) { return std::find(ops.begin(), ops.end(), op) != ops.end(); }

// The rules as a person reads them: the first that lists the operation and matches all three says yes or no.
bool allowed_by_reading(const std::vector<PolicyRule>& rules, const Address& source, Operation op, const std::string& agent, const std::string& session) {
  for (const auto& rule : rules) {
    if (!has(rule.allow, op) && !has(rule.deny, op)) continue;
    if (!slow_glob(rule.from[0], source.str())) continue;
    if (agent == kBridgeAgent ? rule.to[0] != agent : !slow_glob(rule.to[0], agent)) continue;
    if (agent != kBridgeAgent && !rule.sessions.empty() && !slow_glob(rule.sessions[0], session)) continue;
    return has(rule.allow, op);
  }
  return op != Operation::SessionsSpawn && op != Operation::SessionsHistory;
}

}  // namespace
}  // namespace clawbridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clawbridge;
  using namespace clawbridge::fuzz;
  static crypto::SystemCryptography crypto;
  static crypto::SystemRandom random;
  static NoJournal journal;
  const auto lines = split({reinterpret_cast<const char*>(data), size}, '\n');
  std::size_t at = 0;
  Options options;
  options.gateway = "imac";
  while (at < lines.size() && !lines[at].empty() && options.policy.size() < 8) options.policy.push_back(rule_of(lines[at++]));
  const auto line = [&](std::size_t n) { return at + n < lines.size() ? std::string(lines[at + n].substr(0, 24)) : std::string(); };
  const Address source{line(1), "main"};
  const auto agent = line(2);
  const auto session = line(3);
  const auto topic = line(4);
  const auto rules = options.policy;
  options.plain_clients = {{agent, {line(5)}}};
  const auto plain_options = options;
  const Context context(std::move(options), journal, crypto, random, "");
  const Policy policy(context);
  for (const auto op : kAllOperations) {
    const auto decision = policy.judge(source, op, agent, session);
    require(decision.what != Decision::What::WhenSessionKnown, "with a session known there is a decision");
    require((decision.what == Decision::What::Allow) == allowed_by_reading(rules, source, op, agent, session), "the first rule that matches decides");
    const auto later = policy.judge(source, op, agent, std::nullopt);
    if (later.what != Decision::What::WhenSessionKnown) {
      require(later.what == decision.what, "a decision made without the session holds for every session");
    }
  }
  event::BrokerMessage message;
  message.response_topic = topic;
  if (!refuse_plain(plain_options, agent, message)) {
    require(!topic.empty() && topic != "claw" && !topic.starts_with("claw/") && topic.front() != '$', "no answer goes below the base");
    require(topic.find_first_of("#+") == std::string::npos, "an answer goes to one topic");
    require(matches_filter(line(5), topic), "an answer goes where the rule says");
  }
  const auto record = plain_to_record({line(1), topic, session});
  const auto back = plain_from_record(record);
  require(back && back->text == line(1) && back->response_topic == topic && back->correlation_data == session, "a plain request comes back from the journal");
  (void)plain_from_record({reinterpret_cast<const char*>(data), size});
  return 0;
}
