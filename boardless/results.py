"""Result: an Estimate with the schedule it stands on, and the ways out of it: table, JSON, data frame, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from boardless import machine_form, memory_text, report, side_by_side, trace_text
from boardless.errors import UsageError
from boardless.memory_view import MemoryView
from boardless.text import WIDTH
from sim.export import trace_events
from sim.results import Estimate
from sim.schedule import Schedule
from sim.together import Together
from sim.trace import Event, Trace

if TYPE_CHECKING:
    import pandas

R = TypeVar("R", bound="Result")


@dataclass(frozen=True, repr=False)
class Result(Estimate):
    """What ``estimate`` and ``simulate`` give: every field of the Estimate, and what it was made from.

    Attributes
    ----------
    schedule : Schedule or None
        Tasks, work and device behind the numbers; ``None`` for an Estimate that was made elsewhere.
    trace : Trace or None
        What ran where and when; only after ``simulate``. Of a run beside others everything up to the end of this network.
    together : Together or None
        Where other networks or streams ran beside it: their jobs, their deadlines.
    """

    schedule: Schedule | None = field(default=None, compare=False)
    trace: Trace | None = field(default=None, compare=False)
    together: Together | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls: type[R],
        estimate: Estimate,
        schedule: Schedule | None = None,
        trace: Trace | None = None,
        together: Together | None = None,
    ) -> R:
        """Wrap an Estimate, keeping all its fields."""
        kept = {f.name: getattr(estimate, f.name) for f in fields(Estimate)}
        return cls(**kept, schedule=schedule, trace=trace, together=together)

    def __repr__(self) -> str:
        return self.text(operators=5)

    def text(
        self, *, operators: int | None = report.SHOWN, all_rows: bool = False, width: int = WIDTH, colour: bool = False
    ) -> str:
        """The report: answer, memories, operators; of long networks the slowest unless ``all_rows``."""
        return report.text(self, operators=None if all_rows else operators, width=width, colour=colour)

    def to_dict(self) -> dict[str, Any]:
        """The machine form as plain dictionaries and lists."""
        form = machine_form.head(self)
        if self.trace is not None:
            form |= trace_text.trace_form(self.trace, self.last_event)
        if self.together is not None:
            form["together"] = trace_text.together_form(self.together)
        return {**form, "operators": machine_form.operators(self)}

    @property
    def last_event(self) -> Event | None:
        """The event this network ends with, in a run beside others."""
        if self.together is None or self.trace is None:
            return None
        own = [e for e in self.trace.events if (e.party, e.job) == (self.together.parties[0].name, 0)]
        return max(own, key=lambda e: (e.end_ps, e.task), default=None)

    def to_json(self) -> str:
        """The machine form, as ``--json`` writes it."""
        return machine_form.json_text(self.to_dict())

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per operator, SI units in the column names."""
        from boardless.tables import operators_dataframe

        return operators_dataframe(self)

    def trace_json(self) -> str:
        """The events in the form that trace viewers open; only after ``simulate``."""
        if self.trace is None or self.schedule is None:
            raise UsageError(f"{self.network} on {self.device}: no trace; a result of simulate is expected")
        return machine_form.json_text(trace_events(self.schedule, self.trace, self.together))

    def plot(self, folder: str | Path) -> list[Path]:
        """Write the pictures of this result into a folder; the files written."""
        from boardless.plots import write_plots

        return write_plots([self], Path(folder))


@dataclass(frozen=True, repr=False)
class MemoryResult(Result):
    """What ``memory`` gives: a Result with the buffers, their offsets, and the arenas."""

    view: MemoryView | None = field(default=None, compare=False)

    def text(
        self, *, operators: int | None = report.SHOWN, all_rows: bool = False, width: int = WIDTH, colour: bool = False
    ) -> str:
        """The report: memories, arenas, the peak and who makes it, the largest buffers or all."""
        return memory_text.text(self, self._view, rows=None if all_rows else operators, width=width, colour=colour)

    def to_dict(self) -> dict[str, Any]:
        """The machine form: the head of an estimate, and the buffers in place of the operators."""
        return {**machine_form.head(self), **self._view.to_dict()}

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per buffer."""
        from boardless.tables import buffers_dataframe

        return buffers_dataframe(self._view)

    @property
    def _view(self) -> MemoryView:
        assert self.view is not None
        return self.view


class Comparison(list[R]):
    """Results of one network on several devices, in the order asked for; a list that prints as one table."""

    def __repr__(self) -> str:
        return side_by_side.comparison_text(self)

    def to_json(self) -> str:
        """A JSON list, one object per device."""
        return machine_form.json_text([result.to_dict() for result in self])

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per device."""
        from boardless.tables import comparison_dataframe

        return comparison_dataframe(self)

    def plot(self, folder: str | Path) -> list[Path]:
        """Write the pictures of every result and of the comparison; the files written."""
        from boardless.plots import write_plots

        return write_plots(list(self), Path(folder))
