"""The command line: streams, statuses, options, output files, help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boardless import verbs
from tests.boardless.commands import boardless, refused

VERBS = (
    "estimate", "simulate", "memory", "compare", "explain", "map", "plan", "validate", "calibrate", "devices", "networks", "runtimes",
    "strategies",
)  # fmt: skip
LENET = ("lenet5", "--on", "raspberry_pi_4")


def form(*words: str) -> Any:
    ran = boardless(*words, "--json", "-", "--quiet")
    assert (ran.status, ran.errors) == (0, ""), ran
    return json.loads(ran.output)


def test_estimate_prints_a_table_and_nothing_else() -> None:
    ran = boardless("estimate", *LENET)
    assert (ran.status, ran.errors) == (0, "")
    assert ran.output.startswith("lenet5 on raspberry_pi_4: cpu, 4 threads, ncnn_2022_06, fp32, batch 1 (closed form)\n")


def test_table_and_json_say_the_same_latency() -> None:
    from boardless import formats

    latency = form("estimate", *LENET)["latency_s"]
    assert f"latency      {formats.seconds(latency)}" in boardless("estimate", *LENET).output


def test_settings_record_the_choices() -> None:
    settings = form("estimate", *LENET, "--threads", "2", "--batch", "3", "--no-fold", "--set", "units.cpu.frequency=1 GHz")[
        "settings"
    ]
    assert settings["threads"] == 2 and settings["batch"] == 3 and settings["fold"] is False
    assert settings["unit"] == "cpu" and settings["dtype"] == "fp32" and settings["dtype_assumed"] is False
    assert settings["set"] == {"units.cpu.frequency": "1 GHz"} and settings["strategies"] == []


def test_several_devices_give_a_list_in_the_order_asked_for() -> None:
    devices = ("stm32h743", "raspberry_pi_4", "eyeriss_v1")
    words = ("estimate", "lenet5", *(word for name in devices for word in ("--on", name)))
    assert [entry["device"] for entry in form(*words)] == list(devices)
    assert boardless(*words).output.splitlines()[0] == "lenet5 on 3 devices: batch 1, 417 k MACs"


def test_events_equal_the_closed_form_on_a_chain_and_give_starts() -> None:
    closed, played = form("estimate", *LENET), form("simulate", *LENET)
    assert played["method"] == "events" and played["latency_s"] == closed["latency_s"]
    assert all({"start_s", "wait_s"} <= set(row) for row in played["operators"])
    assert not any("start_s" in row for row in closed["operators"])


def test_rows_sum_to_the_totals() -> None:
    for device in ("raspberry_pi_4", "stm32h743", "jetson_nano", "eyeriss_v1", "systolic_32x32"):
        answer = form("estimate", "lenet5", "--on", device)
        rows = answer["operators"]
        assert sum(row["latency_s"] for row in rows) - answer["overlap_s"] == pytest.approx(answer["latency_s"], rel=1e-9)
        if answer["energy_j"] is not None:
            assert sum(row["energy_j"] for row in rows) == pytest.approx(answer["energy_j"], rel=1e-9)
        assert sum(row["macs"] for row in rows) == answer["macs"] == 416520
        assert answer["coverage"]["macs_share"] == 1.0 and answer["coverage"]["unmodelled"] == []


def test_null_fields_have_a_reason() -> None:
    answer = form("estimate", "lenet5", "--on", "jetson_nano")
    reasons = {entry["field"] for entry in answer["missing"]}
    assert {key for key in ("energy_j", "latency_interval_s") if answer[key] is None} <= reasons


def test_an_unsupported_type_is_taken_as_the_nearest_and_said() -> None:
    answer = form("estimate", "lenet5", "--on", "eyeriss_v1")
    assert (answer["settings"]["dtype"], answer["settings"]["dtype_assumed"]) == ("int16", True)
    assert "as if quantised to int16" in boardless("estimate", "lenet5", "--on", "eyeriss_v1").output


def test_trace_opens_as_trace_events(tmp_path: Path) -> None:
    target = tmp_path / "lenet5.trace.json"
    ran = boardless("simulate", *LENET, "--trace", target)
    assert ran.status == 0
    events = json.loads(target.read_text())["traceEvents"]
    assert {"X", "M", "C", "s", "f"} <= {event["ph"] for event in events}
    assert {event["args"]["name"] for event in events if event["name"] == "thread_name"} == {"cpu"}


def test_memory_has_the_head_and_the_buffers() -> None:
    answer = form("memory", *LENET)
    keys = {
        "order",
        "peak_load_bytes",
        "arena_bytes",
        "lower_bound_bytes",
        "optimal",
        "fragmentation",
        "peak_operator",
        "peak_tensors",
    }
    assert keys <= set(answer) and answer["memory"]["dram"]["fits"] is True
    assert all(set(b) == {"id", "tensor", "region", "lower", "upper", "size", "offset"} for b in answer["buffers"])
    assert "operators" not in answer
    assert boardless("memory", *LENET).output.count("by exact") == 1


def test_explain_traces_the_latency_of_the_estimate() -> None:
    row = form("estimate", *LENET)["operators"][0]
    tree = form("explain", *LENET, "--operator", row["name"])
    assert (tree["value"], tree["unit"]) == (row["latency_s"], "s")
    assert tree["energy"]["value"] == row["energy_j"]
    assert "nearest" in refused("explain", *LENET, "--operator", row["name"] + "x")


@pytest.mark.parametrize("verb", ["devices", "networks", "runtimes"])
def test_lists_have_names_and_summaries_and_each_is_found(verb: str) -> None:
    entries = form(verb)
    assert entries and all(entry["name"] and entry["summary"] for entry in entries)
    name = {"devices": "stm32h743", "networks": "lenet5", "runtimes": "ncnn"}[verb]
    assert form(verb, name)["name"].startswith(name)
    assert boardless(verb).output.count("\n") >= len(entries)
    assert boardless(verb, name).status == 0
    assert "nearest" in refused(verb, name + "x")


def test_fields_and_templates_of_device_files(tmp_path: Path) -> None:
    assert {"section", "field", "dimension", "default", "meaning"} == set(form("devices", "--fields")[0])
    for kind in ("cpu", "mcu", "gpu", "array"):
        text = boardless("devices", "--template", kind).output
        path = tmp_path / f"{kind}.yaml"
        path.write_text(text)
        assert boardless("estimate", "lenet5", "--on", path).status == 0, kind
    assert "nearest" in refused("devices", "--template", "cpus") or "expected" in refused("devices", "--template", "cpus")
    assert "one of them is expected" in refused("devices", "stm32h743", "--fields")


def test_devices_option_adds_to_the_catalogue(tmp_path: Path) -> None:
    text = boardless("devices", "--template", "mcu").output.replace("name: my_mcu", "name: our_board")
    (tmp_path / "our_board.yaml").write_text(text)
    assert "our_board" in [entry["name"] for entry in form("devices", "--devices", str(tmp_path))]
    assert form("estimate", "lenet5", "--on", "our_board", "--devices", str(tmp_path))["device"] == "our_board"


def test_json_goes_to_a_file_instead_of_the_table(tmp_path: Path) -> None:
    ran = boardless("estimate", *LENET, "--json", tmp_path / "out.json")
    assert (ran.status, ran.output, ran.errors) == (0, "", "")
    assert json.loads((tmp_path / "out.json").read_text())["network"] == "lenet5"


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    words = ("estimate", "lenet5", "--on", "eyeriss_v1", "--on", "stm32h743", "--quiet")
    first, second = (boardless(*words, "--json", "-").output for _ in range(2))
    assert first == second
    assert str(tmp_path.parent) not in first and os.path.expanduser("~") not in first


def test_a_check_that_fails_exits_with_one_and_still_answers() -> None:
    ran = boardless("estimate", *LENET, "--fail-over", "latency=1ns")
    assert ran.status == 1 and ran.output
    assert ran.errors.startswith("boardless: check failed: raspberry_pi_4: latency ")
    assert boardless("estimate", *LENET, "--fail-over", "latency=1s", "--require-fit").status == 0
    quiet = boardless("estimate", *LENET, "--fail-over", "latency=1ns", "--quiet")
    assert (quiet.status, quiet.errors) == (1, "")


def test_what_does_not_fit_is_an_answer() -> None:
    words = ("estimate", "vgg16", "--on", "stm32h743")
    ran = boardless(*words)
    assert ran.status == 0 and "does not fit" in ran.output
    assert boardless(*words, "--require-fit", "--quiet").status == 1
    answer = form(*words)
    assert (answer["fits"], answer["hypothetical"]) == (False, True) and answer["shortfalls"]


def test_pictures_are_written(tmp_path: Path) -> None:
    ran = boardless("simulate", *LENET, "--plot", tmp_path / "pictures", "--quiet")
    assert (ran.status, ran.errors) == (0, "")
    kinds = ("breakdown", "memory_map", "roofline", "timeline")
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == [f"lenet5_raspberry_pi_4_{kind}.png" for kind in kinds]


def test_nothing_is_written_when_a_later_device_is_unknown(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    refused("estimate", *LENET, "--on", "raspbery_pi_4", "--json", target, "--plot", tmp_path / "pictures")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("claims", "lenet5"), "No such command 'claims'; one of estimate, simulate"),
        (("estimat", "lenet5"), "Did you mean 'estimate'"),
        (("estimate",), "Missing argument 'NETWORK'; see boardless estimate --help"),
        (("estimate", "lenet5"), "Missing option '--on'"),
        (("estimate", *LENET, "--batch", "many"), "--batch: 'many'; "),
        (("estimate", *LENET, "--strategy", "quantise"), "strategy: 'quantise' is not one"),
        (("estimate", *LENET, "--strategy", "quantize:dtype=int7"), "strategy 'quantize': dtype=int7; one of fp32"),
        (("estimate", *LENET, "--trace", "x"), "No such option: --trace"),
        (("estimate", *LENET, "--batch", "0"), "--batch: 0; a whole number of at least 1 is expected"),
        (("estimate", *LENET, "--dtype", "int7"), "--dtype: 'int7'; one of fp32"),
        (("estimate", *LENET, "--dtype", "int4"), "--dtype: 'int4'; unit 'cpu' computes fp32"),
        (("estimate", *LENET, "--unit", "gpu"), "unit: 'gpu' is not a unit of raspberry_pi_4"),
        (("estimate", *LENET, "--threads", "9"), "threads: 9; 1 to 4 are expected"),
        (("estimate", *LENET, "--runtime", "ncn"), "runtime: 'ncn' is not in the catalogue"),
        (("estimate", *LENET, "--runtime", "tinyengine"), "--runtime: 'tinyengine'; unit 'cpu' of raspberry_pi_4 is not of a kind"),
        (("estimate", *LENET, "--dataflow", "ws"), "--dataflow: 'ws'; unit 'cpu' of raspberry_pi_4 is not an array"),
        (("estimate", *LENET, "--set", "units.cpu.clock=1 GHz"), "units.cpu.clock"),
        (("estimate", *LENET, "--set", "units.cpu.frequency=1 GB/s"), "units.cpu.frequency"),
        (("estimate", *LENET, "--fail-over", "speed=1"), "--fail-over: 'speed'"),
        (("estimate", "lenet", "--on", "raspberry_pi_4"), "'lenet' is not in the catalogue"),
        (("estimate", "lenet5", "--on", "raspberry_pi_44"), "device: 'raspberry_pi_44' is not in the catalogue"),
        (("simulate", *LENET, "--on", "stm32h743", "--trace", "x"), "--trace: 2 devices; one --on is expected"),
        (("explain", *LENET, "--on", "stm32h743", "--operator", "c1"), "--operator: 2 devices; one --on is expected"),
    ],
)  # fmt: skip
def test_refusals_are_one_line(words: tuple[str, ...], said: str) -> None:
    assert said in refused(*words)


def test_dataflow_is_ignored_with_a_warning_beside_an_array() -> None:
    words = ("estimate", *LENET, "--on", "eyeriss_v1", "--dataflow", "rs")
    assert boardless(*words).errors == (
        "boardless: warning: --dataflow: 'rs' ignored on raspberry_pi_4, whose unit 'cpu' is not an array\n"
    )
    answer = form(*words)
    assert answer[1]["settings"]["dataflow"] == "rs" and "dataflow" not in answer[0]["settings"]


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ValueError, match="not in the catalogue"):
        boardless("estimate", "lenet", "--on", "raspberry_pi_4", "--debug")


def test_a_defect_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs.session, "estimate", lambda *_, **__: [][1])
    ran = boardless("estimate", *LENET)
    assert ran.status == 2 and ran.errors.count("\n") == 1
    assert "internal: IndexError" in ran.errors and "--debug" in ran.errors


def test_interrupt_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs.session, "estimate", interrupted)
    ran = boardless("estimate", *LENET)
    assert (ran.status, ran.output) == (130, "")
    assert ran.errors == "boardless: interrupted; no file was left half written; run the same command to start again\n"


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_has_an_example(verb: str) -> None:
    ran = boardless(verb, "--help")
    assert (ran.status, ran.errors) == (0, "")
    assert f"Example: boardless {verb}" in ran.output


def test_help_names_what_is_built_and_nothing_else() -> None:
    text = boardless("--help").output
    assert all(f" {verb} " in text for verb in VERBS)
    assert not any(f" {verb} " in text for verb in ("claims", "report", "doctor"))


def test_no_words_at_all_is_bad_usage() -> None:
    ran = boardless()
    assert ran.status == 2 and "Usage: boardless" in ran.output


def test_the_command_as_a_process(tmp_path: Path) -> None:
    """One real process: a reader that leaves early is no error, and help imports nothing slow."""
    module = [sys.executable, "-m", "boardless"]
    reader = subprocess.run(f"{' '.join(module)} networks | head -n 1", shell=True, capture_output=True, text=True, check=False)
    assert reader.stderr == "" and reader.stdout.startswith("alexnet")
    listing = subprocess.run(
        [sys.executable, "-X", "importtime", *module[1:], "--help"], capture_output=True, text=True, check=True
    )
    slow = {"numpy", "numba", "pint", "onnx", "matplotlib", "pandas", "scipy", "networkx", "simpy", "pydantic"}
    assert not slow & {line.rpartition("|")[2].strip() for line in listing.stderr.splitlines()}


def test_strategies_are_listed_applied_in_order_and_recorded() -> None:
    names = [entry["name"] for entry in form("strategies")]
    assert {"fold", "fuse", "quantize"} <= set(names) and names == sorted(names)
    assert [p["name"] for p in form("strategies", "quantize")["parameters"]][0] == "dtype"
    answer = form("estimate", *LENET, "--strategy", "quantize:dtype=int8", "--strategy", "fuse")
    assert answer["settings"]["strategies"] == ["quantize:dtype=int8", "fuse"]
    assert answer["settings"]["dtype"] == "int8"
    assert [note.split(":")[0] for note in answer["notes"][:2]] == ["quantize", "fuse"]
