"""What the driver sends and the checker expects: every number has one text, made from the number alone."""

import hashlib

FILLER = "Der Mensch ist, was er ißt. 水 flows; 1 < 2 & \"so on\" \\ \t"
LONG_SHARE, MIDDLE_SHARE = 0.005, 0.08  # of the texts: 40 KiB, and 4 KiB; the others are short
SLOW_SHARE = 0.004  # of the turns take seconds, so that some are always under way when something is struck


def draw(number, what):
    """A number in [0, 1) that depends on nothing else."""
    return int.from_bytes(hashlib.blake2b(f"{what} {number}".encode(), digest_size=4).digest(), "big") / 2**32


def text_of(number, lane):
    """The first word is the number: a gateway's record shows it. Slow ones end with the words by which the gateways wait."""
    share = draw(number, "length")
    length = 40_000 if share < LONG_SHARE else 4_000 if share < MIDDLE_SHARE else int(share * 200)
    text = f"{number} {lane} " + (FILLER * (length // len(FILLER) + 1))[:length] + "."
    return text + f" SLEEP {slow_ms(number)} {number}" if slow_ms(number) else text


def slow_ms(number):
    """How long the turn of that number takes; 0: as long as the gateway's turns do."""
    share = draw(number, "slow")
    return 1_000 + int(share / SLOW_SHARE * 5_000) if share < SLOW_SHARE else 0


def number_of(text):
    """The number of a text, None when it is none of ours."""
    first = text.split(" ", 1)[0]
    return int(first) if first.isdecimal() else None


def lane_name(source, target):
    """`source` and `target` are addresses; all requests of a lane go to the target's default session."""
    return f"{source}>{target}"
