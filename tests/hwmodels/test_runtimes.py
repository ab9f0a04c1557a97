"""Every runtime profile of the catalogue: loads, names its sources; names, aliases and versions in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodels import catalog
from hwmodels.document import read_document
from hwmodels.errors import DeviceFileError
from hwmodels.operator_sets import TABLE as operator_sets_file
from hwmodels.operator_sets import operator_sets
from hwmodels.reader import load_device
from hwmodels.runtime import Runtime, load_runtime, read_runtime, runtimes
from workloads.operators import RULES

PROFILES = runtimes()

GOOD = """\
format: 1
name: maker_1
summary: an engine
kinds: [mcu]
lowering: engine
costs:
  convolution_cycles: {value: 1.4 cycles/MAC, source: sheet}
  start: {value: 20 us, source: "measured on a board", status: measured}
sources:
  sheet: "a sheet"
"""


@pytest.mark.parametrize("profile", PROFILES, ids=[profile.name for profile in PROFILES])
def test_profiles_of_the_catalogue(profile: Runtime) -> None:
    assert profile.summary
    assert profile.kinds and set(profile.kinds) <= {"mcu", "cpu", "gpu", "tile_engine"}
    assert set(profile.sources) == set(profile.costs)
    assert load_runtime(profile.name) == profile
    for alias in profile.aliases:
        assert load_runtime(alias) == profile


def test_default_runtimes_of_all_devices_are_there() -> None:
    for name in catalog.device_names():
        for unit in load_device(name).units.values():
            if unit.runtime is not None:
                assert unit.kind in load_runtime(unit.runtime).kinds, f"{name}: unit {unit.name}"


def test_a_version_in_between_takes_the_nearest_older_profile() -> None:
    profile = load_runtime("ncnn_2023_01")
    assert profile.name == "ncnn_2022_06"
    assert profile.note == "ncnn_2023_01 is taken as ncnn_2022_06, the nearest older profile"
    assert load_runtime("torch_compile@2.4").name == "torch_compile"
    assert load_runtime("ncnn").note == ""


@pytest.mark.parametrize(("name", "said"), [("ncn", "nearest: ncnn"), ("ncnn_1999", "nearest: ncnn"), ("", "known: ")])
def test_unknown_names_give_the_nearest(name: str, said: str) -> None:
    with pytest.raises(DeviceFileError) as problem:
        load_runtime(name)
    assert f"runtime: '{name}' is not in the catalogue" in str(problem.value)
    assert said in str(problem.value)


def test_costs_are_in_si_with_their_sources(tmp_path: Path) -> None:
    path = tmp_path / "maker_1.yaml"
    path.write_text(GOOD)
    profile = read_runtime(path)
    assert profile.costs == {"convolution_cycles": 1.4, "start": 20e-6}
    assert profile.sources["start"].citation == "measured on a board"
    assert (profile.memory_profile, profile.aliases) == ("ideal", ())


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("kinds: [mcu]", "kind: [mcu]", 4, "unknown key 'kind'"),
        ("summary: an engine\n", "", 1, "'summary' is missing"),
        ("lowering: engine", "lowering: lazy", 5, "lowering 'lazy' stood here; one of eager, fused, engine is expected"),
        (", source: sheet", "", 7, "costs.convolution_cycles: '1.4 cycles/MAC' names no source"),
        (
            "source: sheet",
            "source: shet",
            7,
            "source 'shet' is not in the section 'sources'; a name from there is expected; nearest: sheet",
        ),
        ("1.4 cycles/MAC", "fast", 7, "costs.convolution_cycles: 'fast' is no quantity"),
        ("status: measured", "status: guessed", 8, "status 'guessed' stood here"),
    ],
)
def test_broken_profiles_are_refused_with_their_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    path = tmp_path / "maker_1.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DeviceFileError) as problem:
        read_runtime(path)
    assert str(problem.value).startswith(f"{path}:{line}: ")
    assert said in str(problem.value)


def test_sets_of_operators_are_operators_with_a_source() -> None:
    root = read_document(operator_sets_file)
    assert set(operator_sets()) == set(root.fields)
    for name, operators in operator_sets().items():
        assert len(str(root.fields[name].fields["source"].content)) > 40
        assert len(set(operators)) == len(operators) and set(operators) <= set(RULES), name


def test_runtimes_with_a_converter_name_its_operators() -> None:
    listed = {profile.name for profile in PROFILES if profile.operators}
    converters = ("x_cube_ai", "tflm", "tinyengine", "cmsis_nn", "esp_nn", "ncnn_vulkan", "llama_cpp")
    assert listed == {p.name for p in PROFILES if p.name.startswith(converters)}
    assert set(load_runtime("tinyengine").operators) < set(load_runtime("tflm_reference").operators)


def test_an_unknown_set_of_operators_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "maker_1.yaml"
    path.write_text(GOOD.replace("lowering: engine", "lowering: engine\noperators: tfml"))
    with pytest.raises(DeviceFileError, match="'tfml' is no set of operators.*nearest: tflm"):
        read_runtime(path)
