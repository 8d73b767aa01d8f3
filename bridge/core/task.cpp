#include "bridge/core/task.h"

#include <algorithm>
#include <cmath>

namespace clawbridge::core {
namespace {

constexpr double kTimeLimitMost = 30.0 * 24 * 3600;

const std::vector<body::Attachment>* attachments_of(const Message& message) {
  if (const auto* send = message.get<body::SessionsSend>()) return &send->attachments;
  if (const auto* spawn = message.get<body::SessionsSpawn>()) return &spawn->attachments;
  return nullptr;
}

}  // namespace

std::optional<Task> task_of(const Message& message) {
  Task task;
  if (const auto* send = message.get<body::SessionsSend>()) {
    task.text = send->message;
    task.attachments = send->attachments;
    task.progress = send->progress;
    return task;
  }
  const auto* spawn = message.get<body::SessionsSpawn>();
  if (spawn == nullptr) return std::nullopt;
  task.text = spawn->task;
  task.attachments = spawn->attachments;
  task.progress = spawn->progress;
  task.label = spawn->label;
  task.model = spawn->model;
  task.thinking = spawn->thinking;
  if (const auto limit = spawn->run_timeout_seconds.value_or(0); limit > 0) {
    task.time_limit = std::chrono::seconds{static_cast<std::int64_t>(std::ceil(std::min(limit, kTimeLimitMost)))};
  }
  return task;
}

std::optional<std::string> data_of(const Message& message) {
  if (const auto* send = message.get<body::SessionsSend>()) return encode_data(*send);
  if (const auto* spawn = message.get<body::SessionsSpawn>()) return encode_data(*spawn);
  return std::nullopt;
}

std::optional<Error> check_attachments(const Cryptography& crypto, const Message& message) {
  const auto* attachments = attachments_of(message);
  if (attachments == nullptr) return std::nullopt;
  for (const auto& attachment : *attachments) {
    const auto content = base64_decode(attachment.content);
    if (content && hex_encode(crypto.sha256(*content)) == attachment.digest) continue;
    return Error{ErrorCode::BadRequest, "the digest of the attached file \"" + attachment.name + "\" is not that of its content", false};
  }
  return std::nullopt;
}

std::string spawned_session(std::string_view agent, std::string_view source_gateway, std::string_view id) {
  std::string session = "agent:" + std::string(agent) + ":claw:" + std::string(source_gateway) + ":";
  for (const char digit : id) session += digit >= 'A' && digit <= 'Z' ? static_cast<char>(digit - 'A' + 'a') : digit;
  return session;
}

}  // namespace clawbridge::core
