#!/usr/bin/python3
"""The rule that judges a soak finds what grows, and nothing else."""

import random
import unittest

from flatness import grows

RULE = {"warm_up": 0.4, "share": 0.05, "slack": 0}


def series(value, count=200):
    return [(float(second), value(second)) for second in range(count)]


class Flatness(unittest.TestCase):
    def test_noise_is_flat(self):
        noise = random.Random(1)
        self.assertIsNone(grows(series(lambda _: 100 + noise.uniform(-20, 20)), **RULE))

    def test_a_sawtooth_is_flat(self):
        self.assertIsNone(grows(series(lambda second: 100 + second % 17), **RULE))

    def test_the_warm_up_does_not_count(self):
        self.assertIsNone(grows(series(lambda second: min(second, 60)), **RULE))

    def test_a_few_outliers_do_not_count(self):
        self.assertIsNone(grows(series(lambda second: 1000 if second > 190 else 100), **RULE))

    def test_a_slow_leak_is_found(self):
        noise = random.Random(2)
        self.assertIn("grows", grows(series(lambda second: 100 + second * 0.1 + noise.uniform(-5, 5)), **RULE))

    def test_a_leak_below_a_sawtooth_is_found(self):
        self.assertIn("grows", grows(series(lambda second: 100 + second % 17 + second * 0.15), **RULE))

    def test_a_step_is_found(self):
        self.assertIn("grows", grows(series(lambda second: 100 if second < 140 else 150), **RULE))

    def test_slack_allows_for_small_things(self):
        self.assertIsNone(grows(series(lambda second: 10 + second * 0.01), **{**RULE, "slack": 2}))

    def test_shrinking_is_no_growth(self):
        self.assertIsNone(grows(series(lambda second: 1000 - second), **RULE))


if __name__ == "__main__":
    unittest.main()
