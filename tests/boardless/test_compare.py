"""Strategies side by side: table, JSON, waterfall, and accuracy as the user measured it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import boardless as bl
from boardless.plots.style import new_figure
from boardless.plots.waterfall import waterfall
from strategies.accuracy import loss_of, read_accuracy
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from tests.boardless.commands import boardless, refused

KWS = ("mlperf_tiny_kws", "--on", "stm32h743")
WORDS = ("compare", *KWS, "--strategy", "prune:share=25%", "--strategy", "code:values=16")


def form(*words: str) -> Any:
    """What ``--json -`` writes."""
    return json.loads(boardless(*words, "--json", "-").output)


def test_steps_are_the_plain_run_and_one_more_strategy_each() -> None:
    answer = form(*WORDS)
    assert [step["strategy"] for step in answer["steps"]] == [None, "prune:share=25%", "code:values=16"]
    assert [step["settings"]["strategies"] for step in answer["steps"]] == [
        [],
        ["prune:share=25%"],
        ["prune:share=25%", "code:values=16"],
    ]
    plain, pruned, coded = answer["steps"]
    assert plain["latency_s"] == form("estimate", *KWS)["latency_s"]
    whole = form("estimate", *KWS, "--strategy", "prune:share=25%", "--strategy", "code:values=16")
    assert (coded["latency_s"], coded["energy_j"], coded["memory"]) == (whole["latency_s"], whole["energy_j"], whole["memory"])
    assert pruned["macs"] < plain["macs"] and coded["flash_bytes"] < pruned["flash_bytes"] < plain["flash_bytes"]
    assert all(step["accuracy_loss"] is None for step in answer["steps"])
    assert all(
        {"field": "accuracy_loss", "reason": step["missing"][-1]["reason"]} == step["missing"][-1] for step in answer["steps"]
    )


def test_same_words_same_bytes() -> None:
    assert boardless(*WORDS, "--json", "-").output == boardless(*WORDS, "--json", "-").output


def test_the_table_says_what_changed() -> None:
    page = boardless(*WORDS).output
    assert "filters taken out" in page and "all together" in page and "accuracy: not simulated" in page


def test_the_mean_of_an_exit_and_another_way_of_counting_are_said() -> None:
    lenet = ("compare", "lenet5", "--on", "stm32h743")
    page = boardless(*lenet, "--strategy", "exit:after=c3,probability=0.5").output
    assert "on average; the table is of the longest way" in page
    page = boardless(*lenet, "--strategy", "swap:to=flash").output
    assert "memory is counted as ideal from here on, before as x_cube_ai_10_0" in page
    assert "counted as" not in boardless(*lenet, "--strategy", "fuse").output


def test_checks_are_those_of_the_last_stage() -> None:
    assert boardless(*WORDS, "--fail-over", "latency=1us", "--quiet").status == 1
    assert boardless(*WORDS, "--fail-over", "latency=10s").status == 0


def test_one_device_is_expected() -> None:
    assert "compare: 2 devices; one --on is expected" in refused("compare", *KWS, "--on", "raspberry_pi_4")


def test_waterfall_has_a_bar_per_strategy_and_two_wholes() -> None:
    answer = bl.compare("mlperf_tiny_kws", on="stm32h743", strategy=["prune:share=25%", "code:values=16"])
    axes: Any = waterfall(answer.stages, new_figure().add_subplot())
    panels = axes.figure.axes
    assert len(panels) == 4
    for panel, key in zip(panels, answer.stages[0].figures, strict=True):
        assert len(panel.patches) == 4
        heights = [patch.get_height() for patch in panel.patches]
        # Wholes are drawn first: what the floating bars add up to is what lies between them.
        assert heights[0] + sum(heights[2:]) == pytest.approx(heights[1])
        first, last = (stage.figures[key] for stage in (answer.stages[0], answer.stages[-1]))
        assert first is not None and last is not None
        assert heights[1] / heights[0] == pytest.approx(last / first)
    assert [tick.get_text() for tick in panels[-1].get_xticklabels()] == ["plain", "prune:share=25%", "code:values=16", "all"]


def test_measured_losses_are_carried_along(tmp_path: Path) -> None:
    table = tmp_path / "losses.csv"
    table.write_text("strategies,accuracy_loss,notes\n,0,\nprune:share=25%,0.8,three seeds\nprune:share=25% code:values=16,1.1,\n")
    losses = [step["accuracy_loss"] for step in form(*WORDS, "--accuracy", str(table))["steps"]]
    assert losses == [0.0, 0.8, 1.1]
    assert "accuracy loss" in boardless(*WORDS, "--accuracy", str(table)).output


def test_what_changes_no_result_costs_nothing_and_what_is_not_there_is_not_guessed() -> None:
    table = {"quantize": 0.5}
    assert loss_of(table, [read_strategy("quantize:dtype=int8"), read_strategy("fuse")]) == 0.5
    assert loss_of(table, [read_strategy("reorder")]) == 0.0
    assert loss_of(table, [read_strategy("code")]) == 0.0
    assert loss_of(table, [read_strategy("code:values=16")]) is None
    assert loss_of(table, [read_strategy("quantize"), read_strategy("prune")]) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe,loss\n", "columns recipe, loss; strategies and accuracy_loss are expected"),
        ("strategies,accuracy_loss\nfuse,much\n", ":2: accuracy_loss 'much'; a finite number is expected"),
        ("strategies,accuracy_loss\nfuze,1\n", "strategy: 'fuze' is not one"),
        ("strategies,accuracy_loss\nquantize,1\nquantize:dtype=int8,2\n", ":3: 'quantize' is there twice"),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "losses.csv"
    table.write_text(text)
    with pytest.raises(StrategyError) as error:
        read_accuracy(table)
    assert said in str(error.value)
