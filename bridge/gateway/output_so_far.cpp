#include "bridge/gateway/output_so_far.h"

#include "bridge/gateway/supervisor.h"
#include "topics/encoding.h"

namespace clawbridge::gateway {

void OutputSoFar::add(std::string_view bytes) {
  bytes_.append(bytes.substr(0, kToldBytesMax - bytes_.size()));
}

std::optional<std::string> OutputSoFar::tell() {
  const auto valid = find_invalid_utf8(bytes_).value_or(bytes_.size());
  if (valid <= told_) return std::nullopt;
  told_ = valid;
  return bytes_.substr(0, valid);
}

}  // namespace clawbridge::gateway
