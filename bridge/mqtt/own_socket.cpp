#include "bridge/mqtt/own_socket.h"

#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace clawbridge::mqtt {
namespace {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  bool operator==(const Address& other) const {
    return size == other.size && std::memcmp(&bytes, &other.bytes, size) == 0;
  }
};

using NameCall = int (*)(int, sockaddr*, socklen_t*);

std::optional<Address> ask(NameCall call, int file) {
  Address address;
  address.size = sizeof(address.bytes);
  if (call(file, reinterpret_cast<sockaddr*>(&address.bytes), &address.size) != 0) return std::nullopt;
  return address;
}

}  // namespace

bool is_own_socket(int accepted, const std::filesystem::path& open_files) {
  const auto here = ask(::getsockname, accepted);
  const auto there = ask(::getpeername, accepted);
  if (!here || !there) return false;
  for (const auto& entry : std::filesystem::directory_iterator(open_files)) {
    const std::string name = entry.path().filename().string();
    int file = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), file).ec != std::errc{} || file == accepted) continue;
    // Of all sockets on the machine only the other end has these two addresses in this order.
    if (ask(::getsockname, file) == there && ask(::getpeername, file) == here) return true;
  }
  return false;
}

}  // namespace clawbridge::mqtt
