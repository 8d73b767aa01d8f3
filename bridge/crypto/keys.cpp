#include "bridge/crypto/keys.h"

#include "bridge/crypto/system_cryptography.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace clawbridge::crypto {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = 16 * 1024;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

Error failure(const std::string& doing, const fs::path& path, const std::string& why) {
  return {ErrorCode::Internal, "cannot " + doing + " the keys in \"" + path.string() + "\": " + why, false};
}

Error system_failure(const std::string& doing, const fs::path& path, int error) {
  return failure(doing, path, std::string(std::strerror(error)) + "; check the folder and its owner");
}

std::optional<core::KeyPair> pair_from(const nlohmann::json& object, const char* name) {
  const auto pair = object.find(name);
  if (pair == object.end() || !pair->is_object()) return std::nullopt;
  const auto part = [&](const char* member) -> std::optional<Bytes32> {
    const auto text = pair->find(member);
    if (text == pair->end() || !text->is_string()) return std::nullopt;
    return base64url_decode32(text->get_ref<const std::string&>());
  };
  const auto secret = part("secret");
  const auto public_key = part("public");
  if (!secret || !public_key) return std::nullopt;
  return core::KeyPair{*secret, *public_key};
}

core::KeyPair sign_pair_of(const Bytes32& seed) {
  core::KeyPair pair{seed, {}};
  Bytes64 expanded{};
  crypto_sign_seed_keypair(pair.public_key.data(), expanded.data(), seed.data());
  sodium_memzero(expanded.data(), expanded.size());
  return pair;
}

core::KeyPair box_pair_of(const Bytes32& scalar) {
  core::KeyPair pair{scalar, {}};
  crypto_scalarmult_base(pair.public_key.data(), scalar.data());
  return pair;
}

Bytes32 random_secret() {
  Bytes32 secret{};
  randombytes_buf(secret.data(), secret.size());
  return secret;
}

Result<core::Keys> parse(const std::string& text, const fs::path& path, std::string_view gateway) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  const auto again =
      std::string("restore it from a backup, or move it away to get new keys (every peer must trust them anew)");
  if (!object.is_object()) return failure("read", path, "it is not a JSON object; " + again);
  const auto name = object.find("gateway");
  if (name == object.end() || !name->is_string()) return failure("read", path, "it names no \"gateway\"; " + again);
  const auto& owner = name->get_ref<const std::string&>();
  if (owner != gateway) {
    return failure("use", path,
                   "they belong to gateway \"" + owner + "\", and this one is \"" + std::string(gateway) +
                       "\"; set gateway.name back or give this gateway its own store.path");
  }
  const auto sign = pair_from(object, "sign");
  const auto box = pair_from(object, "box");
  if (!sign || !box) {
    return failure("read", path,
                   "\"sign\" and \"box\" must each have \"secret\" and \"public\", 32 bytes as base64url; " + again);
  }
  if (sign_pair_of(sign->secret).public_key != sign->public_key) {
    return failure("use", path, "the public key of \"sign\" is not the one of its secret; " + again);
  }
  if (box_pair_of(box->secret).public_key != box->public_key) {
    return failure("use", path, "the public key of \"box\" is not the one of its secret; " + again);
  }
  return core::Keys{*sign, *box};
}

std::optional<std::string> read_all(int descriptor) {
  std::string text(kFileBytesMax + 1, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const ssize_t count = ::read(descriptor, text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  text.resize(used);
  return text;
}

Result<std::string> load(int descriptor, const fs::path& path) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) return system_failure("read", path, errno);
  if (!S_ISREG(about.st_mode)) return failure("read", path, "it is not an ordinary file");
  if ((about.st_mode & 077) != 0) {
    return failure("use", path, "others may read or write the file; run: chmod 600 \"" + path.string() + "\"");
  }
  auto text = read_all(descriptor);
  if (!text) return system_failure("read", path, errno);
  if (text->size() > kFileBytesMax) return failure("read", path, "the file is larger than any key file");
  return std::move(*text);
}

Result<core::Keys> load(int descriptor, const fs::path& path, std::string_view gateway) {
  auto text = load(descriptor, path);
  if (!text) return text.error();
  auto keys = parse(*text, path, gateway);
  sodium_memzero(text->data(), text->size());
  return keys;
}

std::optional<core::PreviousKeys> previous_from(const nlohmann::json& object) {
  const auto sign = pair_from(object, "sign");
  const auto box = pair_from(object, "box");
  const auto until = parse_time(object.value("until", ""));
  const auto proof = base64url_decode64(object.value("proof", ""));
  if (!sign || !box || !until || !proof) return std::nullopt;
  return core::PreviousKeys{{*sign, *box}, *until, *proof};
}

std::string rendered(const core::Keys& keys, const std::optional<core::PreviousKeys>& previous, std::string_view gateway) {
  const auto pair = [](const core::KeyPair& p) {
    return "{\"secret\":\"" + base64url_encode(p.secret) + "\",\"public\":\"" + base64url_encode(p.public_key) + "\"}";
  };
  std::string text = "{\"gateway\":";
  append_json_string(text, gateway);
  text += ",\"sign\":" + pair(keys.sign) + ",\"box\":" + pair(keys.box);
  if (previous) {
    text += ",\"previous\":{\"sign\":" + pair(previous->keys.sign) + ",\"box\":" + pair(previous->keys.box) + ",\"until\":\"" +
            format_time(previous->until) + "\",\"proof\":\"" + base64url_encode(previous->proof) + "\"}";
  }
  return text + "}\n";
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Makes the missing folders of `folder`, readable by the owner only. Returns errno, 0 when all is well.
int make_private_folders(const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return 0;
  if (const int error = make_private_folders(folder.parent_path()); error != 0) return error;
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

/// Writes a complete file under another name, then gives it its own. By link() and not by rename(), so that of two
/// processes that make keys at once the second finds those of the first; by rename() when it is to be replaced. Returns
/// errno, 0 when all is well.
int publish_file(const fs::path& path, std::string_view text, bool replace = false) {
  std::string temporary = path.string() + ".XXXXXX";
  const File file(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (!file.is_open()) return errno;
  int error = 0;
  if (!write_all(file.get(), text) || ::fsync(file.get()) != 0) error = errno;
  if (error == 0 && (replace ? ::rename(temporary.c_str(), path.c_str()) : ::link(temporary.c_str(), path.c_str())) != 0) error = errno;
  ::unlink(temporary.c_str());
  if (error != 0) return error;
  const File folder(::open(path.has_parent_path() ? path.parent_path().c_str() : ".", O_RDONLY | O_CLOEXEC));
  if (folder.is_open()) ::fsync(folder.get());  // so that the name survives a power cut too
  return 0;
}

}  // namespace

Result<core::Keys> load_or_create_keys(const fs::path& path, std::string_view gateway) {
  if (sodium_init() < 0) return failure("make", path, "libsodium finds no source of randomness on this machine");
  const auto open_existing = [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); };
  {
    const File existing(open_existing());
    if (existing.is_open()) return load(existing.get(), path, gateway);
    if (errno != ENOENT) return system_failure("read", path, errno);
  }
  if (const int error = make_private_folders(path.parent_path()); error != 0)
    return system_failure("write", path, error);
  const core::Keys keys{sign_pair_of(random_secret()), box_pair_of(random_secret())};
  std::string text = rendered(keys, std::nullopt, gateway);
  const int error = publish_file(path, text);
  sodium_memzero(text.data(), text.size());
  if (error == EEXIST) {
    const File theirs(open_existing());
    return theirs.is_open() ? load(theirs.get(), path, gateway)
                            : Result<core::Keys>(system_failure("read", path, errno));
  }
  if (error != 0) return system_failure("write", path, error);
  return keys;
}

Result<std::optional<core::Keys>> load_keys(const fs::path& path, std::string_view gateway) {
  const File existing(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!existing.is_open()) {
    if (errno == ENOENT) return std::optional<core::Keys>{};
    return system_failure("read", path, errno);
  }
  auto keys = load(existing.get(), path, gateway);
  if (!keys) return keys.error();
  return std::optional(*keys);
}

Result<std::optional<core::PreviousKeys>> load_previous_keys(const fs::path& path, std::string_view gateway) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_failure("read", path, errno);
  auto text = load(file.get(), path);
  if (!text) return text.error();
  if (auto keys = parse(*text, path, gateway); !keys) return keys.error();
  const auto object = nlohmann::json::parse(*text, nullptr, false);
  sodium_memzero(text->data(), text->size());
  const auto previous = object.find("previous");
  if (previous == object.end()) return std::optional<core::PreviousKeys>{};
  auto keys = previous->is_object() ? previous_from(*previous) : std::nullopt;
  if (!keys) return failure("read", path, "\"previous\" must have sign, box, until and proof; restore the file from a backup");
  return keys;
}

Result<core::Keys> rotate_keys(const fs::path& path, std::string_view gateway, WallTime now) {
  if (sodium_init() < 0) return failure("rotate", path, "libsodium finds no source of randomness on this machine");
  auto previous = load_previous_keys(path, gateway);
  if (!previous) return previous.error();
  if (*previous && now < (*previous)->until) {
    return failure("rotate", path, "they were rotated less than 7 days ago, and peers that slept since could not follow; try again after " +
                                       format_time((*previous)->until));
  }
  const auto old_keys = load_or_create_keys(path, gateway);
  if (!old_keys) return old_keys.error();
  const core::Keys keys{sign_pair_of(random_secret()), box_pair_of(random_secret())};
  const SystemCryptography crypto;
  const auto new_fingerprint = fingerprint(keys, crypto);
  const core::PreviousKeys kept{*old_keys, now + core::kPreviousKeysTaken,
                                crypto.sign(old_keys->sign.secret, "clawbridge.v1.rotate|" + std::string(gateway) + "|",
                                            {reinterpret_cast<const char*>(new_fingerprint.data()), new_fingerprint.size()})};
  std::string text = rendered(keys, kept, gateway);
  const int error = publish_file(path, text, true);
  sodium_memzero(text.data(), text.size());
  if (error != 0) return system_failure("write", path, error);
  return keys;
}

Bytes32 fingerprint(const core::Keys& keys, const core::Cryptography& crypto) {
  std::string both(keys.sign.public_key.begin(), keys.sign.public_key.end());
  both.append(keys.box.public_key.begin(), keys.box.public_key.end());
  return crypto.sha256(both);
}

}  // namespace clawbridge::crypto
