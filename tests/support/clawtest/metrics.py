"""What a bridge measures of itself, as Prometheus would read it: by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """One answer of /metrics. Every sample of it has been understood."""

    def __init__(self, text):
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name, **labels):
        """The sum of the samples with that name and these labels; 0 without any."""
        return sum(sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items())


def read(bridge):
    status, text = bridge.http("GET", "/metrics")
    if status != 200 or not isinstance(text, str):
        raise AssertionError(f"/metrics of {bridge.name}: {status} {text!r}")
    return Metrics(text)
