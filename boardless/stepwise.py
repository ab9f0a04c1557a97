"""One network on one device, strategy after strategy: what each further one buys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from boardless import formats, machine_form
from boardless.files import write_all
from boardless.objectives import stored_bytes
from boardless.results import Result
from boardless.text import WIDTH, render, table

#: Why a step has no accuracy.
NOT_SIMULATED = "accuracy is not simulated; a table of measured losses is expected (--accuracy TABLE.csv)"


@dataclass(frozen=True)
class Stage:
    """The answer after one more strategy.

    Attributes
    ----------
    strategy : str or None
        As the command line writes it; ``None`` before the first.
    changed : str
        What it changed, in one line.
    result : Result
    accuracy_loss : float or None
        Of all strategies up to this one, from the user's table [percentage points].
    """

    strategy: str | None
    changed: str
    result: Result
    accuracy_loss: float | None = None

    @property
    def flash_bytes(self) -> int:
        """What has to be stored [B]."""
        return stored_bytes(self.result)

    @property
    def figures(self) -> dict[str, float | None]:
        """What is compared, in SI units."""
        answer = self.result
        return {
            "latency_s": answer.latency_s,
            "energy_j": answer.energy_j,
            "peak_bytes": float(answer.activations_peak_bytes),
            "flash_bytes": float(self.flash_bytes),
        }

    def to_dict(self) -> dict[str, Any]:
        """The head of the estimate, with the strategy and what it changed."""
        form = machine_form.head(self.result)
        form["missing"] = [*form["missing"], *self._missing()]
        more = {"flash_bytes": self.flash_bytes, "accuracy_loss": self.accuracy_loss}
        return {"strategy": self.strategy, "changed": self.changed, **form, **more}

    def _missing(self) -> list[Mapping[str, str]]:
        return [{"field": "accuracy_loss", "reason": NOT_SIMULATED}] if self.accuracy_loss is None else []


@dataclass(frozen=True, repr=False)
class Stepwise:
    """All stages, the plain run first."""

    stages: Sequence[Stage]

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    def __repr__(self) -> str:
        return self.text()

    @property
    def results(self) -> list[Result]:
        """The answers, in order."""
        return [stage.result for stage in self.stages]

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        first = self.stages[0].result
        steps = [stage.to_dict() for stage in self.stages]
        return {"format": machine_form.FORMAT, "network": first.network, "device": first.device, "steps": steps}

    def to_json(self) -> str:
        """The machine form, as ``--json`` writes it."""
        return machine_form.json_text(self.to_dict())

    def text(self, *, width: int = WIDTH, colour: bool = False) -> str:
        """A row per stage, then what each strategy changed."""
        first = self.stages[0].result
        known = any(stage.accuracy_loss is not None for stage in self.stages)
        made = table("strategy", "latency>", "of before>", "energy>", "of before>", "peak>", "of before>", "flash>", "of before>")
        if known:
            made.add_column("accuracy loss", justify="right")
        made.add_column("verdict")
        for place, stage in enumerate(self.stages):
            made.add_row(*_row(stage, self.stages[place - 1] if place else None, known))
        if len(self.stages) > 2:
            made.add_section()
            made.add_row(*_row(self.stages[-1], self.stages[0], known, "all together"))
        head = f"{first.network} on {first.device}: what each strategy buys ({formats.METHODS[first.method]})"
        lines = [Text(f"{stage.strategy}: {stage.changed}") for stage in self.stages if stage.strategy]
        lines += map(Text, _asides(self.stages))
        short = [Text(f"does not fit in the end: {entry}") for entry in self.stages[-1].result.shortfalls]
        parts: list[RenderableType] = [Text(head, style="bold"), Text(), made, Text(), *lines, *short]
        if not known:
            parts.append(Text("accuracy: not simulated; --accuracy TABLE.csv carries measured losses along"))
        return render(parts, width=width, colour=colour)

    def pictures(self) -> dict[str, bytes]:
        """File name -> PNG of the waterfall."""
        from functools import partial

        from boardless.plots.style import picture_name, png
        from boardless.plots.waterfall import waterfall

        first = self.stages[0].result
        return {picture_name(first.network, first.device, "waterfall"): png(partial(waterfall, self.stages))}

    def plot(self, folder: str | Path) -> list[Path]:
        """Write the waterfall into a folder; the files written."""
        return write_all(Path(folder), self.pictures())


def _asides(stages: Sequence[Stage]) -> Iterator[str]:
    """What the columns do not show: the mean over inferences that take different ways, and another way of counting memory."""
    for place, stage in enumerate(stages):
        answer, name = stage.result, stage.strategy or "plain"
        if answer.extra.get("latency_mean_s") is not None:
            energy = formats.by_unit(answer.extra.get("energy_mean_j"), "J")
            yield f"{name}: {formats.seconds(answer.extra['latency_mean_s'])} and {energy} on average; the table is of the longest way"
        if place and answer.profile != stages[place - 1].result.profile:
            yield f"{name}: memory is counted as {answer.profile} from here on, before as {stages[place - 1].result.profile}"


def _row(stage: Stage, before: Stage | None, known: bool, name: str | None = None) -> list[RenderableType]:
    cells: list[RenderableType] = [name or stage.strategy or "plain"]
    for key, value in stage.figures.items():
        shown = formats.by_unit(value, {"s": "s", "j": "J"}.get(key.rpartition("_")[2], "B"))
        cells += [shown + (" (if)" if key == "latency_s" and stage.result.hypothetical else ""), _ratio(value, before, key)]
    if known:
        cells.append(formats.NOT_KNOWN if stage.accuracy_loss is None else f"{stage.accuracy_loss:g}")
    return [*cells, "fits" if stage.result.fits else Text("does not fit", style="red")]


def _ratio(value: float | None, before: Stage | None, key: str) -> str:
    base = before.figures[key] if before is not None else None
    if base is None or value is None or not base:
        return ""
    return f"{100 * value / base:.3g} %"
