// The table of metrics: the one place that knows which there are, what they mean and where their values come from.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bridge/observe/readings.h"

namespace clawbridge::observe {

/// The values of one metric, as they are filled in.
class Samples {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Samples(prometheus::MetricType type) : type_(type) {}

  void add(double value, Labels labels = {}) {
    auto& sample = begin(labels);
    (type_ == prometheus::MetricType::Counter ? sample.counter.value : sample.gauge.value) = value;
  }
  void add(std::uint64_t value, Labels labels = {}) { add(static_cast<double>(value), labels); }
  void add(bool value, Labels labels = {}) { add(value ? 1.0 : 0.0, labels); }
  void add(const core::Histogram& histogram, Labels labels = {}) {
    auto& target = begin(labels).histogram;
    target.sample_sum = histogram.sum();
    for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
      target.sample_count += histogram.counts()[i];
      const bool last = i == core::Histogram::kBounds.size();
      target.bucket.push_back(
          {target.sample_count, last ? std::numeric_limits<double>::infinity() : core::Histogram::kBounds[i]});
    }
  }
  [[nodiscard]] std::vector<prometheus::ClientMetric> take() { return std::move(samples_); }

 private:
  prometheus::ClientMetric& begin(Labels labels) {
    auto& sample = samples_.emplace_back();
    for (const auto& [name, value] : labels) sample.label.push_back({std::string(name), std::string(value)});
    return sample;
  }

  prometheus::MetricType type_;
  std::vector<prometheus::ClientMetric> samples_;
};

struct Metric {
  std::string_view name;
  prometheus::MetricType type;
  std::string_view help;
  std::string_view labels;  // with what they may be; for people
  void (*fill)(const Readings& from, Samples& to);
};

/// All, in the order of the page and of the answer.
[[nodiscard]] const std::vector<Metric>& metrics();

}  // namespace clawbridge::observe
