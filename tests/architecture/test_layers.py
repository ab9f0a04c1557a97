"""Who may import whom, and which file may import which library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: Package -> the packages it may import besides itself.
MAY_IMPORT = {
    "workloads": set(),
    "hwmodels": set(),
    "dataflows": {"workloads", "hwmodels"},
    "sim": {"workloads", "hwmodels", "dataflows"},
    "strategies": {"workloads", "hwmodels", "dataflows", "sim"},
    "validation": {"workloads", "hwmodels", "dataflows", "sim", "strategies"},
    "boardless": {"workloads", "hwmodels", "dataflows", "sim", "strategies", "validation"},
}

#: Library -> where it may be imported: a file, or a folder ending in "/".
ENTRANCES = {
    "numba": ("hwmodels/jit.py",),
    "pint": ("hwmodels/units.py",),
    "pydantic": ("hwmodels/",),
    "ruamel": ("hwmodels/", "validation/", "boardless/"),
    "simpy": ("sim/engine.py",),
    "ortools": ("strategies/",),
    "optuna": ("strategies/",),
    "scipy": ("strategies/", "validation/"),
    "onnx": ("workloads/readers/",),
    "tflite": ("workloads/readers/",),
    "networkx": ("workloads/graph.py", "sim/"),
    "pyarrow": ("boardless/tables.py",),
    "pandas": ("boardless/tables.py",),
    "matplotlib": ("boardless/",),
    "PIL": ("boardless/accuracy_page.py",),
    "jinja2": ("boardless/",),
    "typer": ("boardless/",),
    "click": ("boardless/",),
    "rich": ("boardless/",),
    "dask": ("boardless/cluster.py",),
    "distributed": ("boardless/cluster.py",),
    "onnxruntime": ("validation/measure.py",),
}

#: Libraries that are imported inside the function that uses them: over 50 ms each.
SLOW = {"numba", "pint", "onnx", "ortools", "optuna", "scipy", "networkx", "matplotlib", "pandas", "pyarrow", "dask", "distributed"}

#: Scripts that bring published data in run in environments of their own and are imported by nobody.
SCRIPTS = REPOSITORY / "validation" / "datasets"

FILES = sorted(p for package in MAY_IMPORT for p in (REPOSITORY / package).rglob("*.py") if not p.is_relative_to(SCRIPTS))


def imports(path: Path) -> list[tuple[str, int, bool]]:
    """(top-level name, line, at module level) of every import; those for the type checker alone are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], node.lineno, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found.append(((node.module or "").split(".")[0], node.lineno, id(node) in top))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_imports_go_one_way(path: Path) -> None:
    place = path.relative_to(REPOSITORY).as_posix()
    package = place.split("/")[0]
    for name, line, at_top in imports(path):
        if name in MAY_IMPORT and name != package:
            assert name in MAY_IMPORT[package], f"{place}:{line}: {package} must not import {name}"
        if name in ENTRANCES:
            allowed = any(place == gate or (gate.endswith("/") and place.startswith(gate)) for gate in ENTRANCES[name])
            assert allowed, f"{place}:{line}: {name} enters through {ENTRANCES[name]} only"
        if name in SLOW:
            assert not at_top, f"{place}:{line}: {name} is slow to import; import it inside the function that uses it"


def test_every_third_party_library_has_an_entrance() -> None:
    known = set(ENTRANCES) | set(MAY_IMPORT) | {"numpy"} | set(sys.stdlib_module_names)
    strangers = {(name, path.name) for path in FILES for name, _, _ in imports(path) if name not in known}
    assert not strangers


def test_every_package_has_a_manual() -> None:
    for package in MAY_IMPORT:
        manual = ast.get_docstring(ast.parse((REPOSITORY / package / "__init__.py").read_text(encoding="utf-8")))
        assert manual and len(manual) > 120, f"{package}/__init__.py starts with the package's one-paragraph manual"
