// What the MQTT adapter is told at start, and what it counts while it runs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace clawbridge::mqtt {

struct Settings {
  std::string url{};       // mqtt://, mqtts://, ws:// or wss://; see broker_url.h
  std::string username{};  // empty: none
  std::string password{};
  std::string ca_file{};           // PEM; empty: the system's certificate authorities
  std::string certificate_file{};  // PEM, of the client; empty: none
  std::string key_file{};
  bool insecure = false;  // TLS without checking who answers
  std::chrono::seconds keepalive{30};
  std::chrono::seconds connect_timeout{10};  // at least 10 s are taken: a slow start is no failure
  // MQTT 5: the largest packet we take; 0: any. What is larger the broker does not deliver.
  std::uint32_t packet_bytes_max = 0;
  // What may wait for a place in the broker's receive window.
  std::size_t queued_max = 20'000;
  std::size_t queued_bytes_max = std::size_t{64} << 20;
};

/// Since start. Any thread.
struct Counters {
  std::atomic<std::uint64_t> published{0};  // acknowledged by the broker
  std::atomic<std::uint64_t> refused{0};    // answered with an MQTT 5 reason code of 0x80 or more
  std::atomic<std::uint64_t> dropped{0};    // never sent: not connected, queue full, or refused by the library
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> received_bytes{0};   // of payloads
  std::atomic<std::uint64_t> published_bytes{0};  // of payloads that were given to a connection
  std::atomic<std::uint64_t> ignored{0};  // received outside a connection, or too many before it was complete
};

}  // namespace clawbridge::mqtt
