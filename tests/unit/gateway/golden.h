// Frames that real gateways sent, kept in tests/golden/gateway (trimmed to what is read).
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "bridge/gateway/frames.h"

namespace clawbridge::gateway {

inline constexpr const char* kOld = "2026.3.8";
inline constexpr const char* kNew = "2026.9.6";

inline std::string golden_text(const std::string& name, const std::string& version) {
  const std::string path = std::string(CLAWBRIDGE_SOURCE_DIR "/tests/golden/gateway/") + name + "-" + version + ".json";
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline Response golden(const std::string& name, const std::string& version) {
  return std::get<Response>(decode_frame(golden_text(name, version)));
}

}  // namespace clawbridge::gateway
