"""The options that several verbs share, each written once; a verb takes them with ``@options(...)``.

Typer reads a command's signature. :func:`options` extends it by the shared options and hands their values to the verb as the one
argument ``given``. A command only reads its words: what it returns is the verb with its arguments, still to be called, so that
interrupts, closed pipes and errors of the work itself are met in one place, ``boardless/__main__.py``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer


class Given(dict[str, Any]):
    """The values of the shared options of one command, by name."""

    def of(self, group: tuple[Shared, ...]) -> dict[str, Any]:
        """Those of one group."""
        return {option.name: self[option.name] for option in group}


class Shared(NamedTuple):
    """One shared option: the name of its value, its type with its flags and help, its default."""

    name: str
    annotation: Any
    default: Any


def _option(name: str, kind: Any, default: Any, help_text: str, *, metavar: str | None = None, panel: str) -> Shared:
    info = typer.Option(f"--{name.replace('_', '-')}", help=help_text, metavar=metavar, rich_help_panel=panel, show_default=False)
    return Shared(name, Annotated[kind, info], default)


_RUN = "How the network is run"
_WHAT = "What is run, on what"
_OUT = "What is written"

#: Options of every verb.
OUTPUT = (
    _option("json", str | None, None, "Write JSON there instead of the table; - is standard output.", metavar="PATH|-", panel=_OUT),
    _option("quiet", bool, False, "Keep standard error empty: no progress, notices or warnings.", panel=_OUT),
    _option("debug", bool, False, "Show the traceback of an error.", panel=_OUT),
)

#: Options that add to the catalogue; every verb has them.
CATALOGUE = (
    _option(
        "devices",
        list[str],
        [],
        "Device file, fact table or folder to add to the catalogue (repeatable).",
        metavar="PATH",
        panel=_WHAT,
    ),
    _option(
        "networks",
        list[str],
        [],
        "Layer table, network file or folder to add to the catalogue (repeatable).",
        metavar="PATH",
        panel=_WHAT,
    ),
)

#: Options that become Settings.
RUN = (
    _option("batch", int | None, None, "Inputs per run (1).", metavar="N", panel=_RUN),
    _option("dtype", str | None, None, "Retype float tensors: e.g. int8 (the file's types).", metavar="T", panel=_RUN),
    _option("unit", str | None, None, "Compute unit of the device (its default).", metavar="NAME", panel=_RUN),
    _option("threads", int | None, None, "CPU threads (all cores of the unit).", metavar="N", panel=_RUN),
    _option("runtime", str | None, None, "Inference engine, see `boardless runtimes` (the unit's).", metavar="NAME", panel=_RUN),
    _option("profile", str | None, None, "Memory accounting (the runtime's, else ideal).", metavar="NAME", panel=_RUN),
    _option("dataflow", str | None, None, "Of an array: ws, os, is, rs, nlr, best, os_a, os_b, os_c.", metavar="NAME", panel=_RUN),
    _option("timing", str, "default", "default, or reference: the common systolic simulator's count.", metavar="NAME", panel=_RUN),
    _option("mapping", str | None, None, "Mappings of an array, given instead of searched.", metavar="FILE.csv", panel=_RUN),
    _option("hypothetical", bool, False, "Allow a dataflow that the unit does not list.", panel=_RUN),
    _option("strategy", list[str], [], "What is done to the network, see `boardless strategies` (repeatable, applied in order).",
            metavar="NAME[:key=value,...]", panel=_RUN),
    _option("every", str | None, None, "One inference each: adds the average power (10s).", metavar="TIME", panel=_RUN),
    _option("battery", str | None, None, "Adds the days it lasts; needs --every (1000mAh@3V).", metavar="CHARGE@V", panel=_RUN),
    _option("set", list[str], [], "Change a field of the device for this run, e.g. 'memories.sram.capacity=256 KiB' (repeatable).",
            metavar="FIELD=VALUE", panel=_WHAT),
    _option("dim", list[str], [], "Value of a symbolic dimension (repeatable).", metavar="NAME=VALUE", panel=_WHAT),
    _option("context", int | None, None, "Tokens in the cache of a decoder.", metavar="N", panel=_WHAT),
    _option("phase", str | None, None, "prefill or decode of a decoder (decode).", metavar="NAME", panel=_WHAT),
    _option("allow_unmodelled", bool, False, "Cost unknown operators as moving their bytes, flagged.", panel=_WHAT),
    _option("no_fold", bool, False, "Keep batch norms as operators of their own.", panel=_WHAT),
    _option("seed", int, 0, "Seed of anything random (0).", metavar="N", panel=_RUN),
    _option("format", str | None, None, "topology: a systolic topology with an unknown header.", metavar="NAME", panel=_WHAT),
)  # fmt: skip

#: Options that make a verb fail where the answer is not good enough.
CHECKS = (
    _option("fail_over", list[str], [], "Exit with 1 where a figure is larger, e.g. latency=50ms, sram=256KiB (repeatable).",
            metavar="NAME=VALUE", panel=_OUT),
    _option("require_fit", bool, False, "Exit with 1 where the network does not fit.", panel=_OUT),
)  # fmt: skip

PLOT = (_option("plot", Path | None, None, "Write the pictures into this folder.", metavar="DIR", panel=_OUT),)
ALL = (_option("all", bool, False, "Show every row of a long table.", panel=_OUT),)


def options(*groups: tuple[Shared, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb the shared options of some groups; it receives them as ``given``."""
    shared = [option for group in groups for option in group]

    def extend(verb: Callable[..., Any]) -> Callable[..., Any]:
        own = [p for p in inspect.signature(verb, eval_str=True).parameters.values() if p.name != "given"]

        def command(**values: Any) -> Any:
            given = Given({option.name: values.pop(option.name) for option in shared})
            return functools.partial(verb, **values, given=given)

        extra = [
            inspect.Parameter(o.name, inspect.Parameter.KEYWORD_ONLY, default=o.default, annotation=o.annotation) for o in shared
        ]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + extra
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        command.__name__, command.__doc__ = verb.__name__, verb.__doc__
        return command

    return extend
