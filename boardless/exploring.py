"""A space of cases -> rows in a store: seeded, resumable, in this process, in several, or on a cluster.

Every point has a content address: of what was asked, of the files it names, and of the product that answers. What the store holds is
not computed again; what comes in is appended at once, by this process alone. So the end of a run at any moment loses nothing that
was written, and no row can be there twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from boardless.errors import UsageError
from boardless.objectives import of_row
from boardless.points import FAILED, Answer, Common, Task, keys_of, product_digest, rates_of
from boardless.row_store import Block, RowStore, read_block
from boardless.space import LARGEST, Group, Search, Space, read_space
from boardless.workers import Here, Processes
from strategies.sampling import Sampler

#: Points of one task: batched ones, and ones that are estimated one by one.
BATCH_POINTS, SINGLE_POINTS = 4096, 16
#: Spaces of fewer tasks stay in this process: starting others takes longer.
FEWEST_TASKS = 8

#: (points so far, points in all, failures).
Progress = Callable[[int, int, int], None]


class Workers(Protocol):
    """Whoever answers tasks."""

    def answers(self, tasks: Iterator[Task]) -> Iterator[Answer]: ...

    def close(self) -> None: ...


@dataclass
class Exploration:
    """What a run has found.

    Attributes
    ----------
    space : Space
    store : RowStore
        Closed with :meth:`close`.
    points : int
        Of the space, or of the sample.
    taken_up : int
        Points that the store held already.
    """

    space: Space
    store: RowStore
    common: Common
    chosen: NDArray[np.int64] | None  # indices of the sample or of the search; None: all points
    taken_up: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        """Number of points of the run."""
        return self.space.size if self.chosen is None else len(self.chosen)

    def blocks(self) -> Iterator[Block]:
        """The rows of the run, in the order of the space, some at once."""
        for group, places in _parts(self.space, self.chosen):
            for start in range(0, len(places), BATCH_POINTS):
                found = self.store.find(keys_of(group, places[start : start + BATCH_POINTS], self.common))
                yield from self.store.blocks_at(found[found >= 0])

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the run, in the order of the space."""
        for block in self.blocks():
            yield from (block.row(place) for place in range(len(block.keys)))

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def explore(
    space: str | Path | Space,
    store: str | Path | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    devices: Sequence[str | Path] = (),
    networks: Sequence[str | Path] = (),
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Compute every point of a space, a sample of it, or what its search asks for; what the store holds is taken up.

    Parameters
    ----------
    space : path or Space
        A YAML file (``docs/guide.md`` shows one), or what was read from it.
    store : path, optional
        Log of rows, made where it does not exist; ``SPACE.rows`` in the current folder by default.
    workers : int, optional
        Processes of this machine; as many as it has cores by default, this one alone for few points.
    scheduler : str, optional
        Address of a dask scheduler whose workers answer instead.
    sample : int, optional
        Number of points drawn by ``seed`` in place of all.
    seed : int
    devices, networks : sequence of path
        Added to the catalogues.
    settings : Mapping, optional
        Settings of every point that the space does not vary.
    progress : callable, optional
        Called with points so far, points in all, failures.

    Raises
    ------
    UsageError
        A space of more than five million points without a sample, a store that is none or is in use, a scheduler that does not answer.
    """
    if not isinstance(space, Space):
        space = read_space(space, devices, networks)
    chosen = _sampled(space, sample, seed)
    common = Common(
        tuple(map(str, devices)), tuple(map(str, networks)), dict(settings or {}), product_digest([*devices, *networks])
    )
    opened = RowStore(store or f"{space.name}.rows")
    found = Exploration(space, opened, common, chosen, notes=list(opened.notes))
    try:
        staff = _staff(space, chosen, workers, scheduler)
        try:
            if space.search is None:
                _sweep(found, staff, progress)
            else:
                _search(found, space.search, staff, progress)
        finally:
            staff.close()
        opened.reopen()
    except BaseException:
        opened.close()
        raise
    return found


def _sampled(space: Space, sample: int | None, seed: int) -> NDArray[np.int64] | None:
    """Indices of the points of a sample, in order; None for all."""
    if sample is not None and sample < 1:
        raise UsageError(f"--sample: {sample}; a whole number of at least 1 is expected; leave it out for all points")
    if space.search is not None:
        if sample is not None:
            raise UsageError("--sample: the space has a search; one of both is expected; leave --sample or `search` out")
        return None
    if sample is None:
        if space.size > LARGEST:
            raise UsageError(
                f"{space.name}: {space.size:,} points; at most {LARGEST:,} are computed one and all; draw some with --sample 100000"
            )
        return None
    if sample >= space.size:
        return None
    return np.sort(np.random.default_rng(seed).choice(space.size, sample, replace=False).astype(np.int64))


def _staff(space: Space, chosen: NDArray[np.int64] | None, workers: int | None, scheduler: str | None) -> Workers:
    if scheduler is not None:
        from boardless.cluster import Cluster

        return Cluster(scheduler)
    if workers is not None and workers < 1:
        raise UsageError(f"--workers: {workers}; a whole number of at least 1 is expected; leave it out for all cores")
    points = space.size if chosen is None else len(chosen)
    few = points <= FEWEST_TASKS * SINGLE_POINTS and space.search is None
    size = workers if workers is not None else 1 if few else os.cpu_count() or 1
    return Here() if size == 1 else Processes(size)


def _parts(space: Space, chosen: NDArray[np.int64] | None) -> Iterator[tuple[Group, Sequence[int]]]:
    """Each group with the places of its points that are wanted, in order."""
    for group in space.groups():
        if chosen is None:
            yield group, range(group.size)
        else:
            low, high = np.searchsorted(chosen, [group.first, group.first + group.size]).tolist()
            if high > low:
                yield group, (chosen[low:high] - group.first).tolist()


def _sweep(found: Exploration, staff: Workers, progress: Progress | None) -> None:
    """All points that the store does not hold."""
    total, failed = found.points, 0
    done = 0
    counted = _Counted(found)
    for answer in staff.answers(counted.tasks(_parts(found.space, found.chosen))):
        found.store.append(answer.line)
        done, failed = done + answer.points, failed + answer.failed
        if progress is not None:
            progress(counted.known + done, total, failed)
    found.taken_up = counted.known


class _Counted:
    """Tasks for what the store does not hold, and how much it does."""

    def __init__(self, found: Exploration) -> None:
        self.found, self.known = found, 0
        self._rates: dict[str, Any] = {}

    def tasks(self, parts: Iterator[tuple[Group, Sequence[int]]]) -> Iterator[Task]:
        """Tasks in the order of the space."""
        for group, places in parts:
            for start in range(0, len(places), BATCH_POINTS):
                missing = self._missing(group, places[start : start + BATCH_POINTS])
                if not missing:
                    continue
                rates = self._rates_of(group)
                size = SINGLE_POINTS if rates is None else BATCH_POINTS
                for first in range(0, len(missing), size):
                    yield Task(group, missing[first : first + size], self.found.common, rates)

    def _missing(self, group: Group, places: Sequence[int]) -> Sequence[int]:
        if not len(self.found.store):
            return places
        held = self.found.store.find(keys_of(group, places, self.found.common)) >= 0
        self.known += int(held.sum())
        return [place for place, is_held in zip(places, held.tolist(), strict=True) if not is_held]

    def _rates_of(self, group: Group) -> Any:
        """The rates of a device under some settings, found out once for all networks."""
        if group.size <= SINGLE_POINTS:
            return None
        settings = {name: value for name, value in group.settings.items() if name not in ("batch", "context", "phase")}
        about = repr((group.device, sorted(settings.items()), group.strategies))
        if about not in self._rates:
            self._rates[about] = rates_of(group, self.found.common)
        return self._rates[about]


def _search(found: Exploration, search: Search, staff: Workers, progress: Progress | None) -> None:
    """What a sampler asks for, in fixed batches; rows that the store holds answer without computing."""
    space = found.space
    places = _Places(space)
    sampler = Sampler(places.choices, len(search.objectives), search.sampler, seed=search.seed, batch=search.batch)
    rows: dict[int, dict[str, Any]] = {}
    asked = failed = 0
    while asked < search.trials:
        indices = [places.index(chosen) for chosen in sampler.ask(min(search.batch, search.trials - asked))]
        fresh = sorted(set(indices) - set(rows))
        held = [index for index in fresh if _held(found, places, index, rows)]
        found.taken_up += len(held)
        failed += _answered(found, places, sorted(set(fresh) - set(held)), staff, rows)
        sampler.tell(
            [_objectives(rows[index], search.objectives) for index in indices],
            [0.0 if rows[index].get("fits") else 1.0 for index in indices],
        )
        asked += len(indices)
        if progress is not None:
            progress(asked, search.trials, failed)
    found.chosen = np.array(sorted(rows), np.int64)


def _held(found: Exploration, places: _Places, index: int, rows: dict[int, dict[str, Any]]) -> bool:
    """Take the row of a point out of the store, if it is there."""
    group, place = places.at(index)
    (at,) = found.store.find(keys_of(group, [place], found.common)).tolist()
    if at >= 0:
        rows[index] = found.store.rows_at(np.array([at]))[0]
    return at >= 0


def _answered(
    found: Exploration, places: _Places, indices: Sequence[int], staff: Workers, rows: dict[int, dict[str, Any]]
) -> int:  # fmt: skip
    """Compute some points, store their rows, and return the number that failed."""
    asked = {}
    for index in indices:
        group, place = places.at(index)
        asked[keys_of(group, [place], found.common).hex()] = (index, Task(group, [place], found.common))
    failed = 0
    for answer in staff.answers(iter([task for _, task in asked.values()])):
        found.store.append(answer.line)
        failed += answer.failed
        block = read_block(answer.line)
        assert block is not None
        for place, key in enumerate(block.keys):
            rows[asked[key][0]] = block.row(place)
    return failed


class _Places:
    """Points of a space by a sampler's choices: networks, devices, settings, strategies, and a place on each field's axis."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.groups = list(space.groups())
        self.firsts = np.array([group.first for group in self.groups], np.int64)
        self.counts = {
            "network": len(space.networks),
            "device": len(space.devices),
            **{f"setting {name}": len(values) for name, values in space.settings.items()},
            "strategies": len(space.strategies),
        }
        axes = {f"{device} {axis.path}": len(axis.values) for device, along in space.axes.items() for axis in along}
        self.choices = {name: count for name, count in {**self.counts, **axes}.items() if count > 1} or {"network": 1}

    def index(self, chosen: Mapping[str, int]) -> int:
        """Index of a point."""
        at = 0
        for name, count in self.counts.items():
            at = at * count + chosen.get(name, 0)
        group = self.groups[at]
        local = 0
        for axis in group.axes:
            local = local * len(axis.values) + chosen.get(f"{group.device} {axis.path}", 0)
        return group.first + local

    def at(self, index: int) -> tuple[Group, int]:
        """Group and place of a point."""
        group = self.groups[int(np.searchsorted(self.firsts, index, side="right")) - 1]
        return group, index - group.first


def _objectives(row: Mapping[str, Any], names: Sequence[str]) -> list[float] | None:
    values = [of_row(row, name) for name in names]
    return None if row.get("status") == FAILED or None in values else [value for value in values if value is not None]
