// The metrics in the text format of Prometheus, and the page that describes them, both from one table (metric_table.cpp).
//
// No id, name of a peer or agent, or other word from outside is ever a label: every label's values are the program's
// own.
#pragma once

#include <string>
#include <vector>

#include "bridge/observe/readings.h"

namespace clawbridge::observe {

/// Content type `text/plain; version=0.0.4`. Pure.
[[nodiscard]] std::string metrics_text(const Readings& readings);

/// The page METRICS.md.
[[nodiscard]] std::string metrics_markdown();

/// Every name that metrics_text() may write, those of histograms with their `_bucket`, `_sum` and `_count`.
[[nodiscard]] std::vector<std::string> metric_names();

}  // namespace clawbridge::observe
