"""The schedule of a chaos run: a pure function of the seed, the numbers asked for, and who can be struck."""

import dataclasses
import itertools

KILLS = ("KILL", "TERM")  # the process ends and is started again
NETWORK = ("cut", "stall", "reset", "out", "in", "out lost", "in lost")  # relay.py; lost: what was held back is

# Of a hundred kills, how many hit whom; a kind of victim that is not there leaves its share to the others.
VICTIMS = {"bridge": 62, "gateway": 16, "broker": 14, "pair": 8}
KILL_SHARE = 0.75  # of the kills; the rest are SIGTERM
OTHERS_PER_KILL = 0.5  # freezes and network faults, beside the kills
BURST_SHARE = 0.3  # strikes that do not wait until the one before is mended


@dataclasses.dataclass(frozen=True)
class Strike:
    """`victims` are struck at once; `seconds` later they are mended. `burst`: this long after the strike before it,
    whatever has or has not recovered; None: when the exchanges have gone on for a while."""

    kind: str
    victims: tuple
    seconds: float
    burst: float | None


def down_seconds(chance):
    draw = chance.random()
    if draw < 0.5:
        return chance.uniform(0, 0.1)
    return chance.uniform(0.1, 1) if draw < 0.88 else chance.uniform(1, 4)


def fault_seconds(chance, keepalive):
    """Most end before anyone notices; some last longer than the keepalive, so that either side gives the other up."""
    return chance.uniform(0.05, 2) if chance.random() < 0.88 else chance.uniform(1.1, 1.9) * keepalive


def make(chance, kills, bridges, gateways, links, broker="broker", keepalive=5):
    """A list of strikes with at least `kills` kills. `bridges`, `gateways`, `links`: names of victims."""
    groups = {"bridge": [(name,) for name in bridges], "gateway": [(name,) for name in gateways], "broker": [(broker,)],
              "pair": [*itertools.combinations(bridges, 2), *((bridge, broker) for bridge in bridges)]}
    weights = {group: VICTIMS[group] for group, victims in groups.items() if victims}
    frozen = [(name,) for name in (*bridges, *gateways, broker)]
    strikes, killed, others = [], 0, 0
    while killed < kills or others < kills * OTHERS_PER_KILL:
        burst = chance.uniform(0, 1.5) if chance.random() < BURST_SHARE else None
        if others < killed * OTHERS_PER_KILL and chance.random() < 0.5:
            others += 1
            if chance.random() < 0.4:
                strikes.append(Strike("STOP", chance.choice(frozen), fault_seconds(chance, keepalive), burst))
            else:
                strikes.append(Strike(chance.choice(NETWORK), (chance.choice(links),), fault_seconds(chance, keepalive), burst))
        elif killed < kills:
            group = chance.choices(list(weights), list(weights.values()))[0]
            victims = chance.choice(groups[group])
            killed += len(victims)
            strikes.append(Strike("KILL" if chance.random() < KILL_SHARE else "TERM", victims, down_seconds(chance), burst))
    return strikes
