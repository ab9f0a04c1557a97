"""Amounts of the kinds of work of a microcontroller, for one operator.

The model: cycles = kappa * (a_kind * MACs + a_out * outputs + a_in * inputs) + beta * fully connected weight bytes in flash, plus a
time per byte in external RAM, after whole networks on Cortex-M4, M7 and M33 (MLPerf Tiny v0.5 to v1.3, the ST model zoo, MCUNet).
Convolutions over a number of channels that is no multiple of four take the slow way of the kernels. Elementwise, pooling, softmax
costs keep close to kernel timings in the fit, as do copies and activations other than clamps, wherever they are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dataflows.unit_work import ABSORBED
from hwmodels.costs.mcu import (
    ACTIVATION,
    CONVOLUTION,
    COPY,
    DEPTHWISE,
    DISPATCH,
    ELEMENTWISE,
    EXTERNAL,
    FACTORED,
    FLASH,
    FLOAT_CONVOLUTION,
    FLOAT_DEPTHWISE,
    FLOAT_FACTORED,
    FLOAT_FULLY_CONNECTED,
    FLOAT_OUTPUT,
    FULLY_CONNECTED,
    INPUT,
    OUTPUT,
    POOLING,
    REMAINDER,
    SOFTMAX,
    TERM_NAMES,
    McuParameters,
)
from hwmodels.jit import kernel
from hwmodels.terms import Term
from workloads.tables import ACTIVATION_CODE, KIND_CODE, NestTable, OperatorTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
else:
    Floats = Ints = Any

FITTED = "fit over 253 int8 rows of microcontrollers: MLPerf Tiny v0.5 to v1.3, ST model zoo, MCUNet, ESP-NN"
PRICED = "kernel timings of the ESP-NN README at d45b843, brought to a Cortex-M4; each free by a factor of 1.35 (one sd) in the fit"
ASSUMED = "small costs from published kernel timings (ESP-NN README at d45b843, ESP32-P4, internal memory); not fitted"

#: Kinds of work in three groups of (kind code -> term).
CONVOLUTION_KIND, DEPTHWISE_KIND, FULLY_CONNECTED_KIND = (KIND_CODE[n] for n in ("convolution", "depthwise", "fully_connected"))
MATMUL, RECURRENT, ATTENTION = (KIND_CODE[name] for name in ("matmul", "recurrent", "attention"))
POOLING_KIND, REDUCTION, SOFTMAX_KIND = (KIND_CODE[name] for name in ("pooling", "reduction", "softmax"))
ACTIVATION_KIND, DETECTION, FREE = (KIND_CODE[name] for name in ("activation", "detection", "free"))
LAYOUT, EMBEDDING, UNMODELLED = (KIND_CODE[name] for name in ("layout", "embedding", "unmodelled"))
#: Activations up to this code are clamps, which the requantisation of the operator before does anyhow.
LAST_CLAMP = ACTIVATION_CODE["clip"]


def _term(name: str, phase: str, unit: str, amount: str, source: str, price: str = "") -> Term:
    read: dict[str, tuple[str, ...]] = {"flash": ("flash_cycles_per_byte", "frequency"), "external": ("external_time_per_byte",)}
    own = (f"multipliers.{name}",) if name in (*FACTORED, *FLOAT_FACTORED) else ()
    price = price or " * ".join(["cycle_factor", *own, f"{name}_cycles"]) + " / frequency"
    return Term(name, phase, unit, amount, price, read.get(name, ("frequency", "cycle_factor", *own)), source)


MCU_TERMS: tuple[Term, ...] = (
    _term("convolution", "compute", "MAC", "multiply-accumulates of convolutions", FITTED),
    _term("depthwise", "compute", "MAC", "multiply-accumulates of depthwise convolutions", FITTED),
    _term("fully_connected", "compute", "MAC", "multiply-accumulates of fully connected layers and products", FITTED),
    _term("output", "compute", "element", "outputs of the three kinds above: requantise, clamp, store, loop prologue", FITTED),
    _term("input", "compute", "element", "activations the three kinds above read: widen to 16 bit, gather", FITTED),
    _term("remainder", "compute", "MAC", "multiply-accumulates of convolutions whose input channels are no multiple of 4", FITTED),
    _term("float_convolution", "compute", "MAC", "multiply-accumulates of fp32 convolutions", FITTED),
    _term("float_depthwise", "compute", "MAC", "multiply-accumulates of fp32 depthwise convolutions", FITTED),
    _term("float_fully_connected", "compute", "MAC", "multiply-accumulates of fp32 fully connected layers", FITTED),
    _term("float_output", "compute", "element", "fp32 outputs of the three kinds above", FITTED),
    _term(
        "elementwise", "compute", "element", "outputs of additions, products, normalisations, resizing, (re)quantisations", PRICED
    ),
    _term("pooling", "compute", "element", "elements read by pools and reductions: outputs * window", PRICED),
    _term(
        "activation",
        "compute",
        "element",
        "elements of activations that are no clamps, on their own or inside an operator",
        ASSUMED,
    ),
    _term("softmax", "compute", "element", "elements of softmax", PRICED),
    _term("copy", "compute", "B", "bytes moved by copies: concatenate, pad, transpose, look up", ASSUMED),
    _term("dispatch", "overhead", "operator", "operators the runtime starts", ASSUMED),
    _term("flash", "flash", "B", "fully connected weight bytes streamed from flash", FITTED, "flash_cycles_per_byte / frequency"),
    _term(
        "external", "external_ram", "B", "bytes in external RAM: activations, weights used once", FITTED, "external_time_per_byte"
    ),
)

assert tuple(term.name for term in MCU_TERMS) == TERM_NAMES


class McuFacts(NamedTuple):
    """Where the tensors of each operator live; one row per operator."""

    streamed_bytes: Ints  # weight bytes used once and read from flash [B]
    external_bytes: Ints  # activation bytes read from and written to external RAM [B]
    external_weight_bytes: Ints  # weight bytes used once and read from external RAM [B]


@kernel
def add_macs(operators: OperatorTable, i: int, integer: int, floating: int, amounts: Floats) -> None:
    """Multiply-accumulates under an integer or a float term, with what they read and write."""
    if operators.activation_bits[i] <= 16.0:
        amounts[integer] += operators.macs[i]
        amounts[OUTPUT] += operators.output_elements[i]
        amounts[INPUT] += operators.input_elements[i]
    else:
        amounts[floating] += operators.macs[i]
        amounts[FLOAT_OUTPUT] += operators.output_elements[i]


@kernel
def mcu_amounts(
    operators: OperatorTable, nests: NestTable, i: int, unit: McuParameters, network: McuFacts, amounts: Floats, traffic: Ints
) -> None:
    """Fill the amounts and the traffic of operator ``i``.

    Parameters
    ----------
    operators, nests
        The network as its runtime runs it.
    i : int
    unit : McuParameters
        Not read: the counts do not depend on the core.
    network : McuFacts
    amounts : float64 array of 18
        Filled, in the order of ``MCU_TERMS``.
    traffic : int64 array, 3 x 2
        Filled: bytes read and written in internal RAM, external RAM, and weight memory [B].
    """
    amounts[:] = 0.0
    traffic[:] = 0
    kind = operators.kind[i]
    if kind == ABSORBED:
        return
    amounts[DISPATCH] = 1.0
    if kind == FREE:
        return
    outputs = float(operators.output_elements[i])
    if kind == CONVOLUTION_KIND:
        add_macs(operators, i, CONVOLUTION, FLOAT_CONVOLUTION, amounts)
        if operators.nests[i] > 0 and nests.C[operators.first_nest[i]] % 4 != 0:
            amounts[REMAINDER] = amounts[CONVOLUTION]
    elif kind == DEPTHWISE_KIND:
        add_macs(operators, i, DEPTHWISE, FLOAT_DEPTHWISE, amounts)
    elif kind in (FULLY_CONNECTED_KIND, MATMUL, RECURRENT, ATTENTION):
        add_macs(operators, i, FULLY_CONNECTED, FLOAT_FULLY_CONNECTED, amounts)
        amounts[SOFTMAX if kind == ATTENTION else ACTIVATION] = float(operators.special_operations[i])
    elif kind in (POOLING_KIND, REDUCTION):
        reads = outputs * operators.window[i] if kind == POOLING_KIND else float(operators.input_elements[i])
        amounts[POOLING] = reads
    elif kind == SOFTMAX_KIND:
        amounts[SOFTMAX] = outputs
    elif kind in (ACTIVATION_KIND, DETECTION):
        amounts[ACTIVATION] = float(max(operators.input_elements[i], operators.output_elements[i]))
    elif kind in (LAYOUT, EMBEDDING, UNMODELLED):
        amounts[COPY] = float(operators.output_bytes[i])
    else:
        amounts[ELEMENTWISE] = outputs
    if kind not in (ACTIVATION_KIND, DETECTION) and operators.activation[i] > LAST_CLAMP:
        amounts[ACTIVATION] += outputs
    external = network.external_bytes[i]
    moved = operators.input_bytes[i] + operators.output_bytes[i]
    amounts[FLASH] = float(network.streamed_bytes[i])
    amounts[EXTERNAL] = float(external + network.external_weight_bytes[i])
    internal_share = 1.0 - external / moved if moved > 0 else 1.0
    traffic[0, 0] = int(internal_share * operators.input_bytes[i] + 0.5)
    traffic[0, 1] = int(internal_share * operators.output_bytes[i] + 0.5)
    traffic[1, 0] = operators.input_bytes[i] - traffic[0, 0]
    traffic[1, 1] = operators.output_bytes[i] - traffic[0, 1]
    if kind != EMBEDDING:
        traffic[2, 0] = operators.weight_bytes[i]
