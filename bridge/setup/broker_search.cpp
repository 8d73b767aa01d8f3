#include "bridge/setup/broker_search.h"

#include <algorithm>
#include <sstream>

#include "config/values.h"

namespace clawbridge::setup {
namespace {

constexpr std::size_t kBrokersMax = 32;
// =;interface;protocol;name;type;domain;host;address;port;txt
enum Field { Mark, Interface, Protocol, Name, Type, Domain, Host, Address, Port, kFields };

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; fields.size() < kFields && std::getline(in, field, ';');) fields.push_back(field);
  return fields;
}

std::string in_url(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

std::vector<std::string> browse_command() {
  return {"avahi-browse", "--resolve", "--parsable", "--terminate", "--no-db-lookup", "_mqtt._tcp"};
}

std::vector<std::string> brokers_announced(std::string_view browse_output) {
  std::istringstream in{std::string(browse_output)};
  std::vector<std::string> urls;
  for (std::string line; urls.size() < kBrokersMax && std::getline(in, line);) {
    const auto fields = fields_of(line);
    // A link-local IPv6 address means nothing without its interface.
    if (fields.size() < kFields || fields[Mark] != "=" || fields[Type] != "_mqtt._tcp" ||
        fields[Address].starts_with("fe80"))
      continue;
    for (const auto& host : {fields[Host], fields[Address]}) {
      const std::string url = "mqtt://" + in_url(host) + ":" + fields[Port];
      if (config::is_broker_url(url) && std::ranges::find(urls, url) == urls.end()) urls.push_back(url);
    }
  }
  return urls;
}

}  // namespace clawbridge::setup
