"""The Python side: the same verbs as functions, typed results, tables, data frames."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import boardless as bl
from sim.results import Estimate
from tests.boardless.test_bad_input import convolution_model
from workloads.networks import build


def test_a_file_on_a_device(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(convolution_model())
    result = bl.estimate(str(path), on="raspberry_pi_4")
    assert isinstance(result, Estimate) and isinstance(result, bl.Result)
    assert result.macs == 4 * 3 * 3 * 3 * 64  # output channels x input channels x kernel x 8 x 8 pixels
    assert repr(result).startswith("model on raspberry_pi_4: cpu")
    assert result == bl.estimate(path, on="raspberry_pi_4")


def test_results_turn_into_json_and_data_frames() -> None:
    result = bl.estimate("lenet5", on="stm32h743")
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))
    frame = result.to_dataframe()
    assert list(frame["name"]) == [row.name for row in result.operators]
    assert frame["latency_s"].sum() == pytest.approx(result.latency_s)
    assert frame["macs"].sum() == result.macs
    phases = [column for column in frame.columns if column.endswith("_s") and column not in ("latency_s", "start_s", "wait_s")]
    assert frame[phases].to_numpy().sum() == pytest.approx(result.latency_s)  # this unit's phases follow each other
    moved = frame[[column for column in frame.columns if column.endswith("_read_bytes")]].to_numpy().sum()
    assert moved == sum(read for row in result.operators for read, _ in row.bytes.values())


def test_several_devices_give_a_comparison() -> None:
    results = bl.estimate("lenet5", on=["raspberry_pi_4", "stm32h743"])
    assert isinstance(results, list) and [result.device for result in results] == ["raspberry_pi_4", "stm32h743"]
    assert "lenet5 on 2 devices" in repr(results)
    assert list(results.to_dataframe()["device"]) == ["raspberry_pi_4", "stm32h743"]
    assert [entry["device"] for entry in json.loads(results.to_json())] == ["raspberry_pi_4", "stm32h743"]
    assert isinstance(bl.estimate("lenet5", on=["stm32h743"]), list)


def test_graphs_and_devices_may_be_given_themselves() -> None:
    graph = build("lenet5")
    schedule = bl.schedule(graph, on="raspberry_pi_4")
    assert bl.estimate(graph, on=schedule.device) == bl.estimate("lenet5", on="raspberry_pi_4")


def test_settings_may_be_mappings() -> None:
    slow = bl.estimate("lenet5", on="raspberry_pi_4", set={"units.cpu.frequency": "750 MHz"})
    assert slow.latency_s > bl.estimate("lenet5", on="raspberry_pi_4").latency_s
    assert slow.settings["set"] == {"units.cpu.frequency": "750 MHz"}


def test_an_unknown_setting_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="nearest: threads"):
        bl.estimate("lenet5", on="raspberry_pi_4", thread=2)


def test_simulate_gives_a_trace() -> None:
    result = bl.simulate("lenet5", on="raspberry_pi_4")
    assert result.trace is not None and result.trace.makespan_ps == round(result.latency_s * 1e12)
    assert {"start_s", "wait_s"} <= set(result.to_dataframe().columns)
    assert json.loads(result.trace_json())["traceEvents"]
    with pytest.raises(ValueError, match="a result of simulate is expected"):
        bl.estimate("lenet5", on="raspberry_pi_4").trace_json()


def test_memory_gives_buffers() -> None:
    result = bl.memory("lenet5", on="stm32h743")
    frame = result.to_dataframe()
    assert {"tensor", "region", "lower", "upper", "size_bytes", "offset_bytes"} == set(frame.columns)
    assert "peak load" in repr(result)


def test_explain_gives_a_tree() -> None:
    explained = bl.explain("lenet5", on="stm32h743", operator="c1")
    rows = bl.estimate("lenet5", on="stm32h743").operators
    assert explained.latency.value == next(row.latency_s for row in rows if row.name == "c1")
    assert repr(explained).startswith("lenet5 on stm32h743")


def test_batch_scales_the_macs() -> None:
    one, four = (bl.estimate("lenet5", on="raspberry_pi_4", batch=batch) for batch in (1, 4))
    assert four.macs == 4 * one.macs and four.settings["batch"] == 4


def test_dtype_retypes_floats_and_keeps_what_is_quantised() -> None:
    whole, half = (bl.estimate("lenet5", on="raspberry_pi_4", dtype=dtype) for dtype in ("fp32", "fp16"))
    assert half.weights_bytes * 2 == whole.weights_bytes
    quantised = bl.estimate("mlperf_tiny_ic", on="raspberry_pi_4")
    assert bl.estimate("mlperf_tiny_ic", on="raspberry_pi_4", dtype="int8").weights_bytes == quantised.weights_bytes
    with pytest.raises(ValueError, match="quantised"):
        bl.estimate("mlperf_tiny_ic", on="raspberry_pi_4", dtype="fp32")


def test_folding_takes_batch_norms_away() -> None:
    kept, folded = (bl.estimate("mobilenet_v2", on="raspberry_pi_4", fold=fold) for fold in (False, True))
    assert kept.coverage.operators > folded.coverage.operators
    assert (folded.weights_bytes, folded.macs) == (3487816 * 4, 300774272)


def test_decoders_speak_of_tokens() -> None:
    step = bl.estimate("tinyllama_1_1b", on="raspberry_pi_4", phase="decode", context=64).to_dict()
    assert step["tokens_per_s"] == pytest.approx(1 / step["latency_s"]) and (step["phase"], step["context"]) == ("decode", 64)
    assert step["ttft_s"] is None and "ttft_s" in [entry["field"] for entry in step["missing"]]
    prompt = bl.estimate("tinyllama_1_1b", on="raspberry_pi_4", phase="prefill", context=64).to_dict()
    assert prompt["ttft_s"] == prompt["latency_s"] and prompt["tokens_per_s"] == pytest.approx(64 / prompt["latency_s"])


def test_lists_of_what_exists() -> None:
    five = {"raspberry_pi_4", "stm32h743", "jetson_nano", "eyeriss_v1", "systolic_32x32"}
    assert five <= {entry["name"] for entry in bl.devices()}
    assert "lenet5" in {entry["name"] for entry in bl.networks()}
    assert "ncnn" in {name for entry in bl.runtimes() for name in (entry["name"], *entry["aliases"])}


def test_public_names_are_there() -> None:
    assert all(getattr(bl, name) is not None for name in bl.__all__)
    assert set(bl.__all__) <= set(dir(bl))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bl.nothing


def test_importing_the_package_loads_nothing_slow() -> None:
    code = "import sys, boardless; print(sorted(m for m in ('numpy', 'rich', 'typer', 'sim', 'hwmodels') if m in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_latencies_are_whole_picoseconds() -> None:
    result = bl.estimate("lenet5", on="eyeriss_v1")
    scaled = np.array([row.latency_s for row in result.operators]) * 1e12
    assert np.allclose(scaled, np.round(scaled), atol=1e-3)
