"""The examples in the docstrings of what a person uses are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import boardless

MODULES = [m.name for m in pkgutil.walk_packages(boardless.__path__, "boardless.")] + [
    "sim.arena",
    "sim.buffers",
    "sim.caching",
    "strategies.arena.several",
    "strategies.arena.stepped",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
