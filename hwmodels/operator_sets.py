"""What the converters of runtimes import, as data: sets of operators that runtimes name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hwmodels.document import Entry, nearest, read_document

TABLE = Path(__file__).with_name("operator_sets.yaml")


@cache
def operator_sets() -> Mapping[str, tuple[str, ...]]:
    """Name of a set -> names of ONNX operators.

    >>> "Softmax" in operator_sets()["tflm"], "Softmax" in operator_sets()["tinyengine"]
    (True, False)
    """
    root = read_document(TABLE, f"hwmodels/{TABLE.name}")
    return {name: _listed(entry.fields["operators"]) for name, entry in root.fields.items()}


def operators_named(entry: Entry) -> tuple[str, ...]:
    """The operators of a runtime's field: a list, or the name of a set."""
    if isinstance(entry.content, list):
        return _listed(entry)
    name = str(entry.content)
    if name not in operator_sets():
        raise entry.error(
            f"operators: '{name}' is no set of operators", f"a list or a set of hwmodels/{TABLE.name} is expected",
            nearest(name, operator_sets()),
        )  # fmt: skip
    return operator_sets()[name]


def _listed(entry: Entry) -> tuple[str, ...]:
    assert isinstance(entry.content, list)
    return tuple(str(item.content) for item in entry.content)
