// Brokers that the local network announces (DNS-SD, `_mqtt._tcp`), as the program avahi-browse prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::setup {

/// The command whose output brokers_announced() reads.
[[nodiscard]] std::vector<std::string> browse_command();

/// Broker URLs, each once, in the order found; of one broker first the one with its name, then the one with its
/// address. Anybody on the network can announce one. Pure.
[[nodiscard]] std::vector<std::string> brokers_announced(std::string_view browse_output);

}  // namespace clawbridge::setup
