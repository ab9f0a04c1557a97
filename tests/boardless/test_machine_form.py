"""JSON: the keys of the contract, null with a reason, the same bytes for the same input."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from boardless.machine_form import as_dict, host_share, json_text, plain
from sim.results import Coverage, MemoryUse, Missing
from tests.boardless.cases import estimate, operator, too_large

HEAD = [
    "format", "network", "device", "settings", "method", "coverage", "macs", "weights_bytes", "latency_s", "latency_interval_s",
    "interval", "interval_basis", "energy_j", "energy_scope", "missing", "memory", "activations_peak_bytes", "profile", "fits",
    "shortfalls", "overlap_s",
]  # fmt: skip
ROW = ["name", "kind", "unit", "macs", "latency_s", "energy_j", "bound", "join", "phases", "bytes"]


def test_head_and_rows_have_the_keys_of_the_contract() -> None:
    form = as_dict(estimate())
    assert [key for key in HEAD if key not in form] == []
    assert list(form)[-1] == "operators"
    assert all([key for key in ROW if key not in row] == [] for row in form["operators"])
    assert form["coverage"] == {"operators": 3, "modelled": 3, "unmodelled": [], "macs_share": 1.0}
    assert form["memory"]["dram"] == {
        "kind": "dram", "peak_bytes": 6144, "weights_bytes": 2048, "activations_bytes": 4096, "overhead_bytes": 0,
        "capacity_bytes": 2**30, "fits": True,
    }  # fmt: skip


def test_a_row_by_hand() -> None:
    row = as_dict(estimate())["operators"][0]
    assert row["phases"] == [["compute", 1.5e-3], ["dram", 0.5e-3]]
    assert row["bytes"] == {"dram": {"read": 4096, "written": 1024}}
    assert (row["latency_s"], row["energy_j"], row["bound"]) == (2e-3, 4e-3, "compute")
    assert "start_s" not in row and "cycles" not in row


def test_start_and_wait_belong_to_events() -> None:
    row = operator("a", (("compute", 1e-3),), start_s=0.5, wait_s=0.0)
    form = as_dict(estimate((row,), method="events"))["operators"][0]
    assert (form["start_s"], form["wait_s"]) == (0.5, 0.0)


def test_cycles_come_with_utilization_and_dataflow() -> None:
    row = operator("a", (("compute", 1e-3),), details={"cycles": np.int64(1000), "utilization": np.float64(0.5)})
    form = as_dict(estimate((row,)))["operators"][0]
    assert (form["cycles"], form["utilization"], form["dataflow"]) == (1000, 0.5, None)
    json_text(form)


def test_a_share_of_no_stated_peak_is_null_with_a_reason() -> None:
    form = as_dict(estimate((operator("a", (("compute", 1e-3),), details={"cycles": 1000}),)))
    assert form["operators"][0]["utilization"] is None
    assert "utilization" in [entry["field"] for entry in form["missing"]]


def test_null_has_a_reason() -> None:
    rows = (operator("a", (("compute", 1e-3),), energy_j=None),)
    form = as_dict(estimate(rows, memory={"dram": MemoryUse("dram", 1, 1, 0, 0, None)}))
    reasons = {entry["field"]: entry["reason"] for entry in form["missing"]}
    assert form["energy_j"] is None and form["latency_interval_s"] is None and form["memory"]["dram"]["capacity_bytes"] is None
    assert set(reasons) == {"energy_j", "latency_interval_s", "memory.dram.capacity_bytes"}
    assert all(reasons.values())


def test_a_given_reason_is_kept_and_not_doubled() -> None:
    rows = (operator("a", (("compute", 1e-3),), energy_j=None),)
    form = as_dict(estimate(rows, missing=(Missing("energy_j", "no power for unit cpu"),), latency_interval_s=(1e-3, 2e-3)))
    assert form["missing"] == [{"field": "energy_j", "reason": "no power for unit cpu"}]


def test_what_does_not_fit_is_hypothetical_with_its_levers() -> None:
    form = as_dict(too_large())
    assert (form["fits"], form["hypothetical"], form["memory"]["sram"]["fits"]) == (False, True, False)
    assert form["shortfalls"] == [
        {
            "level": "sram",
            "needed_bytes": 614400,
            "capacity_bytes": 524288,
            "missing_bytes": 90112,
            "operator": "conv_1",
            "largest": [{"tensor": "t1", "bytes": 409600}, {"tensor": "t2", "bytes": 204800}],
            "levers": [{"strategy": "patch:limit=256KiB", "needed_bytes": 262144, "fits": True}],
        }
    ]
    assert "hypothetical" not in as_dict(estimate())


def test_unmodelled_operators_make_macs_a_lower_bound() -> None:
    form = as_dict(estimate(coverage=Coverage(3, 2, ("relu",), 1.0)))
    assert form["macs_is_lower_bound"] is True
    assert "macs_is_lower_bound" not in as_dict(estimate())


def test_host_share_is_the_share_of_time_elsewhere() -> None:
    rows = (operator("a", (("compute", 3e-3),)), operator("b", (("compute", 1e-3),), unit="host"))
    assert math.isclose(host_share(estimate(rows)), 0.25)


def test_equal_input_gives_equal_bytes_and_valid_json() -> None:
    assert json_text(as_dict(estimate())) == json_text(as_dict(estimate()))
    assert json.loads(json_text(as_dict(estimate())))["latency_s"] == 3e-3


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"latency_s": math.nan})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.float64(0.5), 0.5), ((1, 2), [1, 2]), ({"a": (np.int64(1),)}, {"a": [1]}), ({3, 1}, [1, 3]), (None, None)],
)  # fmt: skip
def test_plain_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
