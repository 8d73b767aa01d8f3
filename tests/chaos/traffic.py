"""What the driver sends and the checker expects: every number has one text, made from the number alone."""

import hashlib

PREFIX = "echo: "  # what every gateway of this test puts before the text
FILLER = "Der Mensch ist, was er ißt. 水 flows; 1 < 2 & \"so on\" \\ \t"


def text_of(number, lane):
    """Most texts are short, some have 4 KiB, a few 40 KiB. The first word is the number: a gateway's record shows it."""
    draw = int.from_bytes(hashlib.blake2b(b"%d" % number, digest_size=2).digest(), "big") / 65536
    length = 40_000 if draw < 0.005 else 4_000 if draw < 0.08 else int(draw * 200)
    return f"{number} {lane} " + (FILLER * (length // len(FILLER) + 1))[:length] + "."


def number_of(text):
    """The number of a text, None when it is none of ours."""
    first = text.split(" ", 1)[0]
    return int(first) if first.isdecimal() else None


def lane_name(source, target):
    """`source` and `target` are addresses; all requests of a lane go to the target's default session."""
    return f"{source}>{target}"
