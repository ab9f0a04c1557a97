"""LoopNest: the named loops of one operator and how each tensor is indexed by them.

Convolutions, matrix products and recurrences share one vocabulary (Chen et al., JSSC 2017, table I):

=====  ==============================================================================
loop   meaning
=====  ==============================================================================
N      batch; rows of a fully connected layer
G      groups; heads or batch of a batched matrix product (both operands move with it)
M      output channels (columns of a matrix product) of one group
C      input channels (reduction of a matrix product) of one group
D, T   output depth and filter depth of 3-D convolutions
E, F   output height and width; rows of a matrix product stand in E
R, S   filter height and width
=====  ==============================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DIMENSIONS = ("N", "G", "M", "C", "D", "E", "F", "T", "R", "S")


@dataclass(frozen=True, slots=True)
class TensorIndex:
    """How the loops index one tensor: per axis a sum of (loop, coefficient), e.g. ``E*stride + R*dilation``."""

    role: str  # "inputs", "weights" or "outputs"
    tensor: str
    axes: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def loops(self) -> frozenset[str]:
        """Loops that index this tensor: the relevant ones."""
        return frozenset(loop for axis in self.axes for loop, _ in axis)


@dataclass(frozen=True, slots=True)
class LoopNest:
    """Named extents and the index map of each tensor.

    Attributes
    ----------
    extents : tuple of (str, int)
        Loops with their bounds, in the order of DIMENSIONS; loops of bound 1 may be left out.
    tensors : tuple of TensorIndex
        Index maps of inputs, weights and outputs.
    weights_are_constant : bool
        False when the second operand is an activation (attention products).
    """

    extents: tuple[tuple[str, int], ...]
    tensors: tuple[TensorIndex, ...]
    weights_are_constant: bool = True

    def extent(self, loop: str) -> int:
        """Bound of one loop; 1 for a loop the nest does not have."""
        for name, bound in self.extents:
            if name == loop:
                return bound
        return 1

    @property
    def volume(self) -> int:
        """Iterations of the whole nest: the MACs."""
        return math.prod(bound for _, bound in self.extents)

    def index(self, role: str) -> TensorIndex:
        """Index map of ``inputs``, ``weights`` or ``outputs``."""
        for entry in self.tensors:
            if entry.role == role:
                return entry
        raise KeyError(role)

    @property
    def reduction_loops(self) -> frozenset[str]:
        """Loops that do not index the outputs."""
        return frozenset(name for name, _ in self.extents) - self.index("outputs").loops

    def footprint(self, role: str) -> int:
        """Elements of the bounding box that the whole nest touches of one tensor (padding included)."""
        size = 1
        for axis in self.index(role).axes:
            size *= 1 + sum((self.extent(loop) - 1) * coefficient for loop, coefficient in axis)
        return size


def convolution_nest(
    *, n: int, g: int, m: int, c: int, output: tuple[int, ...], kernel: tuple[int, ...],
    stride: tuple[int, ...], dilation: tuple[int, ...], tensors: tuple[str, str, str],
) -> LoopNest:  # fmt: skip
    """Nest of a 1-D, 2-D or 3-D convolution of ``g`` groups.

    Parameters
    ----------
    n, g, m, c : int
        Batch, groups, output channels per group, input channels per group.
    output, kernel, stride, dilation : tuple of int
        Spatial extents, 1 to 3 axes, outermost first.
    tensors : tuple of str
        Names of the input, weight and output tensor.
    """
    rank = len(output)
    spatial = ("D", "E", "F")[3 - rank :]
    taps = ("T", "R", "S")[3 - rank :]
    bounds = {"N": n, "G": g, "M": m, "C": c, **dict(zip(spatial, output, strict=True)), **dict(zip(taps, kernel, strict=True))}
    window = tuple(
        ((position, step), (tap, spread)) for position, tap, step, spread in zip(spatial, taps, stride, dilation, strict=True)
    )
    return LoopNest(
        extents=tuple((loop, bounds[loop]) for loop in DIMENSIONS if loop in bounds),
        tensors=(
            TensorIndex("inputs", tensors[0], ((("N", 1),), (("G", 1),), (("C", 1),), *window)),
            TensorIndex("weights", tensors[1], ((("G", 1),), (("M", 1),), (("C", 1),), *(((tap, 1),) for tap in taps))),
            TensorIndex(
                "outputs", tensors[2], ((("N", 1),), (("G", 1),), (("M", 1),), *(((position, 1),) for position in spatial))
            ),
        ),
    )


def product_nest(
    *, rows: int, columns: int, reduction: int, tensors: tuple[str, str, str],
    n: int = 1, g: int = 1, constant: bool = True,
) -> LoopNest:  # fmt: skip
    """Nest of ``g`` matrix products (rows x reduction) * (reduction x columns), ``n`` times with the same weights.

    >>> product_nest(rows=4, columns=8, reduction=16, tensors=("a", "b", "y")).volume
    512
    """
    bounds = {"N": n, "G": g, "M": columns, "C": reduction, "E": rows}
    return LoopNest(
        extents=tuple((loop, bounds[loop]) for loop in DIMENSIONS if loop in bounds),
        tensors=(
            TensorIndex("inputs", tensors[0], ((("N", 1),), (("G", 1),), (("E", 1),), (("C", 1),))),
            TensorIndex("weights", tensors[1], ((("G", 1),), (("M", 1),), (("C", 1),))),
            TensorIndex("outputs", tensors[2], ((("N", 1),), (("G", 1),), (("E", 1),), (("M", 1),))),
        ),
        weights_are_constant=constant,
    )
