"""Misses of the cache simulator beside valgrind's cachegrind, on a matrix product in C: python benchmarks/peers_cachegrind.py

The program is compiled and run twice, with one product and with three: the difference of cachegrind's counts is two products in caches
that hold what the first has left. The simulator gets the same accesses at the addresses that the program prints. Exit status 1 where
misses differ by over 2 %.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sim.caches import CacheLevel, Caches, Reference, nest_accesses

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
static float a[N][N] __attribute__((aligned(4096)));
static float b[N][N] __attribute__((aligned(4096)));
static float c[N][N] __attribute__((aligned(4096)));
int main(int count, char **words) {
    int rounds = atoi(words[1]);
    printf("%lu %lu %lu\n", (unsigned long)a, (unsigned long)b, (unsigned long)c);
    fflush(stdout);
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                float sum = 0;
                for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
    return 0;
}
"""
#: Side of the matrices, (bytes, ways, line) of the first and of the last level.
CASES = (
    (96, (8192, 2, 64), (65536, 8, 64)), (128, (16384, 8, 64), (131072, 16, 64)), (100, (32768, 8, 64), (262144, 16, 64)),
    (200, (32768, 4, 32), (262144, 8, 32)),
)  # fmt: skip
ALLOWED = 0.02

Shape = tuple[int, int, int]


def cachegrind(program: Path, rounds: int, first: Shape, last: Shape) -> tuple[np.ndarray, list[int]]:
    """Data misses of the first and last level, reads and writes together, and the addresses of the matrices."""
    shapes = [f"--{name}={','.join(map(str, shape))}" for name, shape in (("D1", first), ("I1", first), ("LL", last))]
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=yes", f"--cachegrind-out-file={program}.out", *shapes]
    done = subprocess.run([*command, str(program), str(rounds)], capture_output=True, text=True, check=True)
    found = [re.search(rf"{name}\s+misses:\s+([\d,]+)", done.stderr) for name in ("D1", "LLd")]
    assert all(found), done.stderr
    misses = np.array([int(one[1].replace(",", "")) for one in found if one])
    return misses, [int(word) for word in done.stdout.split()]


def simulated(side: int, bases: list[int], first: Shape, last: Shape) -> np.ndarray:
    """The same of the simulator: the sum stays in a register, so that C is written once for each of its elements."""
    row = 4 * side
    references = [Reference({"i": row, "k": 4}, bases[0]), Reference({"k": row, "j": 4}, bases[1])]
    inner, _ = nest_accesses({"i": side, "j": side, "k": side}, references)
    outer, _ = nest_accesses({"i": side, "j": side}, [Reference({"i": row, "j": 4}, bases[2], write=True)])
    addresses = np.concatenate([inner.reshape(side * side, -1), outer[:, None]], axis=1)
    writes = np.zeros(addresses.shape, np.uint8)
    writes[:, -1] = 1
    levels = [CacheLevel(name, size, ways, line) for name, (size, ways, line) in (("D1", first), ("LL", last))]
    caches = Caches([CacheLevel(one.name, one.capacity_bytes, one.ways, one.line_bytes) for one in levels])
    caches.run(addresses.ravel(), writes.ravel())
    caches.forget_counts()
    for _ in range(2):
        caches.run(addresses.ravel(), writes.ravel())
    counts = caches.counts()
    return np.array([counts["D1"].misses, counts["LL"].read_misses])


def main() -> int:
    """Print a table; 1 where a figure is off by more than ALLOWED."""
    missing = [name for name in ("valgrind", "gcc") if shutil.which(name) is None]
    if missing:
        print(f"{' and '.join(missing)} not installed: nothing compared")
        return 0
    worst = 0.0
    print("| side | D1 | LL | D1 misses: cachegrind, ours | LL misses: cachegrind, ours |")
    print("| ---: | --- | --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for side, first, last in CASES:
            source, program = Path(folder, "product.c"), Path(folder, f"product_{side}")
            source.write_text(PROGRAM, encoding="utf-8")
            subprocess.run(["gcc", "-O1", f"-DN={side}", "-o", str(program), str(source)], check=True)
            one, _ = cachegrind(program, 1, first, last)
            three, bases = cachegrind(program, 3, first, last)
            theirs, ours = three - one, simulated(side, bases, first, last)
            worst = max(worst, float((np.abs(ours - theirs) / np.maximum(theirs, 1)).max()))
            said = [f"{t:,}, {o:,} ({(o - t) / max(t, 1):+.2%})" for t, o in zip(theirs, ours, strict=True)]
            shapes = [f"{size >> 10} KiB, {ways} ways of {line} B" for size, ways, line in (first, last)]
            print(f"| {side} | {shapes[0]} | {shapes[1]} | {said[0]} | {said[1]} |")
    print(f"largest difference {worst:.2%}, {ALLOWED:.0%} allowed")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
