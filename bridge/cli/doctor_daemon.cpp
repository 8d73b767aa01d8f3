// The daemon and what it knows of the others, as `clawbridge doctor` sees them.
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "bridge/cli/doctor_looks.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Socket = doctor::DaemonSeen::Socket;

constexpr milliseconds kSlack{3'000};
constexpr double kPingSeconds = 1.5;
constexpr std::size_t kPinged = 32;
constexpr milliseconds kPinging{5'000};  // all together

std::string member_text(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string name_of(uid_t user) {
  const passwd* entry = ::getpwuid(user);
  return entry != nullptr ? entry->pw_name : "user " + std::to_string(user);
}

/// What the file at `path` says before anybody is asked there; nothing: ask.
std::optional<Socket> look_at_file(const std::string& path, std::string& words) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) {
    words = std::strerror(errno);
    return errno == EACCES ? Socket::Denied : Socket::Missing;
  }
  if (!S_ISSOCK(about.st_mode)) return Socket::NoSocket;
  if (about.st_uid == ::geteuid() || ::geteuid() == 0) return std::nullopt;
  words = name_of(about.st_uid);
  return Socket::Foreign;
}

Socket kind_of(const std::string& words) {
  if (words.find("Connection refused") != std::string::npos) return Socket::Stale;
  if (words.find("No such file") != std::string::npos) return Socket::Missing;
  return words.find("Permission denied") != std::string::npos ? Socket::Denied : Socket::Silent;
}

/// When something was last asked of, or by, each gateway.
std::map<std::string, WallTime> last_exchanges(Client& client) {
  std::map<std::string, WallTime> latest;
  const auto answer = client.get("/v1/exchanges?limit=1000");
  for (const auto& exchange : answer.json.value("exchanges", json::array())) {
    const auto source = member_text(exchange, "source");
    const auto other = member_text(exchange, "direction") == "incoming" ? source.substr(0, source.find('/'))
                                                                    : member_text(exchange, "gateway");
    const auto created = parse_time(member_text(exchange, "created"));
    if (created) latest[other] = std::max(latest[other], *created);
  }
  return latest;
}

void ping(Client& client, const Context& context, doctor::PeerSeen& peer) {
  const json body{{"gateway", peer.gateway}, {"timeoutSeconds", kPingSeconds}};
  try {
    const auto answer = client.post("/v1/tools/ping", body.dump(), milliseconds_of(kPingSeconds));
    const auto now = context.hooks.now();
    peer.answers = doctor::Shown::Yes;
    const auto theirs = parse_time(member_text(answer.json, "time"));
    const auto way_back = std::chrono::microseconds{answer.json.value("roundTripMicroseconds", std::int64_t{0}) / 2};
    if (theirs) peer.ahead = *theirs - (now - std::chrono::duration_cast<milliseconds>(way_back));
  } catch (const Failure&) {
    peer.answers = doctor::Shown::No;
  }
}

}  // namespace

doctor::DaemonSeen look_at_daemon(const Context& context, const std::string& socket) {
  doctor::DaemonSeen seen;
  seen.path = socket;
  seen.program_version = context.hooks.version;
  if (const auto told = look_at_file(socket, seen.words)) {
    seen.socket = *told;
    return seen;
  }
  try {
    const auto status = Client(socket, kSlack).get("/v1/status").json;
    seen.socket = Socket::Answers;
    seen.gateway = member_text(status, "gateway");
    seen.version = member_text(status, "version");
    seen.state = member_text(status, "state");
    seen.broker_error = member_text(status.value("broker", json::object()), "error");
    seen.gateway_error = member_text(status.value("agentGateway", json::object()), "error");
  } catch (const Failure& failure) {
    seen.words = failure.what();
    seen.socket = kind_of(seen.words);
  }
  return seen;
}

std::optional<std::vector<doctor::PeerSeen>> ask_daemon_for_peers(const Context& context, const std::string& socket) {
  try {
    Client client(socket, kSlack);
    std::vector<doctor::PeerSeen> peers;
    const auto latest = last_exchanges(client);
    for (const auto& told : client.get("/v1/peers").json.value("peers", json::array())) {
      doctor::PeerSeen peer;
      peer.gateway = member_text(told, "gateway");
      peer.trust = member_text(told, "trust");
      peer.presence = member_text(told, "presence");
      peer.fingerprint = member_text(told, "fingerprint");
      peer.offered_fingerprint = member_text(told, "offeredFingerprint");
      peer.version = member_text(told, "version");
      peer.since = parse_time(member_text(told, "since"));
      if (const auto found = latest.find(peer.gateway); found != latest.end()) peer.last_exchange = found->second;
      peers.push_back(std::move(peer));
    }
    const auto end = steady_clock::now() + kPinging;
    std::size_t asked = 0;
    for (auto& peer : peers) {
      const bool there = (peer.presence == "online" || peer.presence == "degraded") && peer.trust != "pending" &&
                         peer.trust != "revoked";
      if (there && asked++ < kPinged && steady_clock::now() < end) ping(client, context, peer);
    }
    return peers;
  } catch (const Failure&) {
    return std::nullopt;
  }
}

}  // namespace clawbridge::cli
