"""An independent checker of arenas: it shares no code with the planners, and says which rule broke."""

from __future__ import annotations

from collections.abc import Sequence


def faults(
    buffers: Sequence[tuple[int, int, int]], offsets: Sequence[int], capacity: int | None = None, alignment: int = 1
) -> list[str]:
    """Every rule that a plan breaks, in words; none for a good plan.

    Parameters
    ----------
    buffers : sequence of (int, int, int)
        First step, step after the last, bytes.
    offsets : sequence of int
    capacity : int, optional
        Bytes of the arena.
    alignment : int

    Notes
    -----
    Walks over the steps at which a life begins; of the buffers alive there, sorted by offset, each must end before the next begins.
    Two buffers that meet at all meet at the later of their beginnings.

    >>> faults([(0, 2, 4), (1, 3, 8)], [0, 2])
    ['buffers 0 and 1 overlap at step 1: 0 to 4 and 2 to 10']
    """
    if len(buffers) != len(offsets):
        return [f"{len(offsets)} offsets for {len(buffers)} buffers"]
    found = []
    for number, ((_, _, size), offset) in enumerate(zip(buffers, offsets, strict=True)):
        if offset < 0:
            found.append(f"buffer {number} begins at {offset}, below 0")
        if offset % alignment:
            found.append(f"buffer {number} begins at {offset}, no multiple of {alignment}")
        if capacity is not None and offset + size > capacity:
            found.append(f"buffer {number} ends at {offset + size}, beyond {capacity}")
    for step in sorted({begin for begin, _, _ in buffers}):
        alive = sorted((offsets[k], offsets[k] + b[2], k) for k, b in enumerate(buffers) if b[0] <= step < b[1] and b[2] > 0)
        reach, owner = -1, -1
        for start, end, number in alive:
            if start < reach:
                first, second = sorted((owner, number))
                words = " and ".join(f"{offsets[k]} to {offsets[k] + buffers[k][2]}" for k in (first, second))
                found.append(f"buffers {first} and {second} overlap at step {step}: {words}")
            if end > reach:
                reach, owner = end, number
    return list(dict.fromkeys(found))
