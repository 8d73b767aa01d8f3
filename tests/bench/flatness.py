"""Whether a series of measurements grows: the rule by which a soak is judged."""

import statistics


def growth(samples):
    """How much the series grows from its beginning to its end, by the slope of Theil and Sen: the median of the slopes between
    all pairs. A minority of outliers, a sawtooth or a step that is taken back do not move it. `samples`: (time, value), in order."""
    if len(samples) < 3:
        raise ValueError(f"{len(samples)} samples say nothing")
    slopes = [(second[1] - first[1]) / (second[0] - first[0])
              for at, first in enumerate(samples) for second in samples[at + 1:] if second[0] > first[0]]
    return statistics.median(slopes) * (samples[-1][0] - samples[0][0])


def grows(samples, warm_up, share, slack):
    """None when the series is flat, else a sentence. What was measured in the first `warm_up` (a share of the time) is not looked at;
    over the rest it may grow by `share` of its median, or by `slack` where that is more."""
    begin, end = samples[0][0], samples[-1][0]
    settled = [sample for sample in samples if sample[0] >= begin + warm_up * (end - begin)]
    more, median = growth(settled), statistics.median(value for _, value in settled)
    allowed = max(share * median, slack)
    if more <= allowed:
        return None
    return f"grows by {more:.0f} in {settled[-1][0] - settled[0][0]:.0f} s, from {settled[0][1]:.0f} to {settled[-1][1]:.0f}; allowed are {allowed:.0f}"
