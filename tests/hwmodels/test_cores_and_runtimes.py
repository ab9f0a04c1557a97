"""The data files of cores and runtimes: each loads, names its sources, and speaks the names of its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodels.core_files import CORES, core_names, take_core
from hwmodels.costs import cpu, gpu, mcu
from hwmodels.document import read_text
from hwmodels.runtime import RUNTIMES, load_runtime

#: Numbers of a runtime by the kind of unit it runs on.
COSTS = {
    "cpu": {"rules_date"},
    "gpu": {*gpu.PRIOR, *gpu.UNCORRECTED},
    "mcu": {f"{name}_cycles" for name in mcu.PRIOR_CYCLES}
    | {
        "code",
        "code_per_operator",
        "code_per_kind",
        "code_per_channel",
    },
    "tile_engine": {"host_time"},
}
#: Kinds of work that the measured networks tell apart on every class; a fit may let the others vanish into their neighbours.
DETERMINED = ("gemm", "depthwise", "elementwise", "dram_shared", "cross_core", "fork", "direct", "matmul")
FUSES = {"activation", "swish", "normalization", "quantization", "pad", "pointwise", "concat"}

#: Names that stay, and the profile each stands for.
ALIASES = {
    "ncnn": "ncnn_2022_06", "x_cube_ai_7": "x_cube_ai_7_3", "x_cube_ai_8": "x_cube_ai_8_1", "x_cube_ai_10": "x_cube_ai_10_0",
    "tinyengine": "tinyengine_2022", "tflm_reference": "tflm_reference_v05", "x_cube_ai_8_0": "x_cube_ai_7_3",
    "x_cube_ai_10_2": "x_cube_ai_9_0",
}  # fmt: skip


def core(name: str, kind: str):
    """The fields a unit takes over from a core."""
    unit = read_text(f"kind: {kind}\ncore: {name}\n", "test")
    take_core(unit)
    return unit.fields


def kind_of(name: str) -> str:
    return next(
        line.split(":")[1].strip() for line in (CORES / f"{name}.yaml").read_text("utf-8").splitlines() if line.startswith("kind:")
    )


@pytest.mark.parametrize("name", core_names())
def test_core_loads_and_speaks_the_model(name: str) -> None:
    kind = kind_of(name)
    fields = core(name, kind)
    if kind == "cpu":
        assert set(fields["multipliers"].fields) == set(cpu.TERM_NAMES)
        factors = {term: float(str(entry.content)) for term, entry in fields["multipliers"].fields.items()}
        assert all(0.1 < factors[term] < 100 for term in DETERMINED), factors
        assert all(factor > 0 for factor in factors.values())
        assert {"isa", "fp32_flop_per_cycle", "vector_width", "fp16_arithmetic", "int8_rate"} <= set(fields)
        assert str(fields["isa"].content) in cpu.MICRO_TILE
    elif kind == "mcu":
        assert {"cycle_factor", "flash_cycles_per_byte"} <= set(fields)
    else:
        assert kind == "gpu" and "architecture" in fields


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(RUNTIMES).glob("*.yaml")))
def test_runtime_loads_and_speaks_the_model(name: str) -> None:
    runtime = load_runtime(name)
    (kind,) = runtime.kinds
    assert set(runtime.costs) <= COSTS[kind] and runtime.costs
    assert set(runtime.fuses) <= FUSES
    assert set(runtime.sources) == set(runtime.costs) and all(len(s.citation) > 20 for s in runtime.sources.values())


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_names_that_stay(alias: str) -> None:
    assert load_runtime(alias).name == ALIASES[alias]


def test_winners_of_the_mcu_table() -> None:
    """Generated code is cheaper than interpreted reference kernels; newer X-CUBE-AI never dearer per MAC, build by build.

    9.0 is known from the MLPerf build, the others from the default one.
    """
    versions = [load_runtime(f"x_cube_ai_{v}").costs["convolution_cycles"] for v in ("7_1", "7_3", "8_1", "10_0")]
    assert versions == sorted(versions, reverse=True)
    assert load_runtime("x_cube_ai_9_0").costs["convolution_cycles"] < versions[2]
    assert load_runtime("tflm_reference_713b6ed").costs["convolution_cycles"] > 20 * versions[-1]
