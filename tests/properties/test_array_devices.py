"""Every array part runs every operator of unusual networks at a cost; more of anything is never slower."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from hwmodels.device import ArrayUnit, Device
from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from validation.array_rows import deployed
from validation.peaks import array_devices
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks import build

#: Attention, squeeze and excitation, a decode step, shuffles, a detector that samples up.
NETWORKS = ("vit_tiny", "efficientnet_b0", "smollm_135m", "shufflenet_v2", "ssd_mobilenet_v2_fpnlite_0_35_192")


def products() -> Graph:
    """Depthwise, grouped, dilated and transposed convolution, batched product, softmax, pool, transposition, concatenation."""
    draft = GraphBuilder("products")
    x = draft.depthwise(draft.input((1, 16, 20, 20)), 3, padding=1, name="depthwise")
    x = draft.conv(x, 32, 3, groups=4, name="grouped")
    x = draft.conv(x, 24, 3, dilation=2, name="dilated")
    filters = draft.weight("transposed.weight", (24, 8, 2, 2))
    x = draft.add("ConvTranspose", [x, filters], name="transposed", strides=(2, 2), kernel_shape=(2, 2), weight_layout="IOHW")
    x = draft.max_pool(draft.concat([x, x], name="doubled"), 2, name="pooled")
    rows = draft.reshape(x, (1, 16, 196))
    scores = draft.softmax(draft.matmul(rows, draft.transpose(rows, (0, 2, 1), name="turned"), name="product"), name="softmax")
    return draft.finish(draft.linear(scores, 10, name="classes"))


@cache
def network(name: str, dtype: str | None) -> Graph:
    return deployed(products() if name == "products" else build(name), dtype)


def run(name: str, device: Device, **settings: object) -> Estimate:
    graph = network(name, nearest_dtype(device.default_unit, network(name, None)))
    return estimate(lower(graph, device, layerwise_plan(graph, device, **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("device_name", array_devices())
@pytest.mark.parametrize("name", [*NETWORKS, "products"])
def test_every_operator_has_a_cost(name: str, device_name: str) -> None:
    device = load_device(device_name)
    found = run(name, device)
    assert found.coverage.modelled == found.coverage.operators and found.coverage.macs_share == 1.0
    free = [row.name for row in found.operators if row.latency_s <= 0 and not row.details.get("fused_into")]
    assert set(free) <= {row.name for row in found.operators if row.kind == "free"}
    if found.energy_j is None:
        assert any("energy" in entry.field for entry in found.missing), found.missing
    else:
        working = [row for row in found.operators if row.latency_s > 0]
        assert found.energy_j > 0 and all(row.energy_j is not None and row.energy_j > 0 for row in working)


def faster_memory(device: Device, factor: float) -> Device:
    links = {name: replace(link, bandwidth_bytes_per_s=factor * link.bandwidth_bytes_per_s) for name, link in device.links.items()}
    memories = {
        name: replace(
            memory,
            read_bandwidth_bytes_per_s=memory.read_bandwidth_bytes_per_s and factor * memory.read_bandwidth_bytes_per_s,
            write_bandwidth_bytes_per_s=memory.write_bandwidth_bytes_per_s and factor * memory.write_bandwidth_bytes_per_s,
        )
        for name, memory in device.memories.items()
    }
    return replace(device, links=links, memories=memories)


def larger_buffer(device: Device, factor: int) -> Device:
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    name = unit.levels[0]
    memory = device.memories[name]
    assert memory.capacity_bytes is not None
    grown = replace(memory, capacity_bytes=factor * memory.capacity_bytes, banks=factor * memory.banks)
    return replace(device, memories={**device.memories, name: grown})


LAWFUL = ("mobilenet_v2", "vit_tiny")


@pytest.mark.parametrize("device_name", array_devices())
@pytest.mark.parametrize("name", LAWFUL)
def test_more_bandwidth_is_never_slower(name: str, device_name: str) -> None:
    device = load_device(device_name)
    assert run(name, faster_memory(device, 2.0)).latency_s <= run(name, device).latency_s * (1 + 1e-9)


@pytest.mark.parametrize("device_name", array_devices())
@pytest.mark.parametrize("name", LAWFUL)
def test_a_larger_buffer_is_never_slower(name: str, device_name: str) -> None:
    device = load_device(device_name)
    assert run(name, larger_buffer(device, 2)).latency_s <= run(name, device).latency_s * (1 + 1e-9)


def doubled(device: Device) -> Device:
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    return replace(device, units={**device.units, "array": replace(unit, rows=2 * unit.rows, columns=2 * unit.columns)})


@pytest.mark.parametrize("device_name", array_devices())
@pytest.mark.parametrize("name", LAWFUL)
def test_twice_the_elements_are_slower_by_their_longer_way_at_most(name: str, device_name: str) -> None:
    """A systolic array twice as large is longer to load and to cross, once for each fold; nothing else takes more time."""
    device = load_device(device_name)
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    if unit.parameters.get("whole_tiles"):
        pytest.skip("edge tiles are streamed with their padding: a larger array is slower where weights bind, see below")
    larger = run(name, doubled(device))
    way = 0.0
    if unit.kind == "systolic":
        folds = [row.details["folds"] for row in larger.operators if "folds" in row.details]
        way = sum(unit.rows * count + 2 * unit.rows + unit.columns for count in folds) / unit.frequency_hz
    assert larger.latency_s <= (run(name, device).latency_s + way) * (1 + 1e-9)


def test_a_larger_array_is_slower_where_padded_weights_bind() -> None:
    """Jouppi et al., ISCA 2017, section 7: 600 x 600 weights take 9 tiles of 256 but 4 of 512: 18 and 32 us."""
    device = load_device("tpu_v1", {"units.array.parameters.link_share": "1"})
    draft = GraphBuilder("gate", dtype="int8")
    graph = draft.finish(draft.linear(draft.input((64, 600)), 600, bias=False))
    small, large = (
        estimate(lower(graph, part, layerwise_plan(graph, part))).latency_s for part in (device, doubled(device))
    )  # fmt: skip
    assert small == pytest.approx(18e-6, rel=0.06) and large == pytest.approx(32e-6, rel=0.06)
