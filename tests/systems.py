"""Random small systems of resources, ports, memories and activities, with everything an engine knows."""

from __future__ import annotations

import math

import numpy as np

from sim.arbitration import DISCIPLINES, DIVISIONS
from sim.system import Activity, Holding, Port, Resource, Store, System

BANDWIDTHS = (1e9, 3e9, 7e11, 1e12)


def random_system(rng: np.random.Generator, count: int = 12, *, memory: bool = True, sleep: bool = True) -> System:
    """A few resources of every discipline, ports of both divisions, memories, and activities that use them."""
    resources = tuple(_resource(rng, f"unit_{k}", sleep) for k in range(int(rng.integers(1, 4))))
    ports = tuple(
        Port(f"port_{k}", float(rng.choice(BANDWIDTHS)), DIVISIONS[int(rng.integers(2))]) for k in range(int(rng.integers(0, 3)))
    )
    stores = tuple(
        Store(f"store_{k}", int(rng.integers(60, 400)), bool(rng.random() < 0.95))
        for k in range(int(rng.integers(0, 3)) if memory else 0)
    )
    holdings: list[Holding] = []
    activities = [_activity(rng, number, resources, ports, stores, holdings) for number in range(count)]
    return System("random", resources, ports, stores, tuple(holdings), tuple(activities))


def _resource(rng: np.random.Generator, name: str, sleep: bool) -> Resource:
    patience = (None, None, 0, 5, 40)[int(rng.integers(5))] if sleep else None
    burst, wake = int(rng.choice([0, 0, 7, 50])), int(rng.choice([0, 3, 20]))
    return Resource(name, int(rng.integers(1, 4)), DISCIPLINES[int(rng.integers(3))], burst, patience, wake)


def _activity(
    rng: np.random.Generator,
    number: int,
    resources: tuple[Resource, ...],
    ports: tuple[Port, ...],
    stores: tuple[Store, ...],
    holdings: list[Holding],
) -> Activity:
    before = sorted({int(k) for k in rng.integers(max(0, number - 6), number, size=int(rng.integers(0, 3)))} if number else set())
    needed = tuple(k for k in before if rng.random() < 0.6)
    port, size, flow = None, 0, 0
    if ports and rng.random() < 0.5:
        chosen = ports[int(rng.integers(len(ports)))]
        port, size = chosen.name, int(rng.choice([0, 1, 3, 10]))
        # Alone a flow takes the whole port, a part of it, or wants more than there is.
        flow = math.ceil(size * 1e12 / chosen.bandwidth_bytes_per_s * float(rng.choice([0.5, 1, 1, 2, 5])))
    takes: tuple[int, ...] = ()
    if stores and rng.random() < 0.5:
        takes = (len(holdings),)
        holdings.append(Holding(f"tensor_{number}", stores[int(rng.integers(len(stores)))].name, int(rng.integers(0, 60))))
    drops = tuple(h for h in range(max(0, len(holdings) - 4), len(holdings)) if rng.random() < 0.5)
    return Activity(
        f"task_{number}",
        resources[int(rng.integers(len(resources)))].name,
        flow + int(rng.choice([0, 0, 1, 5, 10, 33, 100, 1000])),
        needed,
        tuple(k for k in before if k not in needed),
        int(rng.integers(0, 3)),
        int(rng.choice([0, 0, 0, 10, 100, 500])),
        port,
        size,
        flow,
        takes,
        drops,
    )
