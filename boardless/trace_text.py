"""What a simulation adds to a report: the time of each resource, the critical path, and who else ran."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from boardless import formats
from boardless.text import shortened, table
from sim.account import Account, CriticalPath, accounts, critical_path
from sim.parties import Party, Stream
from sim.together import Together
from sim.trace import PICOSECONDS, Event, Trace

#: Tasks of the critical path, and resources waited for, that are named.
NAMED_TASKS, NAMED_WAITS = 3, 2


def resource_table(trace: Trace, found: tuple[Account, ...]) -> Table:
    """One row per resource: computing, moving, waiting and for whom, idle; together the length of the run."""
    slowed = any(account.slowed_ps for account in found)
    made = table("resource", "computing>", "moving>", *(["slowed>"] if slowed else []), "waiting>", "for", "idle>", "busy>")
    for account in found:
        busy = account.computing_ps + account.moving_ps + account.slowed_ps
        made.add_row(
            shortened(account.resource),
            _time(account.computing_ps),
            _time(account.moving_ps),
            *([_time(account.slowed_ps)] if slowed else []),
            _time(sum(account.waiting_ps.values())),
            _waits(account),
            _time(account.idle_ps),
            formats.share(busy / trace.makespan_ps if trace.makespan_ps else 0.0),
        )
    return made


def critical_words(path: CriticalPath) -> str:
    """What the length of the run is made of, and the longest tasks in it."""
    end = path.events[-1].end_ps if path.events else 0
    parts = [f"computing {_time(path.computing_ps)}", f"moving {_time(path.moving_ps)}", f"waiting {_time(path.waiting_ps)}"]
    longest = sorted(path.events, key=lambda event: (-event.busy_ps, event.task))[:NAMED_TASKS]
    named = ", ".join(f"{shortened(e.name, 32)} {formats.share(e.busy_ps / end)}" for e in longest if end)
    count = f"{len(path.events)} task{'s' if len(path.events) != 1 else ''}"
    return f"critical path: {count}: {', '.join(parts)}" + (f"; longest: {named}" if named else "")


def party_table(together: Together) -> Table:
    """One row per network and stream: how often it ran, how late it was, what it missed."""
    made = table("runs together", "every>", "priority>", "deadline>", "jobs>", "missed>", "response (mean)>", "(worst)>")
    for name, entry in _parties(together).items():
        made.add_row(
            shortened(name),
            formats.seconds(entry["every_s"]) if entry["every_s"] else "once",
            str(entry["priority"]),
            formats.seconds(entry["deadline_s"]) if entry["deadline_s"] else "none",
            str(entry["jobs"]),
            str(entry["missed"]) if entry["deadline_s"] else "",
            formats.seconds(entry["mean_response_s"]),
            formats.seconds(entry["worst_response_s"]),
        )
    return made


def trace_form(trace: Trace, last: Event | None = None) -> dict[str, Any]:
    """The account of each resource and the critical path for machines."""
    path = critical_path(trace, last)
    resources = [
        {
            "name": account.resource,
            "computing_s": account.computing_ps / PICOSECONDS,
            "moving_s": account.moving_ps / PICOSECONDS,
            "slowed_s": account.slowed_ps / PICOSECONDS,
            "waiting_s": sum(account.waiting_ps.values()) / PICOSECONDS,
            "waiting_for": {name: time / PICOSECONDS for name, time in account.waiting_ps.items()},
            "idle_s": account.idle_ps / PICOSECONDS,
        }
        for account in accounts(trace)
    ]
    return {
        "resources": resources,
        "critical_path": {
            "computing_s": path.computing_ps / PICOSECONDS,
            "moving_s": path.moving_ps / PICOSECONDS,
            "waiting_s": path.waiting_ps / PICOSECONDS,
            "tasks": [event.name for event in path.events],
        },
    }


def together_form(together: Together) -> dict[str, Any]:
    """Who ran together, for machines."""
    return {
        "length_s": together.trace.makespan_ps / PICOSECONDS,
        "energy_j": together.energy_j,
        "wakes": together.wakes,
        "parties": [{"name": name, **entry} for name, entry in _parties(together).items()],
    }


def _parties(together: Together) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    everyone: tuple[Party | Stream, ...] = (*together.parties, *together.streams)
    for party in everyone:
        jobs = together.jobs_of(party.name)
        responses = [job.response_ps / PICOSECONDS for job in jobs]
        deadline = next((job.deadline_ps - job.release_ps for job in jobs if job.deadline_ps is not None), None)
        found[party.name] = {
            "kind": "stream" if party in together.streams else "network",
            "every_s": None if party.every_ps is None else party.every_ps / PICOSECONDS,
            "priority": party.priority if party.priority is not None else max(p.priority for p in together.parties) + 1,
            "deadline_s": None if deadline is None else deadline / PICOSECONDS,
            "jobs": len(jobs),
            "missed": together.missed(party.name),
            "mean_response_s": sum(responses) / len(responses) if responses else None,
            "worst_response_s": max(responses, default=None),
        }
    return found


def _time(picoseconds: int) -> str:
    return formats.seconds(picoseconds / PICOSECONDS)


def _waits(account: Account) -> str:
    named = [f"{shortened(name, 24)} {_time(time)}" for name, time in account.waiting_ps.items()]
    more = f" and {len(named) - NAMED_WAITS} more" if len(named) > NAMED_WAITS else ""
    return ", ".join(named[:NAMED_WAITS]) + more
