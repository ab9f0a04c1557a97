"""CPU_TERMS: the twenty kinds of work of a CPU, told to reports and explanations."""

from __future__ import annotations

from hwmodels.costs.cpu import TERM_NAMES
from hwmodels.terms import Term

SOURCE = (
    "additive model of ncnn-style runtimes; multipliers are class means fitted to the runtime's published benchmark table "
    "(github.com/Tencent/ncnn, benchmark/README.md: 3360 rows, 65 chips, 21 networks)"
)

#: Memory levels of the traffic columns; the last is renamed to the memory the device has.
CPU_LEVELS = ("l2", "llc", "dram")


def _term(name: str, phase: str, unit: str, amount: str, rate: str, *parameters: str) -> Term:
    return Term(name, phase, unit, amount, f"multipliers.{name} / ({rate})", (*parameters, f"multipliers.{name}"), SOURCE)


_PEAK = ("frequency * fp32_flop_per_cycle", "frequency", "fp32_flop_per_cycle")
_CORE = ("16 B/cycle * frequency", "frequency")
_DRAM = ("dram_bandwidth", "dram_bandwidth")
_OVER = ("frequency / 2000 cycles", "frequency")

CPU_TERMS: tuple[Term, ...] = (
    _term("gemm", "compute", "flop", "2 K * (M N + #n M + #m N) * mr nr/(mr nr + mr + nr) / par(ceil(M/mr), p)", *_PEAK),
    _term("winograd", "compute", "flop", "2 alpha IC * tiles(OC, t) / par(ceil(OC/mr), p), alpha = (m + 2)^2", *_PEAK),
    _term("depthwise", "compute", "flop", "2 MAC / pack efficiency / par(C/pack, p), kernel area below 49", *_PEAK),
    _term("int8", "compute", "flop", "as gemm, of int8 layers", "frequency * fp32_flop_per_cycle * int8_rate",
          "frequency", "fp32_flop_per_cycle", "int8_rate"),
    _term("elementwise", "l2", "B", "activation and kept weight bytes through the core, per thread", *_CORE),
    _term("dram_shared", "dram", "B", "DRAM bytes of the layer, shared by all threads", *_DRAM),
    _term("cross_core", "llc", "B", "panel bytes that another core produced: (1 - 1/p) * panels", *_CORE),
    _term("fork", "overhead", "region", "regions; none with one thread", "frequency / 2000 cycles / (1 + p/32)", "frequency"),
    _term("direct", "compute", "flop", "2 MAC / pack efficiency / par(OC/pack, p) of direct kernels", *_PEAK),
    _term("slow", "compute", "flop", "as direct, of unspecialised kernels", *_PEAK),
    _term("depthwise_large", "compute", "flop", "as depthwise, kernel area of 49 and more", *_PEAK),
    _term("int8_depthwise", "compute", "flop", "as depthwise, of int8 layers", *_PEAK),
    _term("matmul", "compute", "flop", "2 MAC / par(ceil(rows/8), p) of Gemm and attention, in fp32", *_PEAK),
    _term("packing", "packing", "B", "panel packing and Winograd transforms inside L2", *_CORE),
    _term("packing_far", "packing", "B", "the same beyond L2, re-reads of panels included", *_CORE),
    _term("dram_core", "dram", "B", "DRAM bytes / p: what one core can have in flight", *_DRAM),
    _term("shared_cache", "llc", "B", "bytes beyond L2; does not fall with threads", "20 GB/s"),
    _term("vector_special", "compute", "cycle", "vector cycles of exp, sigmoid, swish, layer norm", "frequency", "frequency"),
    _term("scalar_special", "compute", "cycle", "scalar cycles of erf, LRN, softmax, permute, detection", "frequency", "frequency"),
    _term("dispatch", "overhead", "layer", "layers the runtime starts", *_OVER),
)  # fmt: skip

assert tuple(term.name for term in CPU_TERMS) == TERM_NAMES
