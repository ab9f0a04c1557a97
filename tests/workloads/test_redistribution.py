"""Receptive field moved behind the stage: the published side of a patch, shapes kept, no less field than before."""

from __future__ import annotations

import pytest

import boardless as bl
from strategies.errors import StrategyError
from tests.workloads.test_patches import published
from workloads.operators import macs_of
from workloads.patches import stage_to
from workloads.transforms.redistribution import redistributed


def test_the_published_side_of_a_patch() -> None:
    """Lin et al. 2021: patches of 63 x 63 where they were 75 x 75, +18 % of the stage and +3 % of the network in 4 x 4."""
    before = published()
    found = redistributed(before)
    stage = stage_to(found.graph, before.output)
    tiles = stage.tiles(4, 4)
    (image,) = stage.graph.inputs
    assert [r.size for r in stage.needed(tiles[5])[image.name]] == [63, 63]
    network = sum(macs_of(operator, found.graph.tensors) for operator in found.graph.operators)
    assert stage.macs(tiles, clip=False) / stage.plain_macs - 1 == pytest.approx(0.18, abs=0.01)
    assert (stage.macs(tiles) - stage.plain_macs) / network == pytest.approx(0.03, abs=0.01)


def test_what_was_narrowed_is_made_up_for_behind() -> None:
    """3x3 at jumps of 2 and 4 positions reach 2 * 2 + 2 * 4 = 12 less; two taps more at a jump of 8 give 16."""
    before = published()
    found = redistributed(before)
    assert found.narrowed == ("block0.depthwise", "block2.depthwise") and found.widened == ("block4.depthwise",)
    assert (found.removed, found.added) == (12, 16)
    graph = found.graph
    kernels = [graph.tensors[o.inputs[1]].shape[2:] for o in graph.operators if o.name in (*found.narrowed, *found.widened)]
    assert kernels == [(1, 1), (1, 1), (5, 5)]
    same = {t.name: t.shape for t in before.graph.tensors.values() if t.role != "weight"}
    assert same == {t.name: t.shape for t in graph.tensors.values() if t.role != "weight"}
    assert graph.weights_bytes == before.graph.weights_bytes + 4 * (192 * 16 - 8 * (32 + 144))


def test_patches_of_the_changed_network_cost_less() -> None:
    patch = "patch:grid=4x4,until=block3.project"
    plain, tiled, moved = (
        bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", profile="ideal", strategy=strategy)
        for strategy in ([], [patch], ["redistribute:until=block3.project", patch])
    )
    assert plain.macs < moved.macs < tiled.macs
    assert moved.activations_peak_bytes <= tiled.activations_peak_bytes < plain.activations_peak_bytes


@pytest.mark.parametrize(("spec", "said"), [("redistribute", "until is missing"), ("redistribute:until=stem.conv", "stem.conv")])
def test_what_cannot_be_moved_is_said(spec: str, said: str) -> None:
    with pytest.raises(StrategyError, match="redistribute") as refused:
        bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", strategy=[spec])
    assert said in str(refused.value)
