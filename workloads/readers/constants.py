"""Constant: a tensor known before the network runs, and the facts that counting needs of its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.graph import Tensor, WeightFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Integer constants of at most this many elements keep their values in the graph (shapes, axes, indices).
KEPT_VALUES = 256
#: Constants of at most this many elements are computed with; larger ones are known by shape, type and fill value alone.
COMPUTED_ELEMENTS = 1 << 16

#: Types that shapes, axes and indices have.
INDEX_TYPES = frozenset({"int64", "int32", "bool"})
NUMPY_TYPES = {
    "fp64": np.float64, "fp32": np.float32, "fp16": np.float16, "int64": np.int64, "int32": np.int32, "int16": np.int16,
    "int8": np.int8, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_,
}  # fmt: skip
OUR_TYPES = {np.dtype(numpy_type): name for name, numpy_type in NUMPY_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor of known content.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        Element type as in :mod:`workloads.dtypes`.
    array : ndarray or None
        The values, where the file holds them or they were cheap to compute.
    fill : float or None
        The one value of all elements, for constants that were never materialised.
    zero : int or tuple of int
        Stored value that stands for zero (zero point): one, or one per output channel.
    read_as : str or None
        Element type its readers see where that is not the stored one: weights that are dequantised as they are read.
    zero_share : float or None
        Share of zeros, where the file's sparse storage tells it and the values are not expanded.
    """

    shape: tuple[int, ...]
    dtype: str
    array: NDArray[Any] | None = None
    fill: float | None = None
    zero: int | tuple[int, ...] = 0
    zero_share: float | None = None
    read_as: str | None = None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def values(self, largest: int = COMPUTED_ELEMENTS) -> NDArray[Any] | None:
        """The elements as an array, ``None`` where they are unknown or more than ``largest``.

        >>> Constant((2,), "int64", fill=7).values().tolist()
        [7, 7]
        """
        if self.elements > largest:
            return None
        if self.array is not None:
            return self.array
        if self.fill is None or self.dtype not in NUMPY_TYPES:
            return None
        return np.full(self.shape, self.fill, dtype=NUMPY_TYPES[self.dtype])

    def integers(self) -> tuple[int, ...] | None:
        """The elements as whole numbers in row order, ``None`` where they are unknown or more than ``KEPT_VALUES``."""
        values = self.values(KEPT_VALUES)
        return None if values is None else tuple(int(v) for v in values.ravel())

    def tensor(self, name: str, channel_axis: int | None = None, input_axis: int | None = None) -> Tensor:
        """The weight tensor of this constant with the facts of its values.

        Parameters
        ----------
        name : str
        channel_axis : int or None
            Axis of the output channels, as the operator that reads it has them.
        input_axis : int or None
            Axis of the input channels, where there is one.
        """
        return Tensor(name, self.shape, self.dtype, "weight", weight_facts(self, channel_axis, input_axis))


def of_array(array: NDArray[Any]) -> Constant:
    """The constant holding these values.

    >>> of_array(np.array([1, 2], dtype=np.int32)).dtype
    'int32'
    """
    return Constant(tuple(array.shape), OUR_TYPES[array.dtype], array)


def weight_facts(constant: Constant, channel_axis: int | None = None, input_axis: int | None = None) -> WeightFacts:
    """Share of zeros, all-zero output and input channels and, for small integer constants, the values: one pass over the weights.

    Constants known by their fill value are stand-ins for weights: they have no all-zero channels.

    >>> facts = weight_facts(of_array(np.array([[0, 0], [3, 0]], dtype=np.int8)), channel_axis=0, input_axis=1)
    >>> facts.zero_share, facts.zero_output_channels, facts.zero_input_channels
    (0.75, (0,), (1,))
    """
    kept = constant.integers() if constant.dtype in INDEX_TYPES else None
    array = constant.array
    if array is None:
        share = float(constant.fill == 0) if constant.zero_share is None else constant.zero_share
        return WeightFacts(zero_share=share, fill=constant.fill, values=kept)
    fill = array.item() if array.size == 1 else None
    if not array.size:
        return WeightFacts(values=kept)
    share, channels = _zeros(array, channel_axis, constant.zero)
    possible = input_axis is not None and share * array.size >= array.size // array.shape[input_axis]
    unread = _zeros(array, input_axis, constant.zero)[1] if possible and np.size(constant.zero) == 1 else ()
    return WeightFacts(share, channels, fill, kept, unread)


def _zeros(array: NDArray[Any], channel_axis: int | None, zero: int | tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
    """Share of zeros and the channels that hold nothing else."""
    points = np.asarray(zero)
    if points.size == 1:
        point = points.item()
        others = np.count_nonzero(array) if point == 0 else np.count_nonzero(array != point)
        if others == array.size:
            return 0.0, ()
    if channel_axis is None or array.ndim <= 1:
        different = array != points if points.size == 1 else array != 0
        return 1.0 - np.count_nonzero(different) / array.size, ()
    if points.size > 1:
        points = points.reshape([-1 if axis == channel_axis else 1 for axis in range(array.ndim)])
    different = array != points
    used = np.count_nonzero(different, axis=tuple(axis for axis in range(array.ndim) if axis != channel_axis))
    return 1.0 - int(used.sum()) / array.size, tuple(int(channel) for channel in np.flatnonzero(used == 0))
