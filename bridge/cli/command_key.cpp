// clawbridge key show, key rotate: this bridge's keys, in their file. Both work without the daemon.
#include <cstring>
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/local_paths.h"
#include "bridge/cli/render.h"
#include "bridge/crypto/keys.h"
#include "bridge/crypto/system_cryptography.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Failure(ExitCode::Failed, "internal", "cannot read the keys in \"" + path + "\": " + why);
}

Bytes32 public_key(const json& file, const char* pair, const std::string& path) {
  const auto found = file.find(pair);
  const std::string text = found != file.end() && found->is_object() ? found->value("public", "") : "";
  const auto key = base64url_decode32(text);
  if (!key) refuse(path, std::string(pair) + ".public is no key; restore the file from a backup");
  return *key;
}

}  // namespace

ExitCode key_rotate(const Context& context) {
  const std::string path = find_local_paths(context.config_file, context.hooks.environment).keys;
  const config::FileText read = context.hooks.environment.read_file(path);
  if (!read.text) refuse(path, std::string(std::strerror(read.error_number)) + "; there is nothing to rotate before the first `clawbridge run`");
  const json file = json::parse(*read.text, nullptr, false);
  const std::string gateway = file.is_object() ? file.value("gateway", "") : "";
  const auto keys = crypto::rotate_keys(path, gateway, context.hooks.now());
  if (!keys) throw Failure(ExitCode::Failed, "internal", keys.error().message);
  const std::string fingerprint = hex_encode(crypto::fingerprint(*keys, crypto::SystemCryptography()));
  if (context.json) {
    const json answer{{"gateway", gateway}, {"fingerprint", fingerprint}, {"file", path}};
    context.out() << line(answer);
  } else {
    context.out() << table({{"gateway", printable(gateway)},
                            {"new fingerprint", grouped(fingerprint)},
                            {"file", path}})
                  << "Restart the daemon: from then on it uses the new keys, and peers that pinned the old ones follow.\n"
                     "Where a peer's settings pin this gateway (peers." << printable(gateway) << ".fingerprint), write the new one there.\n";
  }
  return ExitCode::Done;
}

ExitCode key_show(const Context& context) {
  const std::string path = find_local_paths(context.config_file, context.hooks.environment).keys;
  const config::FileText read = context.hooks.environment.read_file(path);
  if (!read.text)
    refuse(path, std::string(std::strerror(read.error_number)) +
                     "; the daemon makes them at its first start (`clawbridge run`)");
  const json file = json::parse(*read.text, nullptr, false);
  if (!file.is_object()) refuse(path, "it is no JSON object; restore the file from a backup");
  core::Keys keys;
  keys.sign.public_key = public_key(file, "sign", path);
  keys.box.public_key = public_key(file, "box", path);
  const std::string fingerprint = hex_encode(crypto::fingerprint(keys, crypto::SystemCryptography()));
  const std::string gateway = file.value("gateway", "");
  if (context.json) {
    const json answer{{"gateway", gateway}, {"fingerprint", fingerprint}, {"file", path}};
    context.out() << line(answer);
  } else {
    context.out() << table({{"gateway", printable(gateway)},
                            {"fingerprint", fingerprint},
                            {"to read aloud", grouped(fingerprint)},
                            {"file", path}});
  }
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
