"""Weighted rendezvous hashing (docs/runtime.md, "How a variant is picked"): the same in every process and language."""

import hashlib
from collections.abc import Sequence
from typing import Optional

_ONE = 1 << 63
_TWO = 1 << 64
_FRACTION_BITS = 32


def pick_by_key(variants: Sequence[tuple[str, int]], salt: str, key: str) -> Optional[str]:
    """The name that the key leads to; None where no weight is above 0."""
    candidates = [(name, weight) for name, weight in variants if weight > 0]
    if len(candidates) < 2:
        return candidates[0][0] if candidates else None
    best: Optional[tuple[str, int, int]] = None
    for name, weight in candidates:
        distance = distance_of(_hash_of(salt, name, key))
        if best is None:
            best = (name, weight, distance)
            continue
        # The largest weight a distance wins; of equals, which are as good as impossible, the first by name.
        ours, theirs = weight * best[2], best[1] * distance
        if ours > theirs or (ours == theirs and name < best[0]):
            best = (name, weight, distance)
    return best[0] if best else None


def _hash_of(*texts: str) -> int:
    digest = hashlib.sha256(
        "\0".join(texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    )
    return int.from_bytes(digest.digest()[:8], "big")


def distance_of(value: int) -> int:
    """-log2((value + 1) / 2^64) in units of 2^-32, rounded up, and at least 1.

    In whole numbers, because the logarithms of two languages differ in the last place: each squaring of a number
    between 1 and 2 gives one more binary digit.
    """
    mantissa = value + 1
    if mantissa == _TWO:
        return 1
    log = mantissa.bit_length() - 1
    mantissa <<= 63 - log
    for _ in range(_FRACTION_BITS):
        mantissa = (mantissa * mantissa) >> 63
        log <<= 1
        if mantissa >= _TWO:
            mantissa >>= 1
            log |= 1
    return (64 << _FRACTION_BITS) - log
