"""The strategies there are: one line each, or one in full with its parameters, as plain data and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from boardless import formats
from boardless.catalog import Form, list_text
from boardless.text import WIDTH, facts, render, table
from strategies.chosen import strategy_list, strategy_named
from strategies.parameters import EXPECTED, Parameter

__all__ = ["list_text", "strategies", "strategy", "strategy_text"]


def strategies() -> list[Form]:
    """Name and summary of every strategy, by name."""
    return [{"name": entry.name, "summary": entry.summary} for entry in strategy_list()]


def strategy(name: str) -> Form:
    """One strategy in full: what it changes, and its parameters with kind, default and choices."""
    found = strategy_named(name)
    return {
        "name": found.name,
        "summary": found.summary,
        "touches": found.touches,
        "settles": found.settles,
        "parameters": [_parameter(p) for p in found.parameters],
    }


def _parameter(p: Parameter) -> Form:
    form: Form = {"name": p.name, "kind": p.kind, "default": p.default, "summary": p.summary}
    return form | {"choices": list(p.choices), "required": p.required}


def strategy_text(form: Form, *, width: int = WIDTH, colour: bool = False) -> str:
    """One strategy: what it does, and how its parameters are written."""
    rows = table("parameter", "default", "is")
    rows.add_column("meaning", overflow="fold")
    for p in form["parameters"]:
        expected = ", ".join(p["choices"]) if p["choices"] else EXPECTED[p["kind"]]
        rows.add_row(p["name"], _default(p), _wrapped(expected), p["summary"])
    about = facts([("changes", f"the {form['touches']}"), *_order(form)])
    heading = Text(form["name"], style="bold").append(f": {form['summary']}", style="not bold")
    parts: list[RenderableType] = [heading, Text(), about]
    if form["parameters"]:
        parts += [Text(), rows]
    return render(parts, width=width, colour=colour)


def _order(form: Form) -> Sequence[tuple[str, str]]:
    return [("order", "nothing that changes the network may come after it")] if form["settles"] else []


def _default(p: Form) -> str:
    value: Any = p["default"]
    if p["required"]:
        return "must be given"
    if value is None:
        return "left open"
    if isinstance(value, bool):
        return "true" if value else "false"
    return formats.said(value)


def _wrapped(text: str, most: int = 44) -> str:
    """A long list on several lines."""
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
