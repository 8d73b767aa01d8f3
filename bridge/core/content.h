// What leaves for a peer and what comes from one, as bytes: sealed when trust.seal asks for it, and authenticated.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"

namespace clawbridge::core {

/// A request to `peer` with its MAC. `data`: the JSON of its data object. REQUIRES: the peer has channels.
[[nodiscard]] std::string make_request(const Context& context, const Peer& peer, const RequestEnvelope& envelope, std::string_view data);

/// A reply to `peer` with its MAC. `sealed`: the request was.
[[nodiscard]] std::string make_reply(const Context& context, const Peer& peer, const Envelope& envelope, const body::Reply& reply, bool sealed);

/// Progress of a turn, to `peer`, with its MAC. `number`: from 1, rising.
[[nodiscard]] std::string make_progress(const Context& context, const Peer& peer, const Envelope& envelope, std::uint64_t number, const body::Progress& progress, bool sealed);

/// Opens an authentic message's sealed content into its body; an Error there when it cannot be opened. Readable content
/// under `seal: always` becomes an Error, too.
void open_content(const Context& context, const Peers& peers, MessageDecoder& decoder, Message& message);

/// A message of an exchange as the journal keeps it, sent or received, with its content open. Nothing when there is none,
/// or when the keys it was made with are gone.
[[nodiscard]] std::optional<Message> read_back(const Context& context, const Peers& peers, std::string_view payload, const Topic& topic);

}  // namespace clawbridge::core
