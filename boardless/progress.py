"""Progress on standard error: nothing for quick work, a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

#: Work that is done within this time is not reported [s].
PATIENCE_S = 2.0


class Steps:
    """Counts steps of known number; reports once the work has taken more than two seconds.

    >>> with Steps("estimating", 2, quiet=True) as steps:
    ...     steps.next("first")
    ...     steps.next("second")
    """

    def __init__(self, title: str, total: int, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.title, self.total, self.quiet = title, total, quiet
        self.stream = stream or sys.stderr
        self.done = 0
        self._began = self._told = time.monotonic()
        self._bar: Progress | None = None
        self._task: object = None

    def next(self, name: str) -> None:
        """Say that the step called ``name`` begins."""
        if not self.quiet and time.monotonic() - self._began > PATIENCE_S:
            self._show(name)
        self.done += 1

    def within(self, name: str) -> None:
        """Say what the present step is at, every few seconds."""
        now = time.monotonic()
        if self.quiet or now - self._began < PATIENCE_S or now - self._told < (0.2 if self.stream.isatty() else PATIENCE_S):
            return
        self._told = now
        self.done -= 1
        self._show(name)
        self.done += 1

    def _show(self, name: str) -> None:
        if not self.stream.isatty():
            print(f"boardless: {self.title} {self.done + 1} of {self.total}: {name}", file=self.stream, flush=True)
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(file=self.stream), transient=True)
            self._task = self._bar.add_task(self.title, total=self.total, rate="")
            self._bar.start()
        rate = self.done / max(1e-9, time.monotonic() - self._began)
        self._bar.update(self._task, completed=self.done, description=f"{self.title} {name}", rate=f"{rate:.1f}/s")  # type: ignore[arg-type]

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def keeping(said: str) -> Iterator[None]:
    """What an interrupt is to tell: what was kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(said) from None


class Rate:
    """Progress of many small pieces of work: a bar on a terminal, a line every few seconds elsewhere; with rate, time left, failures.

    >>> with Rate("exploring", quiet=True) as progress:
    ...     progress.show(1, 2, 0)
    """

    #: Time between two lines where there is no terminal [s].
    PAUSE_S = 5.0

    def __init__(self, title: str, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.title, self.quiet, self.stream = title, quiet, stream or sys.stderr
        self._began = self._told = time.monotonic()
        self._first: int | None = None
        self._line = False

    def show(self, done: int, total: int, failed: int) -> None:
        """Say how far the work is."""
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        terminal = self.stream.isatty()
        if self.quiet or now - self._began < PATIENCE_S or now - self._told < (0.2 if terminal else self.PAUSE_S):
            return
        self._told = now
        rate = (done - self._first) / max(1e-9, now - self._began)
        left = f"{(total - done) / rate:.0f} s left" if rate > 0 else "time left not known"
        said = (
            f"boardless: {self.title} {done:,} of {total:,} ({done / max(1, total):.0%}), {rate:,.0f}/s, {left}, {failed:,} failed"
        )
        if terminal:
            self.stream.write(f"\r\033[K{said}")
            self.stream.flush()
            self._line = True
        else:
            print(said, file=self.stream, flush=True)

    def __enter__(self) -> Rate:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._line:
            self.stream.write("\r\033[K")
            self.stream.flush()
