"""What can be wrong with a network. Every error is one line: where, what stood there, what is expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GraphError(ValueError):
    """A network that cannot be built: a cycle, a missing tensor, a shape that does not infer, a broken file."""


class UnsupportedOperator(GraphError):
    """An operator that has no rule. Names the operator, the node, and the way to add it."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Sentence part naming the known names closest to ``name``.

    >>> nearest("resnet5", ["resnet50", "vgg16"])
    'nearest: resnet50'
    """
    known = sorted(known)
    found = difflib.get_close_matches(name, known, n=count, cutoff=0.5)
    if not found:
        return f"known: {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"
    return "nearest: " + ", ".join(found)
