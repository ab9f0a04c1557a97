"""Who runs what, and in which element type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwmodels.device import ArrayUnit
from hwmodels.reader import load_device
from hwmodels.runtime import Runtime, load_runtime
from sim.assignment import IDEAL_LANES, assign, computes, host_of, ideal_vector, nearest_dtype, supported
from sim.errors import ScheduleError
from sim.lower import layerwise_plan, lower
from sim.plan import Plan
from tests.cases import LOWERINGS, chain_graph, toy_device, toy_unit
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables
from workloads.transforms import retype


def array() -> ArrayUnit:
    return ArrayUnit(
        "array", "systolic", 5e8, ("int8",), "max", None, ("flash",), ("sram",), rows=8, columns=4, mac_energy_j=2e-13
    )  # fmt: skip


def classifier(dtype: str = "fp32") -> Graph:
    net = GraphBuilder("classifier", dtype)
    x = net.activation(net.conv(net.input((1, 2, 4, 4)), 4, 3, padding=1, name="conv"), "relu", name="relu")
    net.linear(net.flatten(net.global_average_pool(x, name="pool"), name="flat"), 10, name="linear")
    return net.finish()


def test_an_array_leaves_the_rest_to_the_host() -> None:
    graph = classifier("int8")
    device = toy_device(array(), toy_unit("helper"), host="helper")
    unit_of, units = assign(graph, graph_tables(graph), device, layerwise_plan(graph, device), None)
    assert dict(zip([o.name for o in graph.operators], unit_of, strict=True)) == {
        "conv": "array",
        "relu": "helper",
        "pool": "helper",
        "flat": "helper",  # free: it stays where its input was made
        "linear": "array",
    }
    assert set(units) == {"array", "helper"}


def test_without_a_host_an_ideal_one_is_assumed_and_said() -> None:
    graph = classifier("int8")
    device = toy_device(array())
    host = host_of(device, layerwise_plan(graph, device))
    assert (host.name, host.frequency_hz, host.activations_in) == ("ideal_vector", 5e8, ("sram",))
    assert host == replace(ideal_vector(array()), lanes=4, operation_energy_j=2e-13)
    assert ideal_vector(toy_unit()).lanes == IDEAL_LANES
    schedule = lower(graph, device, layerwise_plan(graph, device), {**LOWERINGS, "systolic": LOWERINGS["toy"]})
    assert schedule.host == "ideal_vector"
    assert any("ideal_vector (assumed" in note and "runs 3 of 5 operators" in note for note in schedule.notes)


def test_kinds_or_names_of_operators_and_the_runtime_decide() -> None:
    graph = classifier()
    tables = graph_tables(graph)
    assert supported(graph, tables, toy_unit(operators=("convolution",)), None)[:2] == [True, False]
    assert supported(graph, tables, toy_unit(operators=("Relu",)), None)[:2] == [False, True]
    engine = Runtime("engine", "", (), operators=("Conv", "Gemm"))
    assert supported(graph, tables, toy_unit(), engine) == [True, False, False, False, True]


def test_a_plan_places_operators() -> None:
    graph = chain_graph(2)
    device = toy_device(toy_unit(), toy_unit("other"))
    tables = graph_tables(graph)
    assert assign(graph, tables, device, Plan("core", placement={"conv_1": "other"}), None)[0] == ("core", "other")
    with pytest.raises(ScheduleError, match="unit: 'elsewhere' is not a unit of toy"):
        assign(graph, tables, device, Plan("core", placement={"conv_1": "elsewhere"}), None)


@pytest.mark.parametrize(
    ("unit_types", "graph_type", "expected"),
    [
        (("int8", "fp32"), "fp32", None),
        (("int16",), "fp32", "int16"),
        (("int8",), "fp32", "int8"),
        (("fp16", "int8"), "fp32", "fp16"),
        (("int16",), "int8", None),  # narrower integers run as wider ones
    ],
)
def test_the_nearest_type_a_unit_computes(unit_types: tuple[str, ...], graph_type: str, expected: str | None) -> None:
    assert nearest_dtype(toy_unit(dtypes=unit_types), classifier(graph_type)) == expected


def test_integers_run_on_what_is_as_wide() -> None:
    assert computes(toy_unit(dtypes=("int16",)), "int8")
    assert not computes(toy_unit(dtypes=("int8",)), "int16")
    assert computes(toy_unit(dtypes=("fp16",)), "int8")
    assert not computes(toy_unit(dtypes=("fp16",)), "fp32")
    assert computes(toy_unit(dtypes=("int8",)), "int64")  # shapes and indices


def test_a_type_the_unit_cannot_compute_is_refused_by_name() -> None:
    graph = chain_graph(1)
    device = toy_device(toy_unit(dtypes=("int16",)))
    with pytest.raises(
        ScheduleError, match="operator 'conv_0': tensor 'input' is fp32; unit 'core' computes int16; give --dtype int16"
    ):
        lower(graph, device, layerwise_plan(graph, device), LOWERINGS)
    typed = retype(graph, "int16")
    assert lower(typed, device, layerwise_plan(typed, device), LOWERINGS).tasks


def test_a_runtime_for_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Runtime("engine", "", ("gpu",))
    monkeypatch.setattr("sim.lower.runtime_named", lambda name: engine if name else None)
    with pytest.raises(ScheduleError, match="runtime: 'engine' on unit 'core', a toy; it runs on gpu; this unit needs none"):
        layerwise_plan(chain_graph(), toy_device(), runtime="engine")


def test_a_kind_without_a_lowering_is_refused() -> None:
    with pytest.raises(ScheduleError, match="unit 'core': kind 'toy' has no lowering"):
        lower(chain_graph(), toy_device(), layerwise_plan(chain_graph(), toy_device()))


@pytest.mark.parametrize(
    ("device", "runtime", "missing", "nearest_said"),
    [("nrf52840", None, "Gelu", "FastGelu"), ("stm32f746", "tinyengine", "Gelu", "nearest"), ("stm32h743", None, None, "")],
)
def test_a_microcontroller_runs_what_its_runtime_imports(
    device: str, runtime: str | None, missing: str | None, nearest_said: str
) -> None:
    net = GraphBuilder("block", "int8")
    x = net.conv(net.input((1, 4, 8, 8)), 4, 3, padding=1, name="conv")
    net.linear(net.flatten(net.activation(x, "gelu", name="bend"), name="flat"), 10, name="linear")
    graph, board = net.finish(), load_device(device)
    plan = layerwise_plan(graph, board, runtime=runtime)
    if missing is None:
        assert set(lower(graph, board, plan).unit_of) == {"cpu"}
        return
    with pytest.raises(ScheduleError) as problem:
        lower(graph, board, plan)
    said = str(problem.value)
    assert said.startswith(f"operator 'bend': {missing} on {device}; runtime ") and nearest_said in said
    assert "--runtime" in said and "\n" not in said


def test_operators_without_work_need_no_entry() -> None:
    net = GraphBuilder("only", "int8")
    net.linear(net.flatten(net.input((1, 4, 2, 2)), name="flat"), 10, name="linear")
    graph, board = net.finish(), load_device("stm32f746")
    assert "Flatten" not in load_runtime("tinyengine").operators
    assert len(lower(graph, board, layerwise_plan(graph, board, runtime="tinyengine")).unit_of) == 2
