"""The terms of array units: what each charges for, under which phase, and where its formula comes from."""

from __future__ import annotations

from hwmodels.terms import Term

SAMAJDAR = "Samajdar et al., ISPASS 2020, sections III-IV"
CHEN_ISCA = "Chen, Emer, Sze, ISCA 2016, sections IV-VI"
CHEN_JSSC = "Chen, Krishna, Emer, Sze, IEEE JSSC 52(1), 2017, sections IV-V, tables III-V"

SYSTOLIC_CYCLES = {
    "default": (
        "rows + (folds-1)*max(streamed, rows) + streamed + rows + columns - 2: the next resident tile is shifted in while the present "
        "one streams, as elements with a second register for it can; the common simulator waits for every fold, and its count is "
        "reference_cycles (--timing reference). Edge folds take a whole fold in both: what enters an array shifts through all of its "
        "rows and columns, in use or not"
    ),
    "reference": (
        "WS, IS: folds*(2*rows + columns + streamed - 2); OS: folds*(rows + columns + streamed - 2): no fold overlaps the next, no "
        "memory stalls, the last index of the simulator + 1; default timing, default_cycles, hides the load of the next resident tile"
    ),
}


def systolic_terms(scratchpad: str, dram: str, timing: str) -> tuple[Term, ...]:
    """Terms of a systolic array, in the order of ``hwmodels.costs.array.systolic_prices``."""
    read, written = f"memories.{scratchpad}.read_bandwidth", f"memories.{scratchpad}.write_bandwidth"
    return (
        Term("array", "compute", "cycle", SYSTOLIC_CYCLES[timing], "1 / frequency", ("frequency",), SAMAJDAR),
        Term(
            "element operations", "compute", "operation",
            "simple operations + special operations * special_cycles, inside attention and recurrent operators; those fused behind "
            "a product are done on the way out",
            "1 / (lanes * frequency)", ("parameters.lanes", "frequency"), "assumed: one lane per column where the file names none",
        ),
        Term(
            "first tile", "compute", "B", "bytes of the first resident tile: the array waits for it", "1 / bandwidth of the link",
            ("link.bandwidth",), "a double-buffered level pays one load at its beginning",
        ),
        Term("first request", "compute", "request", "one per product, later ones go ahead", "link latency", ("link.latency",)),
        Term(
            "scratchpad reads", scratchpad, "B", "input and filter words into the array, every fold; outputs on their way to DRAM",
            f"1 / {read}", (read,), SAMAJDAR,
        ),
        Term("scratchpad writes", scratchpad, "B", "finished outputs, and what arrives from DRAM", f"1 / {written}", (written,)),
        Term(
            "DRAM transfers", dram, "B",
            "inputs, filters, outputs under the scratchpad tile of least traffic; a tile that does not change is not fetched again",
            "1 / bandwidth of the link", ("link.bandwidth",), "loop-nest counting rule G1: Parashar et al., ISPASS 2019",
        ),
    )  # fmt: skip


def systolic_energy_terms(scratchpad: str, dram: str) -> tuple[Term, ...]:
    """Energy terms of a systolic array, in the order of ``systolic_lowering.energy_amounts``."""
    read, written = f"memories.{scratchpad}.read_energy", f"memories.{scratchpad}.write_energy"
    sums = ("energies.accumulator",)
    return (
        Term("macs", "array", "MAC", "multiply-accumulates", "mac_energy", ("mac_energy",)),
        Term("vector", "array", "operation", "element operations", "energies.vector, else mac_energy", ("energies.vector",)),
        Term("hops", "array", "word", "2 * MACs: both moving operands", "energies.hop", ("energies.hop",), SAMAJDAR),
        Term(
            "registers",
            "array",
            "word",
            "3 * MACs: two moving, one resident",
            "energies.register",
            ("energies.register",),
            SAMAJDAR,
        ),
        Term("psums", "array", "word", "partial sums written and read back", "energies.accumulator, else scratchpad write", sums),
        Term("inputs", scratchpad, "B", "input bytes read", read, (read,)),
        Term("weights", scratchpad, "B", "filter bytes read", read, (read,)),
        Term("outputs", scratchpad, "B", "output bytes written", written, (written,)),
        Term("fills", scratchpad, "B", "bytes that arrive from DRAM, written", written, (written,)),
        Term("drains", scratchpad, "B", "output bytes read on their way to DRAM", read, (read,)),
        *dram_energy_terms(dram),
    )


def dram_energy_terms(dram: str) -> tuple[Term, ...]:
    """Inputs and weights read from DRAM, outputs written to it."""
    read, written = f"memories.{dram}.read_energy", f"memories.{dram}.write_energy"
    return (
        Term("inputs", dram, "B", "input bytes read", read, (read,)),
        Term("weights", dram, "B", "filter bytes read", read, (read,)),
        Term("outputs", dram, "B", "output bytes written", written, (written,)),
    )


TILES = "sum of groups * max(pixels, load) * ceil(R*S*C / rows) * ceil(M / columns)"
PARAMETERS = "parameters.inverse_efficiency / frequency"


def tile_engine_terms(dram: str) -> tuple[Term, ...]:
    """Terms of a tile engine, in the order of ``hwmodels.costs.array.tile_engine_prices``."""
    return (
        Term(
            "tiles", "compute", "cycle",
            TILES + ": every output pixel of a tile of weights takes a cycle, and a tile the cycles of its load at least",
            PARAMETERS, ("parameters.inverse_efficiency", "frequency"), "Jouppi et al., ISCA 2017, section 2",
        ),
        Term(
            "depthwise tiles", "compute", "cycle", "sum of pixels * R*S * ceil(channels / columns)",
            "parameters.depthwise_share * " + PARAMETERS,
            ("parameters.depthwise_share", "parameters.inverse_efficiency", "frequency"),
            "each channel has filters of its own: one row of the engine is in use",
        ),
        Term(
            "element operations", "compute", "operation",
            "simple operations + special operations * special_cycles, inside attention and recurrent operators; those fused behind "
            "a product are done on the way out",
            "1 / (lanes * frequency)", ("parameters.lanes", "frequency"), "assumed: one lane per column where the file names none",
        ),
        Term(
            "host", "overhead", "run", "once per run: host, driver, input and output", "host_time of the runtime",
            ("runtime.host_time",),
        ),
        Term(
            "late weights", dram, "B",
            "weights beyond parameters.resident_weights, streamed in every run, less those fetched ahead "
            "(at most parameters.weights_ahead)",
            "parameters.exposed_share / (parameters.link_share * bandwidth of the link)",
            ("parameters.exposed_share", "parameters.link_share", "link.bandwidth"),
            "weight-bound roofline of Jouppi et al., ISCA 2017, figure 5, layer by layer",
        ),
    )  # fmt: skip


def tile_engine_energy_terms(dram: str) -> tuple[Term, ...]:
    """Energy terms of a tile engine, in the order of ``tile_engine_lowering.energy_amounts``."""
    read = f"memories.{dram}.read_energy"
    return (
        Term("runs", "overhead", "run", "once per run", "energies.run", ("energies.run",)),
        Term("macs", "compute", "MAC", "multiply-accumulates", "mac_energy", ("mac_energy",)),
        Term("vector", "compute", "operation", "element operations", "energies.vector, else mac_energy", ("energies.vector",)),
        Term("weights", dram, "B", "weight bytes streamed", read, (read,)),
    )


def row_stationary_terms(dram: str) -> tuple[Term, ...]:
    """Terms of a row-stationary array, in the order of ``hwmodels.costs.array.row_stationary_prices``."""
    return (
        Term(
            "streaming", "compute", "cycle",
            "passes * max(n*p*q*S*F, n*q*r*rows(e)*W / input bus, n*p*t*e*F / partial-sum bus), "
            "passes = ceil(N/n)*G*ceil(M/(p*t))*ceil(C/(q*r))*ceil(E/e)",
            "1 / frequency", ("frequency", "bus_words_per_cycle.inputs", "bus_words_per_cycle.outputs"), CHEN_JSSC,
        ),
        Term(
            "filter load", "compute", "word", "passes * p*q*S*R*r*t: the filter scratchpad holds one pass, its load is exposed",
            "1 / (filter bus * frequency)", ("bus_words_per_cycle.weights", "frequency"), CHEN_JSSC,
        ),
        Term(
            "first window", "compute", "word", "passes * rows(e)*S*q*r: the input scratchpads fill before anything runs",
            "window_factor / (input bus * frequency)", ("parameters.window_factor", "bus_words_per_cycle.inputs", "frequency"),
            "window_factor fitted on AlexNet CONV1-5, " + CHEN_JSSC,
        ),
        Term(
            "element operations", "compute", "operation",
            "simple operations + special operations * special_cycles, inside attention and recurrent operators",
            "1 / (lanes * frequency)", ("parameters.lanes", "frequency"), "assumed: one lane per column where the file names none",
        ),
        Term(
            "late operands", dram, "B", "max(0, input and filter bytes - link * processing time): a prefetch slower than the array",
            "1 / bandwidth of the link", ("link.bandwidth",), "assumed: inputs and filters are prefetched under the processing",
        ),
        Term(
            "output writes", dram, "B", "N*M*E*F output words, dense: the buffer region must be free before the next partial sums",
            "1 / bandwidth of the link", ("link.bandwidth",),
            CHEN_JSSC + "; the sum of five layers is right within 0.1 %, single layers within a factor of two",
        ),
    )  # fmt: skip


def row_stationary_energy_terms(buffer: str, dram: str) -> tuple[Term, ...]:
    """Energy terms of a row-stationary array, bottom up, in the order of ``row_stationary_lowering.energy_amounts``."""
    busy = "MACs whose input is not zero"
    factor, read = "parameters.dynamic_factor * ", f"memories.{buffer}.read_energy"
    return (
        Term("macs", "array", "MAC", busy, factor + "mac_energy", ("mac_energy",), CHEN_JSSC),
        Term(
            "vector", "array", "operation", "element operations", factor + "energies.vector, else mac_energy", ("energies.vector",)
        ),
        Term("weights", "spads", "word", busy, factor + "energies.weights_spad", ("energies.weights_spad",), CHEN_JSSC),
        Term("inputs", "spads", "word", "MACs", factor + "energies.inputs_spad", ("energies.inputs_spad",), CHEN_JSSC),
        Term(
            "outputs",
            "spads",
            "word",
            f"2 * {busy} + MACs",
            factor + "energies.outputs_spad",
            ("energies.outputs_spad",),
            CHEN_JSSC,
        ),
        Term(
            "words",
            "network",
            "word",
            "deliveries to PEs and hops between them",
            factor + "energies.hop",
            ("energies.hop",),
            CHEN_ISCA,
        ),
        Term("inputs", buffer, "B", "inputs read once per filter group", factor + read, (read,), CHEN_ISCA),
        Term("outputs", buffer, "B", "sums read and written per channel group", factor + read, (read,), CHEN_ISCA),
        *dram_energy_terms(dram),
    )
