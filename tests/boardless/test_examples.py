"""The examples in the docstrings are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import boardless
import dataflows
import hwmodels
import workloads

MODULES = [
    module.name
    for package in (boardless, dataflows, hwmodels, workloads)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
] + [
    "sim.arena",
    "sim.buffers",
    "sim.caching",
    "strategies.arena.several",
    "strategies.arena.stepped",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
