"""What the verbs of the command line do: ask the session, then write the answer once, as text or as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from boardless import checks, machine_form, options, session, side_by_side, text
from boardless.errors import UsageError
from boardless.files import write_all, write_text
from boardless.options import Given
from boardless.progress import Rate, Steps, keeping
from boardless.results import Result
from hwmodels.jit import on_compile
from strategies.telling import heard_by


def estimate(network: str, on: Sequence[str], given: Given) -> int:
    """Estimates of one network on one or several devices, in closed form."""
    return _answer(session.estimate, network, on, given)


def simulate(
    network: str, on: Sequence[str], given: Given, trace: str | None, beside: Sequence[str] = (), streams: Sequence[str] = ()
) -> int:
    """The same by events, beside other networks and streams; ``trace`` is written for the trace viewer."""
    if trace is not None:
        _single("--trace", on)
    return _answer(session.simulate, network, on, given, trace=trace, beside=tuple(beside), streams=tuple(streams))


def memory(network: str, on: Sequence[str], given: Given) -> int:
    """What lives where and when."""
    return _answer(session.memory, network, on, given)


def compare(network: str, on: Sequence[str], given: Given, accuracy: str | None) -> int:
    """One network on one device, strategy after strategy; the checks are those of the last stage."""
    _single("compare", on)
    _listen(given)
    with Steps("compare", 1 + len(given["strategy"]), quiet=given["quiet"]) as steps, heard_by(steps.within):
        answer = session.compare(network, on[0], accuracy=accuracy, progress=steps.next, **_settings(given))
    last = answer.results[-1:]
    failed = checks.failures(last[0], checks.limits(given["fail_over"], last), require_fit=given["require_fit"])
    pictures = answer.pictures() if given["plot"] is not None else {}
    _write(given, answer.to_dict(), answer.text(**_page()))
    _keep(given, pictures)
    for line in failed:
        _say(given, f"check failed: {line}")
    return 1 if failed else 0


def optimize(
    network: str, on: Sequence[str], given: Given, *, objectives: Sequence[str], limits: Sequence[str], accuracy: str | None
) -> int:
    """The best recipes of strategies under budgets."""
    _single("optimize", on)
    _listen(given)
    with Rate("optimizing", quiet=given["quiet"]) as progress:
        answer = session.optimize(
            network, on[0], objective=objectives or ["latency"], limit=limits, accuracy=accuracy,
            progress=lambda done, total: progress.show(done, total, 0), **_settings(given),
        )  # fmt: skip
    pictures = {}
    if given["plot"] is not None:
        from boardless.plots.recipes import recipe_pictures

        pictures = recipe_pictures(answer)
    _write(given, answer.to_dict(), answer.text(**_page()))
    _keep(given, pictures)
    return 0


def plan(buffers: str, out: str | None, given: Given, settings: dict[str, Any], *, best: bool, require_fit: bool) -> int:
    """Arena offsets for a bare buffer list; a plan that does not fit is written only where ``best`` is set."""
    from boardless import planning

    _listen(given)
    answer = planning.plan(buffers, **settings)
    if out is not None and (answer.fits or best):
        write_text(out, answer.csv())
    _write(given, answer.to_dict(), answer.text(**_page()))
    if out is not None and not (answer.fits or best):
        _say(given, f"{out} is not written: the plan does not fit; --best writes it all the same")
    return 1 if require_fit and not answer.fits else 0


def explain(network: str, on: Sequence[str], operator: str, given: Given) -> int:
    """One operator's figures traced back to their sources."""
    _single("--operator", on)
    _listen(given)
    explained = session.explain(network, on[0], operator, **_settings(given))
    _write(given, explained.to_dict(), explained.text(**_page()))
    return 0


def mapping(
    network: str, on: Sequence[str], operator: str | None, given: Given, *, objective: str | None = None, gap: float | None = None
) -> int:
    """How each layer lies on an array; without ``--dataflow`` the pictures put all dataflows of the unit side by side."""
    _single("map", on)
    _listen(given)
    settings = _settings(given) | {"objective": objective, "gap": gap}
    result = session.map(network, on[0], **settings)
    page = result.text(all_rows=given["all"], nest=operator, **_page())
    pictures: dict[str, bytes] = {}
    if given["plot"] is not None:
        from boardless.plots.mapping import mapping_pictures

        pictures = mapping_pictures(session.dataflows_beside(network, on[0], result, **settings))
    _write(given, result.to_dict(), page)
    _keep(given, pictures)
    return 0


def devices(name: str | None, given: Given, *, fields: bool, template: str | None) -> int:
    """The catalogue of devices, one of them in full, the fields of a device file, or a file to start from."""
    from boardless import catalog

    if sum(asked is not None and asked is not False for asked in (name, fields, template)) > 1:
        raise UsageError(
            "devices: a NAME, --fields and --template together; one of them is expected; run the command once for each"
        )
    if fields:
        return _listing(given, catalog.device_fields(), catalog.fields_text)
    if template is not None:
        return _listing(
            given, {"name": template, "template": catalog.device_template(template)}, lambda form, **_: form["template"]
        )
    if name is not None:
        return _listing(given, catalog.device(name, given["devices"]), catalog.device_text)
    return _listing(given, catalog.devices(given["devices"]), catalog.list_text)


def networks(name: str | None, given: Given) -> int:
    """The catalogue of networks, or one of them in full."""
    from boardless import catalog

    if name is not None:
        return _listing(given, catalog.network(name, given["networks"]), catalog.network_text)
    return _listing(given, catalog.networks(given["networks"]), catalog.list_text)


def runtimes(name: str | None, given: Given) -> int:
    """The catalogue of runtimes, or one of them in full."""
    from boardless import catalog

    if name is not None:
        return _listing(given, catalog.runtime(name), catalog.runtime_text)
    return _listing(given, catalog.runtimes(), catalog.list_text)


def strategies(name: str | None, given: Given) -> int:
    """The catalogue of strategies, or one of them in full."""
    from boardless import strategy_catalog

    if name is not None:
        return _listing(given, strategy_catalog.strategy(name), strategy_catalog.strategy_text)
    return _listing(given, strategy_catalog.strategies(), strategy_catalog.list_text)


def validate(
    specs: Sequence[str], given: Given, *, split: str | None, rows: str | None, page: str | None, aliases: Sequence[str]
) -> int:
    """Predictions beside the measurements of some datasets, all of the project's by default."""
    from boardless import trust, validation_report

    _listen(given)
    held = split is not None and split.startswith("holdout:")
    names = [split.partition(":")[2]] if split is not None and held else list(specs) or trust.dataset_names()
    with Steps("validating", len(names), quiet=given["quiet"]) as steps:
        reports = trust.validate(
            names,
            split=split,
            aliases=aliases,
            progress=steps.next,
            within=steps.within,
            devices=given["devices"],
            networks=given["networks"],
        )
    pictures = {}
    if given["plot"] is not None:
        from boardless.plots.error import error_pictures
        from boardless.plots.error_by import group_pictures

        pictures = {**error_pictures(reports), **group_pictures(reports)}
    _write(given, validation_report.report_form(reports), validation_report.report_text(reports, **_page()))
    if rows is not None:
        write_text(rows, validation_report.rows_csv(reports))
    if page is not None:
        _accuracy_page(page, reports, ["boardless validate", *specs, *(["--split", split] if split else []), "--page", page])
    _keep(given, pictures)
    return 0


def explore(
    space: str,
    given: Given,
    *,
    store: str | None,
    out: str | None,
    objectives: Sequence[str],
    workers: int | None,
    scheduler: str | None,
    sample: int | None,
    seed: int,
) -> int:
    """Every point of a space, or what its search asks for: rows in a store, the best in a table."""
    from boardless.explore_report import summarised
    from boardless.exploring import explore as run
    from boardless.objectives import checked
    from boardless.space import read_space
    from boardless.tables import write_rows

    _listen(given)
    wanted = checked(objectives)
    asked = read_space(space, given["devices"], given["networks"])
    log = store or f"{asked.name}.rows"
    kept = f"the rows so far are kept in {log}; the same command goes on from there"
    with Rate("exploring", quiet=given["quiet"]) as progress, keeping(kept):
        found = run(
            asked, log, workers=workers, scheduler=scheduler, sample=sample, seed=seed,
            devices=given["devices"], networks=given["networks"], progress=progress.show,
        )  # fmt: skip
    try:
        summary = summarised(found, wanted or (asked.search.objectives if asked.search else ("latency", "energy")))
        if out is not None:
            write_rows(out, found.blocks)
        pictures = {}
        if given["plot"] is not None:
            from boardless.plots.exploration import exploration_pictures

            pictures = exploration_pictures(found, summary)
        form = summary.to_dict() | ({"rows": list(found.rows())} if given["json"] is not None else {})
        _write(given, form, summary.text(**_page()))
    finally:
        found.close()
    _keep(given, pictures)
    return 0


def calibrate(measured: str, on: str, given: Given, *, output: str | None, aliases: Sequence[str], date: str | None) -> int:
    """A board fitted to its own measurements; the overlay is written where asked for."""
    from boardless import calibration_report, trust

    _listen(given)
    found = trust.calibrate(measured, on, aliases=aliases, date=date)
    _write(given, calibration_report.calibration_form(found), calibration_report.calibration_text(found, **_page()))
    if output is not None:
        write_text(output, found.overlay.text())
        _say(given, f"wrote {output}; use it with --on {output}")
    return 0


def _accuracy_page(page: str, reports: Sequence[Any], command: Sequence[str]) -> None:
    """A page with its pictures in a folder beside it."""
    from boardless import accuracy_page

    path = Path(page)
    drawn = accuracy_page.page_pictures(reports)
    write_all(path.parent / "pictures", drawn)
    kept = accuracy_page.kept_text(path)
    write_text(path, accuracy_page.accuracy_page(reports, " ".join(command), [f"pictures/{name}" for name in drawn], kept))


def _answer(
    ask: Callable[..., Any], network: str, on: Sequence[str], given: Given, trace: str | None = None, **more: Sequence[str]
) -> int:
    """Ask, check, draw, write: in this order, so that nothing is written of an answer that fails half way."""
    _listen(given)
    with Steps(f"{ask.__name__}", len(on), quiet=given["quiet"]) as steps, heard_by(steps.within):
        results: list[Result] = ask(network, list(on), progress=steps.next, **more, **_settings(given))
    asked = checks.limits(given["fail_over"], results)
    failed = [line for result in results for line in checks.failures(result, asked, require_fit=given["require_fit"])]
    pictures = _pictures(results, given)
    forms = [result.to_dict() for result in results]
    _write(given, forms[0] if len(forms) == 1 else forms, _text(results, given))
    if trace is not None:
        write_text(trace, results[0].trace_json())
    if pictures:
        written = write_all(given["plot"], pictures)
        _say(given, f"wrote {len(written)} pictures into {given['plot']}")
    for line in failed:
        _say(given, f"check failed: {line}")
    return 1 if failed else 0


def _single(option: str, on: Sequence[str]) -> None:
    if len(on) > 1:
        raise UsageError(f"{option}: {len(on)} devices; one --on is expected; run the command once per device")


def _pictures(results: Sequence[Result], given: Given) -> dict[str, bytes]:
    if given["plot"] is None:
        return {}
    from boardless.plots import pictures

    return pictures(results)


def _text(results: Sequence[Result], given: Given) -> str:
    page = _page()
    if len(results) > 1:
        return side_by_side.comparison_text(results, **page)
    return results[0].text(all_rows=given["all"], **page)


def _settings(given: Given) -> dict[str, Any]:
    chosen = given.of(options.RUN) | given.of(options.CATALOGUE)
    return {**{name: value for name, value in chosen.items() if name != "no_fold"}, "fold": not chosen["no_fold"]}


def _listing(given: Given, form: Any, text: Callable[..., str]) -> int:
    _write(given, form, text(form, **_page()))
    return 0


def _write(given: Given, form: Any, text: str) -> None:
    if given["json"] is None:
        sys.stdout.write(text)
    elif given["json"] == "-":
        sys.stdout.write(machine_form.json_text(form))
    else:
        write_text(given["json"], machine_form.json_text(form))
    sys.stdout.flush()


def _page() -> dict[str, Any]:
    """Width and colours of standard output."""
    if not sys.stdout.isatty():
        return {"width": text.WIDTH, "colour": False}
    return {"width": max(80, os.get_terminal_size(sys.stdout.fileno()).columns), "colour": "NO_COLOR" not in os.environ}


def _listen(given: Given) -> None:
    told: list[str] = []

    def notice(line: str) -> None:
        if not told:
            _say(given, "compiling inner loops; this happens once")
        told.append(line)

    on_compile(None if given["quiet"] else notice)


def _keep(given: Given, pictures: Mapping[str, bytes]) -> None:
    """Write the pictures of an answer, if there are any."""
    if pictures:
        _say(given, f"wrote {len(write_all(given['plot'], pictures))} pictures into {given['plot']}")


def _say(given: Given, line: str) -> None:
    if not given["quiet"]:
        print(f"boardless: {line}", file=sys.stderr, flush=True)
