"""One formula in one place: arithmetic on rates stands in hwmodels/costs/, kernels in the files meant for them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("workloads", "hwmodels", "dataflows", "sim", "strategies", "validation", "boardless")
FILES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))

#: Names that carry the unit of a rate: seconds or joules per something, or something per second.
RATE = re.compile(r"(_per_s|_j_per_byte|_s_per_byte|_per_cycle|_energy_j|frequency_hz)$")

#: Files that turn what stands in a device file into SI rates, or draw rates: they convert or show, they do not price.
CONVERT = (
    "hwmodels/reader.py",
    "hwmodels/schema.py",
    "hwmodels/units.py",
    "hwmodels/catalog.py",
    "hwmodels/facts.py",
    "boardless/plots/",
)

#: Where compiled code may stand.
KERNEL_PLACES = re.compile(
    r"^(hwmodels/(costs/\w+|jit)|dataflows/\w+|sim/(kernels\w*|arbitration|caches)|strategies/(\w+/)?kernels\w*)\.py$"
)


def place_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def rate_names(node: ast.AST) -> set[str]:
    parts = list(ast.walk(node))
    names = {n.attr for n in parts if isinstance(n, ast.Attribute)} | {n.id for n in parts if isinstance(n, ast.Name)}
    return {name for name in names if RATE.search(name)}


@pytest.mark.parametrize("path", FILES, ids=place_of)
def test_arithmetic_on_rates_stands_in_costs(path: Path) -> None:
    place = place_of(path)
    if place.startswith("hwmodels/costs/") or place.startswith(CONVERT):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            for side in (node.left, node.right):
                direct = isinstance(side, ast.Attribute | ast.Name) and rate_names(side)
                assert not direct, f"{place}:{node.lineno}: arithmetic on {sorted(rate_names(side))} belongs in hwmodels/costs/"


def kernels_of(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(d).split("(")[0] == "kernel" for d in node.decorator_list)
    ]


def test_compiled_code_stands_in_its_files() -> None:
    strays = [place_of(path) for path in FILES if kernels_of(path) and not KERNEL_PLACES.match(place_of(path))]
    assert not strays


def test_every_kernel_is_named_in_a_test() -> None:
    """Each kernel is compared with a slow twin or a hand-worked number, directly or through the kernel that calls it."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("*.py"))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    lonely = [
        f"{place_of(path)}: {name}"
        for path in FILES
        for name in kernels_of(path)
        if not re.search(rf"\b{name}\b", tests) and len(re.findall(rf"\b{name}(?:\.compiled)?\(", sources)) < 2
    ]
    assert not lonely
