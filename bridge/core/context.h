// What every behaviour of the core works with: who we are, the hands that were passed in, the moment, and the actions
// of the step under way. One Context per Core; nothing else is shared between behaviours.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/core/cryptography.h"
#include "bridge/core/journal.h"
#include "bridge/core/options.h"
#include "bridge/core/tally.h"
#include "topics/message.h"
#include "topics/topic.h"
#include "topics/ulid.h"

namespace clawbridge::core {

using Fields = std::vector<std::pair<std::string_view, std::string>>;

class Context {
  Options options_;

 public:
  Context(Options given, JournalReader& reader, const Cryptography& cryptography, Random& entropy, std::string own_incarnation);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Options& options;
  const Topics topics;
  JournalReader& journal;
  const Cryptography& crypto;
  Random& random;
  const std::string incarnation;
  const Bytes32 fingerprint;
  const std::string key_id;

  Now now{};                                        // of the step under way
  Actions actions;                                  // of the step under way
  std::deque<std::pair<std::string, std::string>> loopback;  // topic and payload of what we sent to ourselves
  std::deque<IncomingRecord> late_replies;          // turns of our own sessions that are to be taken in this step
  std::map<std::string_view, std::uint64_t> counters;
  Tally tally;
  UlidSequence ids;
  // Exchanges asked here that a local caller still waits for, and the session that asked.
  std::map<std::string, std::string, std::less<>> awaited;
  std::uint64_t packet_bytes_max = 0;               // the broker's, 0 while it has named none

  [[nodiscard]] const std::string& me() const { return options.gateway; }
  void change(const Changeable& to);
  [[nodiscard]] std::string new_id();
  /// Uniform in [0, most).
  [[nodiscard]] std::chrono::microseconds jitter(std::chrono::microseconds most);

  void store(StoreOrder order);
  /// An exchange as the journal holds it, or as this very step has ordered to put it there: orders are applied only when the
  /// step is over. (Updates of this step are not in it; what is open is known better in memory.)
  [[nodiscard]] std::optional<OutgoingRecord> outgoing(std::string_view id) const;
  [[nodiscard]] std::optional<IncomingRecord> incoming(std::string_view source_gateway, std::string_view id) const;
  /// The actions of the step, which is over.
  [[nodiscard]] Actions end_step();
  void note(action::Level level, std::string_view name, Fields fields) {
    actions.emplace_back(action::Note{level, name, std::move(fields)});
  }
  void count(std::string_view name) { ++counters[name]; }
  /// An exchange has come to a stage. `begun`: when, if in this life; otherwise only `since` says.
  void reached(Direction direction, std::string_view stage, std::optional<Instant> begun, WallTime since);
  /// Sends to a peer through the broker; to our own gateway without it.
  void publish(action::Publish publish, std::string_view to_gateway);

  /// The longest message that both this bridge and the broker take, and a peer that takes `peer_bytes` (0: untold).
  [[nodiscard]] std::uint64_t message_bytes_max(std::uint64_t peer_bytes) const;

  /// The MAC or signature of an encoded event, appended.
  void authenticate(std::string& event, const Bytes32& mac_key) const;
  void sign(std::string& event) const;

 private:
  // Where in `actions` this step has put an exchange.
  std::map<std::string, std::size_t, std::less<>> put_outgoing_;
  std::map<std::pair<std::string, std::string>, std::size_t> put_incoming_;
};

[[nodiscard]] Bytes32 fingerprint_of(const Cryptography& crypto, const Bytes32& sign_key, const Bytes32& box_key);

[[nodiscard]] inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace clawbridge::core
