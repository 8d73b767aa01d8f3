// What a request asks of an agent: the one form that sending and spawning have in common for whoever carries it out.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/cryptography.h"
#include "topics/message.h"

namespace clawbridge::core {

struct Task {
  std::string text;
  std::vector<body::Attachment> attachments;
  bool progress = false;
  // Of a spawn; empty: the agent's own.
  std::string label;
  std::string model;
  std::string thinking;
  std::optional<std::chrono::seconds> time_limit;
};

/// Nothing when the message asks for no turn.
[[nodiscard]] std::optional<Task> task_of(const Message& message);

/// Its data object, to ask the same once more. Nothing when the message asks for no turn.
[[nodiscard]] std::optional<std::string> data_of(const Message& message);

/// What is wrong with the files of a request; nothing when every digest is true.
[[nodiscard]] std::optional<Error> check_attachments(const Cryptography& crypto, const Message& message);

/// The session that a spawn makes: known from the request alone, so that the same request never makes a second one.
[[nodiscard]] std::string spawned_session(std::string_view agent, std::string_view source_gateway, std::string_view id);

}  // namespace clawbridge::core
