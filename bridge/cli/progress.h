// A reply while it is being written, as `send --stream` shows it.
#pragma once

#include <ostream>
#include <string>

namespace clawbridge::cli {

/// Each text is all of the reply so far, so only what is new is printed. A text that does not go on from the one before begins on
/// a new line.
class Progress {
 public:
  explicit Progress(std::ostream& out) : out_(out) {}

  void show(const std::string& text);
  /// Ends the line, if anything stands on it.
  void end();

 private:
  std::ostream& out_;
  std::string shown_;
};

}  // namespace clawbridge::cli
