// The numbers of the wire contract that bound one message. A receiver refuses what lies beyond them and must accept
// what lies within.
#pragma once

#include <chrono>
#include <cstddef>

namespace clawbridge {

struct MessageLimits {
  std::size_t message_bytes = std::size_t{1} << 20;  // a whole payload
  std::size_t depth = 64;                            // the payload's object is depth 1
  std::size_t values = 20'000;                       // objects, arrays and scalars; names do not count
};

inline constexpr std::size_t kStateBytesMax = 64 * 1024;
inline constexpr std::size_t kAckIdsMax = 256;     // ids in one acknowledgement or one status request
inline constexpr std::size_t kChainIdsMax = 64;    // above any sensible max_hops; bounds the attribute
inline constexpr std::size_t kAttachmentsMax = 16; // files with one message or reply
inline constexpr std::chrono::hours kExpiryDefault{24};
inline constexpr std::chrono::hours kExpiryMax{7 * 24};
inline constexpr std::chrono::minutes kClockSkew{5};

}  // namespace clawbridge
