"""The verbs of the command line, each a few lines: read the options, ask :mod:`boardless.session`, write what it answers.

Nothing of the models is imported before a verb needs it, so that ``boardless --help`` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from boardless import options as shared
from boardless.options import Given, options

app = typer.Typer(
    name="boardless",
    help="Know how a network runs on a board before you touch the board: latency, energy, memory and why.",
    epilog="Start with: boardless estimate mobilenet_v2 --on raspberry_pi_4",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 132},
)

Network = Annotated[
    str,
    typer.Argument(help="A path (.onnx, .tflite, .csv layer table) or a catalogue name.", metavar="NETWORK", show_default=False),
]
_ON = "A catalogue name or a device .yaml; several give a comparison."
Devices = Annotated[list[str], typer.Option("--on", help=_ON, metavar="DEVICE", show_default=False)]
Name = Annotated[
    str | None, typer.Argument(help="One in full; all in one line each without it.", metavar="[NAME]", show_default=False)
]

_WITH = "A network that runs beside it: NAME:every=33ms,priority=2,deadline=33ms; larger priorities go first (repeatable)."
_STREAM = "A sensor that delivers blocks: NAME:bytes=640,every=20ms,interrupt=5us,deadline=20ms (repeatable)."

_PLANNERS = "best_fit, constraint, exact, first_fit, greedy_by_area, greedy_by_size, hill_climbing or naive."

_ANSWER = (shared.RUN, shared.CATALOGUE, shared.CHECKS, shared.PLOT, shared.ALL, shared.OUTPUT)
_LIST = (shared.CATALOGUE, shared.OUTPUT)


def version(asked: bool) -> None:
    """Print the version and stop."""
    if asked:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        try:
            typer.echo(f"boardless {installed('boardless')}")
        except PackageNotFoundError:
            typer.echo("boardless (run from its source folder, not installed)")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=version, is_eager=True)] = False,
) -> None:
    """Know how a network runs on a board before you touch the board: latency, energy, memory and why."""


@app.command(epilog="Example: boardless estimate mobilenet_v2 --on raspberry_pi_4 --on stm32h743 --dtype int8")
@options(*_ANSWER)
def estimate(network: Network, on: Devices, given: Given) -> int:
    """Latency, energy and peak memory, per operator and in total; several --on give a comparison."""
    from boardless import verbs

    return verbs.estimate(network, on, given)


@app.command(epilog="Example: boardless simulate resnet50 --on raspberry_pi_4 --trace resnet50.trace.json")
@options(*_ANSWER)
def simulate(
    network: Network,
    on: Devices,
    given: Given,
    trace: Annotated[
        str | None,
        typer.Option("--trace", help="Write the events for the trace viewer (chrome://tracing, Perfetto).", metavar="FILE"),
    ] = None,
    beside: Annotated[list[str] | None, typer.Option("--with", help=_WITH, metavar="NETWORK[:...]", show_default=False)] = None,
    stream: Annotated[list[str] | None, typer.Option("--stream", help=_STREAM, metavar="NAME:...", show_default=False)] = None,
) -> int:
    """The same as estimate, played event by event, with waiting apart from computing."""
    from boardless import verbs

    return verbs.simulate(network, on, given, trace, beside or (), stream or ())


@app.command(epilog="Example: boardless memory mlperf_tiny_vww --on stm32h743 --require-fit")
@options(*_ANSWER)
def memory(network: Network, on: Devices, given: Given) -> int:
    """What lives where and when: order, arena offsets, peak, fragmentation, fit or shortfall."""
    from boardless import verbs

    return verbs.memory(network, on, given)


@app.command(epilog="Example: boardless compare mobilenet_v2 --on raspberry_pi_4 --strategy quantize:dtype=int8 --strategy prune")
@options(shared.RUN, shared.CATALOGUE, shared.CHECKS, shared.PLOT, shared.OUTPUT)
def compare(
    network: Network,
    on: Devices,
    given: Given,
    accuracy: Annotated[
        str | None,
        typer.Option("--accuracy", help="Measured losses: strategies, accuracy_loss (percentage points).", metavar="TABLE.csv"),
    ] = None,
) -> int:
    """What each further strategy buys: latency, energy, peak and flash, step by step."""
    from boardless import verbs

    return verbs.compare(network, on, given, accuracy)


@app.command(epilog="Example: boardless optimize mobilenet_v2 --on stm32h743 --limit sram=256KiB --limit flash=2MiB")
@options(shared.RUN, shared.CATALOGUE, shared.PLOT, shared.OUTPUT)
def optimize(
    network: Network,
    on: Devices,
    given: Given,
    objective: Annotated[
        list[str] | None,
        typer.Option("--objective", help="latency, energy, edp, peak or dram_bytes (latency); several: Pareto.", metavar="NAME"),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            help="At most: latency=50ms, energy=1mJ, sram=256KiB, flash=1MiB, accuracy_loss=1 (repeatable).",
            metavar="NAME=VALUE",
        ),
    ] = None,
    accuracy: Annotated[
        str | None,
        typer.Option("--accuracy", help="Measured losses: strategies, accuracy_loss (percentage points).", metavar="TABLE.csv"),
    ] = None,
) -> int:
    """The best strategies under budgets, ranked; --strategy adds one more to choose from."""
    from boardless import verbs

    return verbs.optimize(network, on, given, objectives=objective or [], limits=limit or [], accuracy=accuracy)


@app.command(epilog="Example: boardless plan buffers.csv --capacity 262144 -o plan.csv")
@options(shared.OUTPUT)
def plan(
    buffers: Annotated[
        str, typer.Argument(help="A list id,lower,upper,size; upper is exclusive.", metavar="BUFFERS.csv", show_default=False)
    ],
    given: Given,
    capacity: Annotated[
        str | None, typer.Option("--capacity", help="Bytes of the arena, e.g. 262144 or 256KiB.", metavar="BYTES")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Write the list with offsets there.", metavar="OUT.csv")] = None,
    planner: Annotated[str, typer.Option("--planner", help=_PLANNERS, metavar="NAME")] = "exact",
    time_limit: Annotated[
        str, typer.Option("--time-limit", help="Of planners that search, e.g. 5 or 500ms.", metavar="TIME")
    ] = "60",
    alignment: Annotated[int, typer.Option("--alignment", help="Offsets are multiples of this.", metavar="BYTES")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Seed of anything random.", metavar="N")] = 0,
    best: Annotated[bool, typer.Option("--best", help="Write the best plan even where it does not fit.")] = False,
    require_fit: Annotated[bool, typer.Option("--require-fit", help="Exit with 1 where it does not fit.")] = False,
) -> int:
    """Arena offsets for a bare buffer list, the height of the arena, and whether it fits."""
    from boardless import verbs

    settings = {"capacity": capacity, "planner": planner, "time_limit": time_limit, "alignment": alignment, "seed": seed}
    return verbs.plan(buffers, out, given, settings, best=best, require_fit=require_fit)


@app.command(epilog="Example: boardless explain resnet50 --on raspberry_pi_4 --operator conv1")
@options(shared.RUN, shared.CATALOGUE, shared.OUTPUT)
def explain(
    network: Network,
    on: Devices,
    operator: Annotated[
        str,
        typer.Option("--operator", help="Name of the operator, as `estimate --all` prints it.", metavar="NAME", show_default=False),
    ],
    given: Given,
) -> int:
    """One number traced back: formula, counts, rates, sources."""
    from boardless import verbs

    return verbs.explain(network, on, operator, given)


@app.command("map", epilog="Example: boardless map alexnet --on eyeriss_v1 --operator conv3")
@options(shared.RUN, shared.CATALOGUE, shared.PLOT, shared.ALL, shared.OUTPUT)
def mapping(
    network: Network,
    on: Devices,
    given: Given,
    operator: Annotated[
        str | None,
        typer.Option("--operator", help="Operator whose loop nest is shown (the slowest).", metavar="NAME", show_default=False),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            help="Free the array: the best of all mappings by latency, energy, edp or dram_bytes.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option("--gap", help="Share by which a mapping may miss the best (0).", metavar="SHARE", show_default=False),
    ] = None,
) -> int:
    """How each layer lies on an array: its mapping as a loop nest, accesses by level and tensor, cycles, stalls."""
    from boardless import verbs

    return verbs.mapping(network, on, operator, given, objective=objective, gap=gap)


@app.command(epilog="Example: boardless devices raspberry_pi_4")
@options(*_LIST)
def devices(
    given: Given,
    name: Name = None,
    fields: Annotated[bool, typer.Option("--fields", help="Print the fields of a device file.")] = False,
    template: Annotated[
        str | None,
        typer.Option("--template", help="Print a commented device file that loads: cpu, mcu, gpu or array.", metavar="KIND"),
    ] = None,
) -> int:
    """The devices of the catalogue, or one of them in full with the source of every value."""
    from boardless import verbs

    return verbs.devices(name, given, fields=fields, template=template)


@app.command(epilog="Example: boardless networks mobilenet_v2")
@options(*_LIST)
def networks(given: Given, name: Name = None) -> int:
    """The networks of the catalogue, or one of them operator by operator."""
    from boardless import verbs

    return verbs.networks(name, given)


@app.command(epilog="Example: boardless runtimes ncnn")
@options(*_LIST)
def runtimes(given: Given, name: Name = None) -> int:
    """The inference engines of the catalogue, or one of them in full with the source of every cost."""
    from boardless import verbs

    return verbs.runtimes(name, given)


@app.command(epilog="Example: boardless strategies quantize")
@options(*_LIST)
def strategies(given: Given, name: Name = None) -> int:
    """What can be done to a network on a device, or one strategy in full with its parameters."""
    from boardless import verbs

    return verbs.strategies(name, given)


@app.command(epilog="Example: boardless explore space.yaml -o rows.parquet --plot pictures")
@options(shared.CATALOGUE, shared.PLOT, shared.OUTPUT)
def explore(
    space: Annotated[
        str,
        typer.Argument(
            help="networks, devices, fields, settings, strategies, search; see docs/guide.md.",
            metavar="SPACE.yaml",
            show_default=False,
        ),
    ],
    given: Given,
    store: Annotated[
        str | None, typer.Option("--store", help="Log of rows; what it holds is not computed again (SPACE.rows).", metavar="FILE")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Write the rows there: .csv or .parquet.", metavar="FILE")] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option("--objective", help="latency, energy, edp, peak or dram_bytes: what is best (repeatable).", metavar="NAME"),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes (all cores).", metavar="N")] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="A dask scheduler whose workers compute instead.", metavar="ADDRESS")
    ] = None,
    sample: Annotated[int | None, typer.Option("--sample", help="Points drawn at random in place of all.", metavar="N")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.", metavar="N")] = 0,
) -> int:
    """A space of networks x devices x fields x settings x strategies, point by point or searched; resumable."""
    from boardless import verbs

    return verbs.explore(
        space, given, store=store, out=out, objectives=objective or [], workers=workers, scheduler=scheduler, sample=sample,
        seed=seed,
    )  # fmt: skip


@app.command(epilog="Example: boardless calibrate --on raspberry_pi_4 measured.csv -o raspberry_pi_4.fit.yaml")
@options(shared.OUTPUT)
def calibrate(
    given: Given,
    measured: Annotated[
        str, typer.Argument(help="Table of measured latencies of the board.", metavar="MEASURED.csv", show_default=False)
    ],
    on: Annotated[str, typer.Option("--on", help="The board: a device name or file.", metavar="DEVICE", show_default=False)],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write the fitted overlay there.", metavar="FIT.yaml")
    ] = None,
    aliases: Annotated[
        list[str] | None,
        typer.Option("--aliases", help="Names as written -> names of the catalogue (repeatable).", metavar="FILE.csv"),
    ] = None,
    date: Annotated[str | None, typer.Option("--date", help="Date written into the overlay.", metavar="YYYY-MM-DD")] = None,
) -> int:
    """A board's multipliers fitted to its own measurements, as an overlay that `--on FIT.yaml` uses."""
    from boardless import verbs

    return verbs.calibrate(measured, on, given, output=output, aliases=aliases or [], date=date)


@app.command(epilog="Example: boardless validate eyeriss_v1_alexnet --rows rows.csv --plot errors")
@options(shared.CATALOGUE, shared.PLOT, shared.OUTPUT)
def validate(
    given: Given,
    dataset: Annotated[
        list[str] | None,
        typer.Argument(
            help="Datasets of the project, folders or CSV files; all of the project's without it.",
            metavar="[DATASET]...",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="What is held out of a fit: none, leave-one-network-out, leave-one-family-out, ..., holdout:FILE",
            metavar="NAME",
        ),
    ] = None,
    rows: Annotated[str | None, typer.Option("--rows", help="Write a row per prediction there.", metavar="FILE.csv")] = None,
    page: Annotated[
        str | None,
        typer.Option("--page", help="Write the figures as a page there, with pictures beside it.", metavar="FILE.md"),
    ] = None,
    aliases: Annotated[
        list[str] | None,
        typer.Option("--aliases", help="Names as written -> names of the catalogue (repeatable).", metavar="FILE.csv"),
    ] = None,
) -> int:
    """Predictions beside measurements: errors by group, with what was held out and what was refitted."""
    from boardless import verbs

    return verbs.validate(dataset or [], given, split=split, rows=rows, page=page, aliases=aliases or [])
