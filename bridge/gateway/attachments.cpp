#include "bridge/gateway/attachments.h"

#include <algorithm>
#include <utility>

#include "topics/encoding.h"
#include "topics/limits.h"

namespace clawbridge::gateway {

using body::Attachment;

namespace {

constexpr std::size_t kNameMax = 100;
constexpr std::string_view kUnknownType = "application/octet-stream";
constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"txt", "text/plain"},       {"log", "text/plain"},        {"md", "text/markdown"},     {"csv", "text/csv"},   {"html", "text/html"},
    {"json", "application/json"}, {"yaml", "application/yaml"}, {"yml", "application/yaml"}, {"xml", "application/xml"}, {"pdf", "application/pdf"},
    {"zip", "application/zip"},  {"png", "image/png"},         {"jpg", "image/jpeg"},       {"jpeg", "image/jpeg"}, {"gif", "image/gif"},
    {"webp", "image/webp"},      {"svg", "image/svg+xml"},     {"mp3", "audio/mpeg"},       {"wav", "audio/wav"},   {"mp4", "video/mp4"}};
// Text in all but name. What is called text/… is, too, and so may be what has no type.
constexpr std::string_view kTextTypes[] = {"application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
                                           "application/sql",  "application/javascript", "application/x-sh", "application/x-ndjson", kUnknownType};

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string safe_type(const Attachment& file) {
  std::string type;
  for (const char c : file.mime_type.substr(0, file.mime_type.find(';'))) type += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  while (!type.empty() && type.back() == ' ') type.pop_back();
  const bool is_type = type.size() <= kNameMax && std::ranges::count(type, '/') == 1 &&
                       std::ranges::all_of(type, [](char c) { return is_plain(c) || c == '/' || c == '+' || c == '.' || c == '-'; });
  return is_type ? type : mime_type_of(file.name);
}

// As OpenClaw sees it, to which SVG is text.
bool is_image(const Attachment& file) {
  const auto type = safe_type(file);
  return type.starts_with("image/") && !type.ends_with("+xml");
}

bool is_text(std::string_view type, std::string_view bytes) {
  const bool is_called_so = type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml") || std::ranges::find(kTextTypes, type) != std::end(kTextTypes);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f'; };
  return is_called_so && !find_invalid_utf8(bytes) && std::ranges::none_of(bytes, is_control);
}

std::string title_of(const Attachment& file, std::string_view kind, std::size_t bytes) {
  return "[attached " + std::string(kind) + ": " + safe_file_name(file.name) + ", " + safe_type(file) + ", " + std::to_string(bytes) + " bytes]";
}

}  // namespace

std::string safe_file_name(std::string_view name) {
  if (const auto slash = name.find_last_of("/\\"); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string safe;
  for (const char c : name) {
    if (is_plain(c) || c == '_' || c == '-' || (c == '.' && !safe.empty())) {
      safe += c;
    } else if (c != '.' && !safe.ends_with('_')) {
      safe += '_';
    }
  }
  // The beginning goes, and the extension stays.
  if (safe.size() > kNameMax) safe.erase(0, safe.size() - kNameMax);
  while (safe.starts_with('.') || safe.starts_with('-')) safe.erase(0, 1);
  return safe.empty() || safe == "_" ? "file" : safe;
}

std::string mime_type_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::string(kUnknownType);
  const auto found = std::ranges::find(kTypes, name.substr(dot + 1), [](const auto& type) { return type.first; });
  return std::string(found == std::end(kTypes) ? kUnknownType : found->second);
}

std::string extension_of(std::string_view mime_type) {
  const auto found = std::ranges::find(kTypes, mime_type, [](const auto& type) { return type.second; });
  return found == std::end(kTypes) ? std::string() : "." + std::string(found->first);
}

std::size_t ReplyFiles::room() const {
  return files_.size() < kAttachmentsMax ? kReplyFilesBytesMax - bytes_ : 0;
}

bool ReplyFiles::add(std::string name, std::string mime_type, std::string_view bytes) {
  if (files_.size() == kAttachmentsMax || bytes.size() > room()) return false;
  bytes_ += bytes.size();
  files_.push_back({.name = std::move(name), .mime_type = std::move(mime_type), .content = base64_encode(as_bytes(bytes)), .digest = {}});
  return true;
}

bool ReplyFiles::add_base64(std::string name, std::string mime_type, std::string content) {
  if (content.size() / 4 > kReplyFilesBytesMax) return false;
  const auto bytes = base64_decode(content);
  return bytes && add(std::move(name), std::move(mime_type), *bytes);
}

std::optional<Error> check_files(const std::vector<Attachment>& files) {
  for (const auto& file : files) {
    if (is_image(file) || is_text(safe_type(file), base64_decode(file.content).value_or(std::string(1, '\0')))) continue;
    return Error{ErrorCode::Unsupported,
                 "OpenClaw takes images and files of text with a message of another gateway, and " + safe_file_name(file.name) + " (" + safe_type(file) +
                     ") is neither: send its text, or where the agent can fetch it",
                 false};
  }
  return std::nullopt;
}

std::string files_as_text(const std::vector<Attachment>& files) {
  std::string text;
  for (const auto& file : files) {
    const auto bytes = base64_decode(file.content).value_or("");
    text += "\n\n" + title_of(file, is_image(file) ? "image" : "file", bytes.size());
    if (!is_image(file)) text += "\n" + bytes + (bytes.ends_with('\n') ? "" : "\n") + "[end of " + safe_file_name(file.name) + "]";
  }
  return text;
}

nlohmann::json images_of(const std::vector<Attachment>& files) {
  auto images = nlohmann::json::array();
  for (const auto& file : files) {
    if (is_image(file)) images.push_back({{"type", "image"}, {"mimeType", safe_type(file)}, {"fileName", safe_file_name(file.name)}, {"content", file.content}});
  }
  return images;
}

}  // namespace clawbridge::gateway
