// How a turn of the `command` gateway ended: what its supervisor writes down, and what the asker is told. Values only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "topics/message.h"

namespace clawbridge::gateway {

/// What one run of the program came to.
struct TurnEnd {
  enum class How {
    NotStarted,  // the program certainly did not run; `reason` says why
    Exited,      // `code` is its exit code
    Signalled,   // `code` is the signal that ended it
  };
  /// Why the supervisor ended the program, if it did.
  enum class Ended { ByItself, AtTimeLimit, OnAbort, OnSignal };

  How how = How::Exited;
  int code = 0;
  Ended ended = Ended::ByItself;
  std::string output;       // stdout, byte for byte up to the limit
  bool truncated = false;   // there was more
  std::string last_errors;  // the last part of stderr, made UTF-8
  std::string reason;       // for a person
};

/// One line of JSON, then the output. decode() gives nothing for anything else: a file that a loss of power cut.
[[nodiscard]] std::string encode(const TurnEnd& end);
[[nodiscard]] std::optional<TurnEnd> decode_turn_end(std::string_view bytes);

/// Valid UTF-8 made of any bytes: what is none becomes U+FFFD.
[[nodiscard]] std::string make_utf8(std::string_view bytes);

/// The reply for a program that ran (`how` is not NotStarted). `program`: its name, for the error.
///   exit code 0             ok with the output as it is, or no_reply without any
///   output that is no UTF-8  error that says where: it is neither changed nor passed on
///   any other end           error with the exit code or signal and the last part of stderr, or of stdout without any
///   ended on abort          cancelled, ran
[[nodiscard]] body::Reply outcome_of(const TurnEnd& end, const std::string& program);

}  // namespace clawbridge::gateway
