// Files that travel with messages and replies, as gateways take and give them. Pure.
//
// A name and a type are a stranger's words: no path is ever made of a name, and no type is repeated that is none.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "topics/error.h"
#include "topics/message.h"

namespace clawbridge::gateway {

/// Bytes of all files of one reply together: with the third that base64 adds, they fit into a message beside its text.
inline constexpr std::size_t kReplyFilesBytesMax = std::size_t{512} * 1024;

/// One path component, and no hidden one: the name's last one, of letters, digits, `.`, `_` and `-`, at most 100 long; `file` when
/// nothing is left of it.
[[nodiscard]] std::string safe_file_name(std::string_view name);

/// By the name's extension; application/octet-stream when that says nothing.
[[nodiscard]] std::string mime_type_of(std::string_view name);

/// With its dot; empty for a type without a usual one.
[[nodiscard]] std::string extension_of(std::string_view mime_type);

/// Adds files to a reply within its limits: kAttachmentsMax, kReplyFilesBytesMax. Digests are left to the core.
class ReplyFiles {
 public:
  [[nodiscard]] std::size_t count() const { return files_.size(); }
  /// Bytes that still fit; 0 when no further file does.
  [[nodiscard]] std::size_t room() const;
  /// False when it does not fit.
  bool add(std::string name, std::string mime_type, std::string_view bytes);
  /// The same for standard base64; false also when it is none.
  bool add_base64(std::string name, std::string mime_type, std::string content);

  [[nodiscard]] std::vector<body::Attachment> take() && { return std::move(files_); }

 private:
  std::vector<body::Attachment> files_;
  std::size_t bytes_ = 0;
};

// ---- OpenClaw ----

// Method `agent` takes images only: 2026.9.6 refuses a message with any other file, 2026.3.8 leaves it out without a word, and so
// it does with images when the agent's model takes none (measured, see the gateway contract). So a file of text goes into the
// message as text, every file is named there, and what is neither text nor image is refused.

/// Why a message with these files cannot be handed to OpenClaw; nothing when it can.
[[nodiscard]] std::optional<Error> check_files(const std::vector<body::Attachment>& files);
/// What is appended to the message's text. REQUIRES: check_files() found nothing.
[[nodiscard]] std::string files_as_text(const std::vector<body::Attachment>& files);
/// The parameter `attachments`: the images, maybe none.
[[nodiscard]] nlohmann::json images_of(const std::vector<body::Attachment>& files);

}  // namespace clawbridge::gateway
