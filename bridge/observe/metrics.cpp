#include "bridge/observe/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <string_view>
#include <utility>

#include "bridge/observe/metric_table.h"

namespace clawbridge::observe {
namespace {

using prometheus::MetricType;

std::string_view type_name(MetricType type) {
  return type == MetricType::Counter ? "counter" : type == MetricType::Histogram ? "histogram" : "gauge";
}

constexpr std::string_view kIntroduction = R"(# Metrics

This page is made from the table in `metric_table.cpp`; `CLAWBRIDGE_UPDATE_GOLDEN=1` with the metrics test writes it anew.

`GET /metrics` gives them in the text format of Prometheus, on the Unix socket and, with a token, on `api.listen`. They say
nothing of messages, sessions, agents or peers by name: any token may read them. `GET /healthz` answers 200 while the daemon's
loop turns; `GET /readyz` answers 200 when broker and gateway are there and the journal takes what it is given, otherwise 503
with what is not. On TCP these two need a token as well. [grafana-dashboard.json](grafana-dashboard.json) shows the most of it.

```yaml
scrape_configs:
  - job_name: clawbridge
    authorization: { credentials_file: /etc/prometheus/clawbridge-token }   # one of api.tokens
    static_configs: [ { targets: ["127.0.0.1:18790"] } ]                    # api.listen
```

Counters begin at 0 when the daemon starts, and a sample whose labels have not occurred yet is not there. Histograms have the
bounds 0.1 ms to 30 minutes.

| name | type | meaning | labels |
|---|---|---|---|
)";

}  // namespace

std::string metrics_text(const Readings& readings) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& metric : metrics()) {
    Samples samples(metric.type);
    metric.fill(readings, samples);
    auto values = samples.take();
    if (values.empty()) continue;
    families.push_back({std::string(metric.name), std::string(metric.help), metric.type, std::move(values)});
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

std::string metrics_markdown() {
  std::string page(kIntroduction);
  for (const auto& metric : metrics()) {
    page.append("| `")
        .append(metric.name)
        .append("` | ")
        .append(type_name(metric.type))
        .append(" | ")
        .append(metric.help)
        .append(" | ");
    page.append(metric.labels).append(metric.labels.empty() ? "|\n" : " |\n");
  }
  return page;
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const auto& metric : metrics()) {
    if (metric.type != MetricType::Histogram) {
      names.emplace_back(metric.name);
      continue;
    }
    for (const std::string_view part : {"_bucket", "_sum", "_count"})
      names.push_back(std::string(metric.name).append(part));
  }
  return names;
}

}  // namespace clawbridge::observe
