"""``--with`` and ``--stream``: read strictly, given the memory that is left, told in the report and in JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import boardless as bl
from boardless.beside import STREAM_KEYS, WITH_KEYS, read_spec
from boardless.errors import UsageError
from tests.boardless.commands import boardless

RUN = ("simulate", "mlperf_tiny_vww", "--on", "stm32h743", "--quiet")


def test_specs() -> None:
    spec = read_spec("--with", "nets/a:b.onnx:every=33ms,priority=-1,deadline=0.5 s,on=mic", WITH_KEYS)
    assert (spec.name, dict(spec.choices)) == ("nets/a:b.onnx", {"every": 0.033, "priority": -1, "deadline": 0.5, "on": "mic"})
    assert dict(read_spec("--stream", "mic:bytes=2KiB,every=20ms", STREAM_KEYS).choices) == {"bytes": 2048.0, "every": 0.02}
    assert dict(read_spec("--with", "lenet5", WITH_KEYS).choices) == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--with", "mlperf_tiny_kws:evry=20ms"), "--with: 'evry' in .*; one of every, .* is expected; .*every"),
        (("--with", "mlperf_tiny_kws:every=20"), "--with: '20' .*time"),
        (("--with", "mlperf_tiny_kws:every=0ms"), "every .* is not above 0"),
        (("--with", "mlperf_tiny_kws:priority=high"), "'high' in .*; a whole number is expected"),
        (("--with", "mlperf_tiny_kws:every=1ms,every=2ms"), "each key once"),
        (("--with", "mlperf_tiny_kwz"), "mlperf_tiny_kws"),
        (("--with", "mlperf_tiny_kws:unit=gpu"), "'gpu' is not a unit of stm32h743"),
        (("--with", "mlperf_tiny_kws:on=mic"), "on 'mic', which is no stream"),
        (("--stream", "mic:every=20ms"), "has no bytes"),
        (("--stream", "mic:bytes=2MiB,every=20ms"), "needs two buffers of 2,097,152 B; free beside the networks: dtcm"),
        (("--stream", "mic:bytes=64,every=20ms,memory=dtmc"), "memory 'dtmc' is none of stm32h743; .*dtcm"),
        (("--with", "mlperf_tiny_kws:every=1ms,priority=1"), "never ends; cpu is taken by .*: mlperf_tiny_kws 8.. %"),
    ],
)
def test_bad_words(words: tuple[str, ...], says: str) -> None:
    ran = boardless(*RUN, *words)
    assert ran.status == 2 and ran.output == ""
    assert ran.errors.startswith("boardless: error: ") and ran.errors.count("\n") == 1
    assert re.search(says, ran.errors), ran.errors


def test_priority_decides_who_is_late() -> None:
    missed = {}
    for priority in (2, -1):
        beside = [f"mlperf_tiny_kws:every=12ms,deadline=12ms,priority={priority}"]
        result = bl.simulate("mlperf_tiny_vww", on="stm32h743", beside=beside)
        assert result.together is not None
        missed[priority] = result.together.missed("mlperf_tiny_kws")
    assert missed[2] == 0 < missed[-1]


def test_report_json_and_trace(tmp_path: Path) -> None:
    words = (
        *RUN, "--with", "mlperf_tiny_kws:every=20ms,priority=2,deadline=20ms", "--with", "mlperf_tiny_kws:every=50ms",
        "--stream", "microphone:bytes=640,every=20ms,interrupt=5us",
    )  # fmt: skip
    ran = boardless(*words)
    assert ran.status == 0
    for words_of_report in ("runs together", "microphone", "mlperf_tiny_kws_2", "critical path:", "dma microphone"):
        assert words_of_report in ran.output
    ran = boardless(*words, "--json", "-", "--trace", str(tmp_path / "trace.json"))
    form = json.loads(ran.output)
    assert form["settings"]["with"][1] == "mlperf_tiny_kws:every=50ms"
    parties = {party["name"]: party for party in form["together"]["parties"]}
    assert list(parties) == ["mlperf_tiny_vww", "mlperf_tiny_kws", "mlperf_tiny_kws_2", "microphone"]
    assert parties["mlperf_tiny_kws"]["missed"] == 0 and parties["microphone"]["priority"] == 3
    alone = bl.estimate("mlperf_tiny_vww", on="stm32h743")
    total = sum(row["latency_s"] for row in form["operators"])
    assert total == pytest.approx(alone.latency_s)
    assert form["latency_s"] == pytest.approx(total - form["overlap_s"] + form["waited_s"])
    core = next(entry for entry in form["resources"] if entry["name"] == "cpu")
    parts = core["computing_s"] + core["moving_s"] + core["slowed_s"] + core["waiting_s"] + core["idle_s"]
    assert parts == pytest.approx(form["latency_s"])
    rows = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    assert {row["args"]["name"] for row in rows if row["name"] == "thread_name"} == {"cpu", "dma microphone"}
    assert {"mlperf_tiny_vww", "mlperf_tiny_kws", "microphone"} <= {row["args"].get("of") for row in rows if row["ph"] == "X"}


def test_plain_simulation_tells_the_critical_path() -> None:
    form = bl.simulate("lenet5", on="systolic_32x32").to_dict()
    path = form["critical_path"]
    assert path["computing_s"] + path["moving_s"] + path["waiting_s"] == pytest.approx(form["latency_s"])
    names = [entry["name"] for entry in form["resources"]]
    assert "array/compute" in names and "vector/dram" in names
    assert "together" not in form and "waited_s" not in form


def test_companions_get_the_memory_that_is_left() -> None:
    result = bl.simulate("mcunet_vww1", on="stm32h743", beside=["mlperf_tiny_vww"])
    assert result.together is not None
    main, other = (party.schedule.placement.memory for party in result.together.parties)
    for name, use in other.items():
        capacity = main[name].capacity_bytes
        assert capacity is None or use.capacity_bytes == max(0, capacity - main[name].peak_bytes)


def test_beside_nothing_is_a_plain_run() -> None:
    with pytest.raises(TypeError, match="beside"):
        bl.estimate("lenet5", on="stm32h743", beside=["lenet5"])
    with pytest.raises(UsageError, match="NAME:KEY=VALUE"):
        read_spec("--with", "", WITH_KEYS)
