#include "bridge/core/context.h"

#include <algorithm>
#include <array>

namespace clawbridge::core {

Bytes32 fingerprint_of(const Cryptography& crypto, const Bytes32& sign_key, const Bytes32& box_key) {
  std::string both(as_text(sign_key));
  both += as_text(box_key);
  return crypto.sha256(both);
}

Context::Context(Options given, JournalReader& reader, const Cryptography& cryptography, Random& entropy,
                 std::string own_incarnation)
    : options_(std::move(given)),
      options(options_),
      topics(options.base),
      journal(reader),
      crypto(cryptography),
      random(entropy),
      incarnation(std::move(own_incarnation)),
      fingerprint(fingerprint_of(crypto, options.keys.sign.public_key, options.keys.box.public_key)),
      key_id(hex_encode(fingerprint).substr(0, 16)) {}

void Context::change(const Changeable& to) {
  const auto message = options_.limits.message;
  static_cast<Changeable&>(options_) = to;
  options_.limits.message = message;
}

std::string Context::new_id() {
  std::array<std::uint8_t, 10> entropy{};
  random.fill(entropy);
  return ids.next(now.wall, entropy);
}

std::chrono::microseconds Context::jitter(std::chrono::microseconds most) {
  std::array<std::uint8_t, 8> bytes{};
  random.fill(bytes);
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8 | byte;
  return std::chrono::microseconds{most.count() <= 0 ? 0 : static_cast<std::int64_t>(value % static_cast<std::uint64_t>(most.count()))};
}

void Context::publish(action::Publish publish, std::string_view to_gateway) {
  if (to_gateway == me()) {
    loopback.emplace_back(std::move(publish.topic), std::move(publish.payload));
  } else {
    actions.emplace_back(std::move(publish));
  }
}

void Context::reached(Direction direction, std::string_view stage, std::optional<Instant> begun, WallTime since) {
  tally.stages[{direction, std::string(stage)}].observe(begun ? now.instant - *begun : std::chrono::duration_cast<std::chrono::microseconds>(now.wall - since));
}

Actions Context::end_step() {
  put_outgoing_.clear();
  put_incoming_.clear();
  return std::exchange(actions, {});
}

void Context::store(StoreOrder order) {
  if (const auto* outgoing = std::get_if<store::PutOutgoing>(&order)) {
    put_outgoing_.insert_or_assign(outgoing->record.id, actions.size());
  } else if (const auto* incoming = std::get_if<store::PutIncoming>(&order)) {
    put_incoming_.insert_or_assign({incoming->record.source_gateway, incoming->record.id}, actions.size());
  }
  actions.emplace_back(action::Store{std::move(order)});
}

std::optional<OutgoingRecord> Context::outgoing(std::string_view id) const {
  const auto put = put_outgoing_.find(id);
  if (put == put_outgoing_.end()) return journal.outgoing(id);
  return std::get<store::PutOutgoing>(std::get<action::Store>(actions[put->second]).order).record;
}

std::optional<IncomingRecord> Context::incoming(std::string_view source_gateway, std::string_view id) const {
  const auto put = put_incoming_.find({std::string(source_gateway), std::string(id)});
  if (put == put_incoming_.end()) return journal.incoming(source_gateway, id);
  return std::get<store::PutIncoming>(std::get<action::Store>(actions[put->second]).order).record;
}

std::uint64_t Context::message_bytes_max(std::uint64_t peer_bytes) const {
  constexpr std::uint64_t kPacketOverhead = 1024;  // topic and properties, which the broker counts, too
  std::uint64_t most = options.limits.message.message_bytes;
  if (peer_bytes != 0) most = std::min(most, peer_bytes);
  if (packet_bytes_max != 0) most = std::min(most, packet_bytes_max - std::min(packet_bytes_max, kPacketOverhead));
  return most;
}

void Context::authenticate(std::string& event, const Bytes32& mac_key) const {
  finish_with_mac(event, crypto.hmac_sha256(as_text(mac_key), event));
}

void Context::sign(std::string& event) const {
  finish_with_signature(event, crypto.sign(options.keys.sign.secret, kSignaturePrefix, event));
}

}  // namespace clawbridge::core
