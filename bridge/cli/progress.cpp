#include "bridge/cli/progress.h"

namespace clawbridge::cli {

void Progress::show(const std::string& text) {
  if (!text.starts_with(shown_)) end();
  out_ << text.substr(shown_.size()) << std::flush;
  shown_ = text;
}

void Progress::end() {
  if (!shown_.empty() && shown_.back() != '\n') out_ << "\n";
  out_.flush();
  shown_.clear();
}

}  // namespace clawbridge::cli
