"""System: what is played together. Resources, ports, memories, and the activities that use them, with precedence and priorities.

A :class:`~sim.schedule.Schedule` holds no seconds; a System holds nothing else: every activity has its whole picoseconds. Both
engines, :mod:`sim.engine` and :mod:`sim.compiled`, play a System and give the same :class:`~sim.played.Played`, by these rules.

An activity is *ready* when its release time has come and what it needs (``after``) has ended. It enters the queue of its
resource when those before it in the order of execution (``follows``) have ended too. It starts when a server is given to it and its
memory is there, and holds both while it runs: first its time alone, then its flow through a port, which takes longer while others
use the port. A queue is served strictly in its order: who waits for memory at its head holds up those behind.

Within one moment things happen in this order: (1) all that ends, ends; what waited for it becomes ready. (2) Each resource, in
order, gives its servers to those who wait, by its discipline; of equals the one that entered the queue first, then the one of the
lower number. What has no length ends at once, and (1) and (2) are repeated. (3) When nothing more starts or ends, the ports divide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Resource:
    """Servers of one kind: a compute unit, DMA channels, a link that serves one request at a time.

    Attributes
    ----------
    name : str
    capacity : int
        Activities served at once.
    discipline : str
        ``fifo``, ``priority``, or ``preemptive``: see :data:`sim.arbitration.DISCIPLINES`.
    burst_ps : int
        Where it is preemptive: a running activity gives way at the next multiple of this since it started [ps]; 0 is at once.
    sleep_after_ps : int or None
        Longest time without work through which it stays awake; ``None`` is any [ps].
    wake_ps : int
        Time to wake up when work comes [ps].
    """

    name: str
    capacity: int = 1
    discipline: str = "fifo"
    burst_ps: int = 0
    sleep_after_ps: int | None = None
    wake_ps: int = 0


@dataclass(frozen=True, slots=True)
class Port:
    """A memory port or link that all its users share at once: half duplex is one port, full duplex is one per direction."""

    name: str
    bandwidth_bytes_per_s: float
    division: str = "fair"  # fair, strict


@dataclass(frozen=True, slots=True)
class Store:
    """A memory with room for what activities hold; ``waits``: an activity without room waits, else the run ends out of memory."""

    name: str
    capacity_bytes: int | None = None
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Holding:
    """Bytes held in a memory: from the start of the activity that takes them to the end of the last one that drops them.

    One that nobody takes is there from the beginning, one that nobody drops stays to the end.
    """

    name: str
    store: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that takes time.

    Attributes
    ----------
    name : str
    resource : str
        Who serves it.
    picoseconds : int
        How long it takes when nobody shares its port, the flow included [ps].
    after : tuple of int
        Activities whose results it needs.
    follows : tuple of int
        Activities that come before it in the order of execution.
    priority : int
        Larger goes first.
    release_ps : int
        Not ready before this moment [ps].
    port : str or None
        What its bytes flow through.
    bytes : int
        That flow through the port [B].
    flow_ps : int
        The last part of ``picoseconds``, during which they flow [ps].
    takes, drops : tuple of int
        Holdings that begin with its start, and that its end lets go.
    """

    name: str
    resource: str
    picoseconds: int
    after: tuple[int, ...] = ()
    follows: tuple[int, ...] = ()
    priority: int = 0
    release_ps: int = 0
    port: str | None = None
    bytes: int = 0
    flow_ps: int = 0
    takes: tuple[int, ...] = ()
    drops: tuple[int, ...] = ()

    @property
    def flows(self) -> bool:
        """True where some of its time depends on who else uses the port."""
        return self.port is not None and self.bytes > 0 and self.flow_ps > 0

    @property
    def before(self) -> tuple[int, ...]:
        """All it waits for."""
        return (*self.after, *self.follows)


@dataclass(frozen=True)
class System:
    """Everything that is played together.

    Examples
    --------
    >>> load = Activity("load", "dma", 1000, port="bus", bytes=1, flow_ps=1000)
    >>> System("two loads", (Resource("dma", 2),), (Port("bus", 1e9),), activities=(load, load)).resource_codes
    {'dma': 0}
    """

    name: str
    resources: tuple[Resource, ...]
    ports: tuple[Port, ...] = ()
    stores: tuple[Store, ...] = ()
    holdings: tuple[Holding, ...] = ()
    activities: tuple[Activity, ...] = ()

    @cached_property
    def resource_codes(self) -> dict[str, int]:
        """Resource by name -> its place."""
        return {entry.name: code for code, entry in enumerate(self.resources)}

    @cached_property
    def port_codes(self) -> dict[str, int]:
        """Port by name -> its place."""
        return {entry.name: code for code, entry in enumerate(self.ports)}

    @cached_property
    def store_codes(self) -> dict[str, int]:
        """Memory by name -> its place."""
        return {entry.name: code for code, entry in enumerate(self.stores)}
