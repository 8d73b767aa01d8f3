// What the core is told at start: who it is, whom it knows, and every limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/cryptography.h"
#include "topics/address.h"
#include "topics/limits.h"

namespace clawbridge::core {

struct Limits {
  MessageLimits message;
  std::size_t outgoing_open = 10'000;         // exchanges asked here and not ended
  std::size_t incoming_open = 10'000;         // exchanges taken here and not ended
  std::size_t incoming_open_per_peer = 4'000;
  std::size_t peers_pinned = 4'096;
  std::size_t peers_pending = 64;
  std::size_t runs = 16;                      // turns on the local gateway at once, one per session
  std::size_t asks = 1'024;                   // read-only questions of local callers under way
  std::size_t waiters = 4'096;                // local callers waiting
};

struct Options {
  std::string gateway;                        // our name in the federation
  std::string version;                        // of this release
  std::string gateway_kind;                   // of the local gateway: openclaw, echo
  std::string base = "claw";
  bool broker_insecure = false;               // nobody checks who the broker is: status says so
  Keys keys;
  std::optional<std::string> join_secret;     // decoded bytes
  std::map<std::string, std::string> peers;   // gateway -> fingerprint (64 hex digits) pinned by configuration
  std::map<std::string, Address> remote_agents;  // short name -> address
  std::optional<std::vector<std::string>> expose;  // local agents others may see; nothing: all
  bool agent_names = true;                    // publish display names in the state
  std::chrono::milliseconds keep{std::chrono::hours{7 * 24}};  // ended outgoing exchanges
  Limits limits;
};

}  // namespace clawbridge::core
