"""Seconds per unit amount of the kinds of work of a microcontroller.

cycles = kappa * sum over operators of (cycles per MAC * MACs + cycles per output * outputs + cycles per input * inputs + ...)
         + beta * streamed weight bytes;
the runtime's costs are in cycles of a Cortex-M4, ``kappa`` is the cycles of this core per cycle of that one, times a factor near 1
for each kind of work of the core. Instruction counts belong to the runtime, one factor to the core: leaving the factors per kind
free did not help on networks never seen. Bytes in external memory cost a time per byte on top. Amounts are counted in
``dataflows/mcu_counts.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodels.costs.names import check_names
from hwmodels.device import McuUnit
from hwmodels.jit import kernel
from hwmodels.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:
    Floats = Any

#: Kinds of work in the order of their amounts and prices.
TERM_NAMES = (
    "convolution", "depthwise", "fully_connected", "output", "input", "remainder", "float_convolution", "float_depthwise",
    "float_fully_connected", "float_output", "elementwise", "pooling", "activation", "softmax", "copy", "dispatch", "flash",
    "external",
)  # fmt: skip
(
    CONVOLUTION, DEPTHWISE, FULLY_CONNECTED, OUTPUT, INPUT, REMAINDER, FLOAT_CONVOLUTION, FLOAT_DEPTHWISE, FLOAT_FULLY_CONNECTED,
    FLOAT_OUTPUT, ELEMENTWISE, POOLING, ACTIVATION, SOFTMAX, COPY, DISPATCH, FLASH, EXTERNAL,
) = range(18)  # fmt: skip

#: Costs of a runtime nobody has measured, in Cortex-M4 cycles: the centres of the priors.
PRIOR_CYCLES = {
    "convolution": 1.5, "depthwise": 2.5, "fully_connected": 2.1, "output": 33.0, "input": 3.0, "remainder": 0.5,
    "float_convolution": 2.7, "float_depthwise": 3.9, "float_fully_connected": 4.5, "float_output": 5.8, "elementwise": 14.0,
    "pooling": 6.0, "activation": 10.0, "softmax": 34.0, "copy": 1.0, "dispatch": 800.0,
}  # fmt: skip
#: Terms a core may have a factor of its own on.
FACTORED = ("convolution", "depthwise", "fully_connected", "output", "input", "remainder")
#: fp32 terms: what speeds 8-bit products (two or more at once) does nothing for them, which these factors undo.
FLOAT_FACTORED = ("float_convolution", "float_depthwise", "float_fully_connected", "float_output")


class McuParameters(NamedTuple):
    """A microcontroller core and a runtime, as numbers. The fields named like terms are Cortex-M4 cycles per unit amount."""

    frequency_hz: float  # clock of the core [Hz]
    cycle_factor: float  # kappa: cycles of this core per Cortex-M4 cycle
    flash_cycles_per_byte: float  # beta: extra for weight bytes used once, streamed from flash [cycles/B]
    external_s_per_byte: float  # penalty per activation byte held in external RAM [s/B]
    convolution: float  # per MAC
    depthwise: float  # per MAC
    fully_connected: float  # per MAC
    output: float  # per output of the three kinds above
    input: float  # per activation they read: widening to 16 bit, gathering
    remainder: float  # more per MAC of a convolution whose input channels are no multiple of four
    float_convolution: float  # per MAC in fp32
    float_depthwise: float
    float_fully_connected: float
    float_output: float
    elementwise: float  # per output element of additions and the like
    pooling: float  # per element read by a pool or a reduction
    activation: float  # per element of an activation that is an operator of its own
    softmax: float  # per element
    copy: float  # per byte moved
    dispatch: float  # per operator


def mcu_parameters(unit: McuUnit, runtime: Runtime | None) -> McuParameters:
    """Numbers of a core under a runtime; what the runtime does not name is the centre of the prior.

    Raises
    ------
    DeviceFileError
        A factor of the core whose name is no term.
    """
    check_names(f"units.{unit.name}.multipliers", unit.multipliers, (*FACTORED, *FLOAT_FACTORED))
    costs = runtime.costs if runtime is not None else {}
    return McuParameters(
        frequency_hz=float(unit.frequency_hz),
        cycle_factor=float(unit.cycle_factor),
        flash_cycles_per_byte=float(unit.flash_cycles_per_byte),
        external_s_per_byte=float(unit.external_s_per_byte),
        **{
            name: float(costs.get(f"{name}_cycles", prior)) * float(unit.multipliers.get(name, 1.0))
            for name, prior in PRIOR_CYCLES.items()
        },
    )


@kernel
def core_cycle_seconds(frequency_hz: float, cycle_factor: float) -> float:
    """Seconds of one Cortex-M4 cycle's worth of work on this core: kappa / clock.

    >>> core_cycle_seconds(480e6, 0.6)
    1.25e-09
    """
    return cycle_factor / frequency_hz


@kernel
def mcu_prices(unit: McuParameters, prices: Floats) -> None:
    """Fill the seconds per unit amount of each term, in the order of TERM_NAMES.

    Parameters
    ----------
    unit : McuParameters
    prices : float64 array of 18
        Filled: seconds per MAC, output, element, byte, operator.
    """
    cycle = core_cycle_seconds(unit.frequency_hz, unit.cycle_factor)
    prices[CONVOLUTION] = unit.convolution * cycle
    prices[DEPTHWISE] = unit.depthwise * cycle
    prices[FULLY_CONNECTED] = unit.fully_connected * cycle
    prices[OUTPUT] = unit.output * cycle
    prices[INPUT] = unit.input * cycle
    prices[REMAINDER] = unit.remainder * cycle
    prices[FLOAT_CONVOLUTION] = unit.float_convolution * cycle
    prices[FLOAT_DEPTHWISE] = unit.float_depthwise * cycle
    prices[FLOAT_FULLY_CONNECTED] = unit.float_fully_connected * cycle
    prices[FLOAT_OUTPUT] = unit.float_output * cycle
    prices[ELEMENTWISE] = unit.elementwise * cycle
    prices[POOLING] = unit.pooling * cycle
    prices[ACTIVATION] = unit.activation * cycle
    prices[SOFTMAX] = unit.softmax * cycle
    prices[COPY] = unit.copy * cycle
    prices[DISPATCH] = unit.dispatch * cycle
    prices[FLASH] = unit.flash_cycles_per_byte / unit.frequency_hz
    prices[EXTERNAL] = unit.external_s_per_byte
