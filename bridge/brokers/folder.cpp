#include "bridge/brokers/folder.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "bridge/brokers/certificates.h"
#include "bridge/brokers/passwords.h"
#include "topics/address.h"

namespace clawbridge::brokers {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMachineFolder = "~/.config/clawbridge/broker";  // where a machine's files are to be copied

struct Owner {
  uid_t user;
  gid_t group;
};

/// The account that mosquitto changes to when root starts it.
std::optional<Owner> broker_account() {
  if (::geteuid() != 0) return std::nullopt;
  const passwd* account = ::getpwnam("mosquitto");
  return account != nullptr ? std::optional(Owner{account->pw_uid, account->pw_gid}) : std::nullopt;
}

[[noreturn]] void fail(const std::string& doing, const fs::path& path) {
  const std::string why = std::strerror(errno);
  throw std::runtime_error("cannot " + doing + " \"" + path.string() + "\": " + why +
                           "; check the folder, its owner and the disk");
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return number_; }
  bool close() {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

void write_file(const fs::path& path, const std::string& text, mode_t mode, std::optional<Owner> owner = {}) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) fail("make", path);
  for (std::size_t at = 0; at < text.size();) {
    const auto written = ::write(file.get(), text.data() + at, text.size() - at);
    if (written < 0 && errno != EINTR) fail("write", path);
    if (written > 0) at += static_cast<std::size_t>(written);
  }
  if (owner && ::fchown(file.get(), owner->user, owner->group) != 0) fail("give away", path);
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0 || !file.close()) fail("write", path);
}

/// All of it or nothing, with the mode and the owner of the file before.
void replace_file(const fs::path& path, const std::string& text) {
  struct stat before {};
  if (::stat(path.c_str(), &before) != 0) fail("read", path);
  const fs::path next = path.string() + ".new";
  ::unlink(next.c_str());  // of an attempt that was interrupted
  const bool ours = ::geteuid() == before.st_uid;
  write_file(next, text, before.st_mode & 07777,
             ours ? std::nullopt : std::optional(Owner{before.st_uid, before.st_gid}));
  if (::rename(next.c_str(), path.c_str()) != 0) fail("replace", path);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) fail("read", path);
  return text;
}

void make_directory(const fs::path& path, mode_t mode, std::optional<Owner> owner = {}) {
  if (::mkdir(path.c_str(), 0700) != 0) fail("make", path);
  if (owner && ::chown(path.c_str(), owner->user, owner->group) != 0) fail("give away", path);
  if (::chmod(path.c_str(), mode) != 0) fail("make", path);
}

std::string host_in_url(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string machine_settings(const std::string& gateway, const std::string& url, const std::string& base) {
  const std::string folder = kMachineFolder;
  return "broker:\n  url: \"" + url + "\"\n  username: \"" + gateway + "\"\n  password: \"${file:" + folder +
         "/password}\"\n  ca: \"" + folder + "/authority.pem\"\n  certificate: \"" + folder +
         "/certificate.pem\"\n  key: \"" + folder + "/key.pem\"\n" +
         (base == "claw" ? "" : "  base: \"" + base + "\"\n");
}

std::string mosquitto_conf(const fs::path& directory, const FolderWish& wish) {
  const std::string here = directory.string() + "/";
  std::ostringstream out;
  out << "# Made by `clawbridge broker init`. Start: mosquitto -c \"" << here << "mosquitto.conf\"\n"
      << "# Paths are absolute: make a new folder rather than move this one.\n\n"
      << (wish.hosts.empty() ? "# On this machine only, because no --host was given.\n"
                             : "# On every address of this machine.\n")
      << "listener " << wish.port << (wish.hosts.empty() ? " 127.0.0.1" : "") << "\n"
      << "cafile " << here << "authority.pem\n"
      << "certfile " << here << "server.pem\n"
      << "keyfile " << here << "server.key\n"
      << "# Who may not come any more: `clawbridge broker revoke` adds to it; mosquitto reads it again on SIGHUP.\n"
      << "crlfile " << here << "revoked.pem\n"
      << "require_certificate true\n"
      << "tls_version tlsv1.2\n"
      << "set_tcp_nodelay true\n\n"
      << "allow_anonymous false\n"
      << "password_file " << here << "passwords\n"
      << "acl_file " << here << "acl\n\n"
      << "# Sessions of bridges that are away, and the retained states, survive a restart.\n"
      << "persistence true\n"
      << "persistence_location " << here << "data\n"
      << "autosave_interval 60\n"
      << "persistent_client_expiration 8d\n\n"
      << "# For each client, whichever is reached first; beyond it mosquitto drops silently, and the bridges send "
         "again.\n"
      << "max_queued_messages 10000\n"
      << "max_queued_bytes 67108864\n"
      << "# The most that limits.message_bytes of a bridge can be, and its frame.\n"
      << "max_packet_size 67174400\n";
  return out.str();
}

void check_wish(const FolderWish& wish) {
  check(wish.federation, Kind::Mosquitto);
  for (const auto& host : wish.hosts) {
    if (!is_host(host))
      throw std::invalid_argument("\"" + host + "\" is no host name or address; write it without port and scheme");
  }
  if (wish.port == 0) throw std::invalid_argument("port 0 cannot be listened on; name one from 1 to 65535");
  if (wish.directory.empty()) throw std::invalid_argument("no folder is named");
  for (const char c : wish.directory.string()) {
    if (static_cast<unsigned char>(c) < ' ') throw std::invalid_argument("the folder's name has a control character");
  }
}

/// The folder itself, there and empty, or made: then true.
bool take_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory, error)) {
    if (!fs::is_directory(directory, error) || !fs::is_empty(directory, error)) {
      throw std::runtime_error("\"" + directory.string() +
                               "\" exists and is not an empty folder; nothing is overwritten, choose another");
    }
    return false;
  }
  make_directory(directory, 0700);
  return true;
}

void fill(const Folder& folder, const FolderWish& wish, WallTime now) {
  const auto& here = folder.directory;
  const auto broker = broker_account();
  const auto authority =
      Authority::make("clawbridge broker " + folder.directory.filename().string().substr(0, 40), now);
  const auto root = authority.pem();
  make_directory(here / "authority", 0700);
  make_directory(here / "authority" / "issued", 0700);
  write_file(here / "authority" / "authority.key", root.key, 0600);

  std::string passwords;
  make_directory(here / "gateways", 0700);
  for (const auto& machine : folder.machines) {
    const auto client = authority.issue_client(machine.gateway, now);
    const auto password = random_password();
    make_directory(machine.directory, 0700);
    write_file(machine.directory / "authority.pem", root.certificate, 0644);
    write_file(machine.directory / "certificate.pem", client.certificate, 0644);
    write_file(machine.directory / "key.pem", client.key, 0600);
    write_file(machine.directory / "password", password + "\n", 0600);
    write_file(machine.directory / "broker.yaml",
               "# For clawbridge.yaml on " + machine.gateway + ". The other files here belong into " + kMachineFolder +
                   "\n# on that machine, readable for its user alone.\n" + machine.settings,
               0644);
    write_file(here / "authority" / "issued" / (machine.gateway + ".pem"), client.certificate, 0644);
    passwords += machine.gateway + ":" + mosquitto_hash(password) + "\n";
  }

  const auto hosts = wish.hosts.empty() ? std::vector<std::string>{"localhost", "127.0.0.1", "::1"} : wish.hosts;
  const auto server = authority.issue_server(hosts, now);
  write_file(here / "authority.pem", root.certificate, 0644);
  write_file(here / "server.pem", server.certificate, 0644);
  write_file(here / "server.key", server.key, 0600, broker);
  write_file(here / "revoked.pem", authority.revocation_list(now), 0644);
  write_file(here / "passwords", passwords, 0600, broker);
  write_file(here / "acl", access_rules(wish.federation, Kind::Mosquitto), 0600, broker);
  make_directory(here / "data", 0700, broker);
  write_file(here / "mosquitto.conf", mosquitto_conf(here, wish), 0644);
  // The broker's account must get through to its files; the others' folders stay closed.
  if (broker && ::chmod(here.c_str(), 0711) != 0) fail("open", here);
}

/// Without the gateway's line; the same text when it has none.
std::string without_password(const std::string& passwords, const std::string& gateway) {
  std::istringstream lines(passwords);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(gateway + ":")) kept += line + "\n";
  }
  return kept;
}

}  // namespace

Folder make_folder(const FolderWish& wish, WallTime now) {
  check_wish(wish);
  Folder folder;
  folder.directory = fs::absolute(wish.directory).lexically_normal();
  if (!folder.directory.has_filename()) folder.directory = folder.directory.parent_path();  // of "name/"
  folder.url =
      "mqtts://" + host_in_url(wish.hosts.empty() ? "localhost" : wish.hosts.front()) + ":" + std::to_string(wish.port);
  for (const auto& gateway : wish.federation.gateways) {
    folder.machines.push_back({gateway, folder.directory / "gateways" / gateway,
                               machine_settings(gateway, folder.url, wish.federation.base)});
  }
  const bool made = take_directory(folder.directory);
  try {
    fill(folder, wish, now);
  } catch (...) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder.directory, ignored)) fs::remove_all(entry.path(), ignored);
    if (made) fs::remove(folder.directory, ignored);
    throw;
  }
  return folder;
}

bool revoke(const fs::path& directory, const std::string& gateway, WallTime now) {
  if (!is_gateway_name(gateway)) throw std::invalid_argument("\"" + gateway + "\" is no gateway name");
  const fs::path operators = directory / "authority";
  std::error_code ignored;
  if (!fs::exists(operators / "authority.key", ignored)) {
    throw std::runtime_error("cannot read \"" + (operators / "authority.key").string() +
                             "\"; name a folder that `clawbridge broker init` made, as its owner");
  }
  const fs::path issued = operators / "issued" / (gateway + ".pem");
  if (!fs::exists(issued, ignored)) {
    throw std::invalid_argument("no certificate was made for \"" + gateway + "\"; see " +
                                issued.parent_path().string());
  }
  const auto authority =
      Authority::load({read_file(directory / "authority.pem"), read_file(operators / "authority.key")});
  const auto list = read_file(directory / "revoked.pem");
  const auto passwords = read_file(directory / "passwords");
  const auto new_list = authority.revoke(list, read_file(issued), now);
  const auto new_passwords = without_password(passwords, gateway);
  if (new_list != list) replace_file(directory / "revoked.pem", new_list);
  if (new_passwords != passwords) replace_file(directory / "passwords", new_passwords);
  return new_list != list || new_passwords != passwords;
}

}  // namespace clawbridge::brokers
