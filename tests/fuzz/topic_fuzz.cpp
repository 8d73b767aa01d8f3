// The text forms of the wire contract: topics first, then what stands in them and in a message's attributes.
// Each has exactly one spelling, so what parses must come back as the same text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/require.h"
#include "topics/encoding.h"
#include "topics/time.h"
#include "topics/topic.h"

namespace clawbridge::fuzz {
namespace {

bool is_name(const Address& address) {
  return is_gateway_name(address.gateway) && (address.is_bridge() || is_agent_id(address.agent));
}

struct Spelled {
  const Topics& topics;

  std::string operator()(const topic::Inbox& inbox) const {
    require(is_name(inbox.to), "an inbox belongs to a valid address");
    return topics.inbox(inbox.to);
  }
  std::string operator()(const topic::Reply& reply) const {
    require(is_name(reply.to), "a reply topic belongs to a valid address");
    return topics.reply(reply.to);
  }
  std::string operator()(const topic::State& state) const {
    require(is_gateway_name(state.gateway), "a state belongs to a valid gateway");
    return topics.state(state.gateway);
  }
  std::string operator()(const topic::Hello&) const { return topics.hello(); }
};

void check_topic(const Topics& topics, std::string_view text) {
  const auto topic = topics.parse(text);
  if (!topic) return;
  require(std::visit(Spelled{topics}, *topic) == text, "a topic that parses is spelled the same when built");
  require(text.find_first_of(std::string_view("$+#\0 ", 5)) == std::string_view::npos,
          "no topic of ours has a wildcard, a dollar, a NUL or a blank");
  require(std::count(text.begin(), text.end(), '/') <= 7, "no topic of ours has more than seven slashes");
}

// Every topic below an allowed base must parse again.
void check_base(const std::string& base) {
  if (!is_topic_base(base)) return;
  const Topics topics(base);
  const Address jarvis{"imac", "jarvis"};
  for (const auto& topic :
       {topics.inbox(jarvis), topics.reply(Address::bridge_of("imac")), topics.state("imac"), topics.hello()}) {
    require(topics.parse(topic).has_value(), "a topic below an allowed base parses");
    check_topic(topics, topic);
  }
}

void check_forms(std::string_view text) {
  if (const auto address = Address::parse(text)) {
    require(is_name(*address) && address->str() == text, "an address comes back as it was");
  }
  if (const auto time = parse_time(text)) require(format_time(*time) == text, "a time comes back as it was");
  if (const auto bytes = base64url_decode(text)) {
    require(base64url_encode(as_bytes(*bytes)) == text, "base64url has one spelling");
  }
  if (const auto bytes = hex_decode(text)) require(hex_encode(as_bytes(*bytes)) == text, "hex has one spelling");
  require(base64url_decode(base64url_encode(as_bytes(text))) == text, "bytes survive base64url");
}

}  // namespace
}  // namespace clawbridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clawbridge;
  static const Topics plain("claw");
  static const Topics deep("Home_1/b.c/-/claw/x");
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::check_topic(plain, text);
  fuzz::check_topic(deep, text);
  fuzz::check_topic(deep, deep.base() + "/" + text);
  fuzz::check_base(text);
  fuzz::check_forms(text);
  return 0;
}
