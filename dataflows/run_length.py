"""Run-length compression of feature maps on their way to DRAM."""

from __future__ import annotations


def run_length_share(zero_share: float) -> float:
    """Stored size of a compressed map relative to the dense one.

    Pairs of a 5-bit run of zeros and a 16-bit value, three pairs in 64 bits: (1 - z) * (64/3) / 16. Holds for runs shorter than
    32; a dense map grows by a third, and is then stored as it is. Chen et al., JSSC 2017, section IV-D.

    >>> round(run_length_share(0.6), 4), run_length_share(0.1)
    (0.5333, 1.0)
    """
    return min(1.0, (1.0 - zero_share) * (64.0 / 3.0) / 16.0)
