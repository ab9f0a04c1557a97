"""What exists: devices, networks and runtimes, one line each or one in full, as plain data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from boardless import formats
from boardless.machine_form import plain
from boardless.text import WIDTH, Citations, facts, render, shortened, table
from hwmodels import catalog as device_catalog
from hwmodels import runtime as runtime_catalog
from hwmodels.device import Device
from hwmodels.provenance import Source
from hwmodels.reader import load_device
from hwmodels.tables import describe_device, field_table
from hwmodels.templates import template
from workloads.readers import load_network, network_list
from workloads.tables import graph_tables

Form = dict[str, Any]
Paths = Iterable[str | PathLike[str]]


def devices(extra_paths: Paths = ()) -> list[Form]:
    """Name and summary of every device, by name."""
    return [{"name": entry.name, "summary": entry.summary} for entry in device_catalog.devices(_texts(extra_paths))]


def networks(extra_paths: Paths = ()) -> list[Form]:
    """Name and summary of every network, by name."""
    return [{"name": entry.name, "summary": entry.summary} for entry in network_list(_texts(extra_paths))]


def runtimes() -> list[Form]:
    """Name, summary, aliases and unit kinds of every runtime, by name."""
    return [
        {"name": entry.name, "summary": entry.summary, "kinds": list(entry.kinds), "aliases": list(entry.aliases)}
        for entry in runtime_catalog.runtimes()
    ]


def device(name: str, extra_paths: Paths = ()) -> Form:
    """One device in full: units, memories, links, power, and every value with status and source."""
    found = load_device(name, (), _texts(extra_paths))
    return {
        "name": found.name,
        "summary": found.summary,
        "chip": found.chip,
        "energy_scope": found.energy_scope,
        "default_unit": found.default_unit.name,
        "host": found.host,
        **{section: _section(found, section) for section in ("units", "memories", "links", "power")},
        "facts": dict(found.facts),
        "values": [asdict(row) for row in describe_device(found)],
    }


def network(name: str, extra_paths: Paths = ()) -> Form:
    """One network in full: counts, inputs, and every operator with its shape and work."""
    graph = load_network(name, catalogue_paths=_texts(extra_paths))
    counts = graph_tables(graph).operators
    rows = []
    for i, operator in enumerate(graph.operators):
        shapes = [list(tensor.shape) for tensor in graph.tensors_of(operator.outputs) if tensor is not None]
        row = {"name": operator.name, "op": operator.op, "outputs": shapes, "macs": int(counts.macs[i])}
        rows.append(row | {"weights_bytes": int(counts.weight_bytes[i])})
    summary = next((entry.summary for entry in network_list(_texts(extra_paths)) if entry.name == name), "")
    return {
        "name": graph.name,
        "summary": summary,
        "macs": int(counts.macs.sum()),
        "weights": sum(tensor.elements for tensor in graph.weights if graph.consumers[tensor.name]),
        "weights_bytes": graph.weights_bytes,
        "inputs": [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in graph.inputs],
        "outputs": [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in graph.outputs],
        "notes": list(graph.notes),
        "operators": rows,
    }


def runtime(name: str) -> Form:
    """One runtime in full: how it lowers operators, and every cost with status and source."""
    found = runtime_catalog.load_runtime(name)
    costs = [{"name": cost, "value": value, **_sourced(found.sources.get(cost))} for cost, value in found.costs.items()]
    return {
        "name": found.name,
        "summary": found.summary,
        "kinds": list(found.kinds),
        "aliases": list(found.aliases),
        "lowering": found.lowering,
        "fuses": list(found.fuses),
        "operators": list(found.operators),
        "memory_profile": found.memory_profile,
        "costs": costs,
    }


def device_fields() -> list[Form]:
    """Every field of a device file."""
    return [asdict(row) for row in field_table()]


def device_template(kind: str) -> str:
    """A commented device file of one kind that loads as it stands."""
    return template(kind)


def list_text(entries: Sequence[Form], *, width: int = WIDTH, colour: bool = False) -> str:
    """Names and summaries."""
    return render([facts((entry["name"], Text(_line(entry))) for entry in entries)], width=width, colour=colour)


def device_text(form: Form, *, width: int = WIDTH, colour: bool = False) -> str:
    """One device: what it is, its memories, and its values with their sources."""
    cited = Citations()
    values = table("value", "as written", "status", "source>")
    for row in form["values"]:
        values.add_row(row["path"], shortened(row["value"], 60), row["status"], cited.number(row["source"]))
    memories = table("memory", "kind", "capacity>", "read>", "write>")
    for name, level in form["memories"].items():
        rates = (formats.quantity(level[f"{way}_bandwidth_bytes_per_s"], "B/s") for way in ("read", "write"))
        memories.add_row(name, level["kind"], formats.size(level["capacity_bytes"]), *rates)
    about = facts([
        ("chip", form["chip"] or formats.NOT_KNOWN),
        ("units", ", ".join(_unit_words(name, unit, form["default_unit"]) for name, unit in form["units"].items())),
        ("host", form["host"] or _without_host(form["units"][form["default_unit"]]["kind"])),
        ("energy counts", f"the {form['energy_scope']}"),
        *form["facts"].items(),
    ])  # fmt: skip
    parts: list[RenderableType] = [_heading(form), Text(), about, Text(), memories, Text(), values, Text(), cited.listed()]
    return render(parts, width=width, colour=colour)


def network_text(form: Form, *, width: int = WIDTH, colour: bool = False) -> str:
    """One network: counts, then operator by operator."""
    operators = table("#>", "operator", "op", "output", "MACs>", "weights>")
    for index, row in enumerate(form["operators"]):
        shapes = "; ".join("x".join(str(size) for size in shape) for shape in row["outputs"])
        operators.add_row(
            str(index), shortened(row["name"], 48), row["op"], shapes, _some(row["macs"]), _some(row["weights_bytes"], "B")
        )
    about = facts([
        ("MACs", f"{form['macs']:,}"),
        ("weights", f"{form['weights']:,} in {formats.size(form['weights_bytes'])}"),
        *(("input", _tensor_words(tensor)) for tensor in form["inputs"]),
        *(("output", _tensor_words(tensor)) for tensor in form["outputs"]),
        *(("note", note) for note in form["notes"]),
    ])  # fmt: skip
    return render([_heading(form), Text(), about, Text(), operators], width=width, colour=colour)


def runtime_text(form: Form, *, width: int = WIDTH, colour: bool = False) -> str:
    """One runtime: what it does with operators, then its costs with their sources."""
    cited = Citations()
    costs = table("cost", "value>", "status", "source>")
    for row in form["costs"]:
        costs.add_row(row["name"], row["as_written"] or formats.said(row["value"]), row["status"], cited.number(row["source"]))
    about = facts([
        ("also called", ", ".join(form["aliases"]) or "nothing else"),
        ("runs on", ", ".join(form["kinds"])),
        ("fuses", ", ".join(form["fuses"]) or "nothing"),
        ("operators", ", ".join(form["operators"]) or "all that have a rule"),
        ("memory", f"{form['memory_profile']} accounting"),
    ])  # fmt: skip
    return render([_heading(form), Text(), about, Text(), costs, Text(), cited.listed()], width=width, colour=colour)


def fields_text(rows: Sequence[Form], *, width: int = WIDTH, colour: bool = False) -> str:
    """The fields of a device file, section by section."""
    made = table("section", "field", "dimension", "default")
    made.columns[2].overflow = "fold"
    made.columns[2].no_wrap = False
    made.add_column("meaning", overflow="fold")
    before = None
    for row in rows:
        if before is not None and row["section"] != before:
            made.add_section()
        made.add_row(
            row["section"] if row["section"] != before else "", row["field"], row["dimension"], row["default"], row["meaning"]
        )
        before = row["section"]
    return render([made], width=width, colour=colour)


def _section(found: Device, section: str) -> Form:
    return {name: plain(asdict(entry)) for name, entry in getattr(found, section).items()}


def _sourced(source: Source | None) -> Form:
    if source is None:
        return {"as_written": "", "source": "", "status": "not known"}
    return {"as_written": source.as_written, "source": source.citation, "status": source.status.value}


def _texts(paths: Paths) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)


def _line(entry: Form) -> str:
    aliases = f" (also {', '.join(entry['aliases'])})" if entry.get("aliases") else ""
    return f"{entry['summary']}{aliases}"


def _heading(form: Form) -> Text:
    return Text(form["name"], style="bold").append(f": {form['summary']}", style="not bold")


def _without_host(kind: str) -> str:
    """What becomes of operators that the default unit cannot run where no host is named."""
    refused = "what the runtime does not have is refused"
    return f"none named: {refused if kind in ('mcu', 'gpu') else 'an ideal vector unit is assumed for what a unit cannot run'}"


def _unit_words(name: str, unit: Mapping[str, Any], default: str) -> str:
    also = ", the default" if name == default else ""
    return f"{name} ({unit['kind']}, {formats.quantity(unit['frequency_hz'], 'Hz')}, {' '.join(unit['dtypes'])}{also})"


def _tensor_words(tensor: Mapping[str, Any]) -> str:
    return f"{tensor['name']}: {'x'.join(str(size) for size in tensor['shape'])} {tensor['dtype']}"


def _some(value: int, unit: str = "") -> str:
    if not value:
        return ""
    return formats.size(value) if unit == "B" else formats.count(value)
