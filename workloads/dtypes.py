"""Element types and their width in bits.

The formats ``q8_0`` ... ``q4_0`` are the block formats of llama.cpp: their width is the mean over a block with its scales
(for example q4_0: 32 weights in 18 bytes = 4.5 bits; source: ggml block layouts, ggml-common.h).
The ``_m`` mixes take the mean over the tensors of a Llama model (llama.cpp, quantize table).
"""

from __future__ import annotations

from workloads.errors import GraphError, nearest

#: Mean stored bits of one element.
BITS: dict[str, float] = {
    "fp64": 64.0,
    "fp32": 32.0,
    "tf32": 32.0,
    "fp16": 16.0,
    "bf16": 16.0,
    "fp8": 8.0,
    "int64": 64.0,
    "int32": 32.0,
    "int16": 16.0,
    "int8": 8.0,
    "uint8": 8.0,
    "uint16": 16.0,
    "uint32": 32.0,
    "uint64": 64.0,
    "bool": 8.0,
    "int4": 4.0,
    "ternary": 2.0,
    "binary": 1.0,
    "q8_0": 8.5,
    "q6_k": 6.5625,
    "q5_k_m": 5.67,
    "q4_k_m": 4.83,
    "q4_0": 4.5,
}

#: Types a user may ask for with ``--dtype``.
SELECTABLE = (
    "fp32", "tf32", "fp16", "bf16", "int16", "int8", "int4", "ternary", "binary",
    "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0",
)  # fmt: skip

FLOATS = frozenset({"fp64", "fp32", "tf32", "fp16", "bf16", "fp8"})
#: Types that quantise weights only: activations next to them are computed in 16-bit float.
WEIGHT_FORMATS = frozenset({"q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0"})


def bits(dtype: str) -> float:
    """Stored bits of one element of ``dtype``.

    >>> bits("int4")
    4.0
    """
    try:
        return BITS[dtype]
    except KeyError:
        raise GraphError(f"dtype: '{dtype}' is not an element type; {nearest(dtype, BITS)}") from None


def stored_bytes(elements: int, dtype: str) -> int:
    """Whole bytes that ``elements`` elements occupy.

    >>> stored_bytes(3, "int4")
    2
    """
    return -int(-elements * bits(dtype) // 8)


def is_float(dtype: str) -> bool:
    """True for floating-point types: those that ``--dtype`` may retype."""
    return dtype in FLOATS
