"""Writes a fit into the data files: costs of the runtimes, factors of the cores. Only numbers change; words and sources stay.

``python -m validation.mcu_write`` fits all rows anew and writes costs, factors, sizes of code, counts of rows and intervals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hwmodels.core_files import CORES
from hwmodels.costs.mcu import FACTORED
from hwmodels.intervals import MICROCONTROLLERS
from hwmodels.measured_rows import TABLE
from hwmodels.runtime import RUNTIMES
from validation.errors import FitError
from validation.interval_table import put_intervals
from validation.mcu import latency_rows, learnt
from validation.mcu_fit import PRIORS, McuFit, Rows, fit
from validation.mcu_flash import KIBIBYTE, CodeFit, flash_rows
from validation.mcu_float import learnt_float
from validation.mcu_intervals import row_counts

#: Term -> unit as the files write it.
UNITS = {
    **dict.fromkeys(("convolution", "depthwise", "fully_connected", "remainder"), "cycles/MAC"),
    **dict.fromkeys(("output", "input", "elementwise", "pooling", "activation", "softmax"), "cycles/element"),
    "copy": "cycles/B",
}


def write(found: McuFit, folder: Path | None = None) -> list[Path]:
    """Put costs and factors of a fit into ``runtimes/`` and ``cores/`` of a folder; the project's own unless given.

    Returns
    -------
    list of Path
        The files whose text changed.
    """
    runtimes, cores = (folder / "runtimes", folder / "cores") if folder else (RUNTIMES, CORES)
    changed = [_rewrite(runtimes / f"{name}.yaml", _costs(found.runtime_cycles(name))) for name in found.runtimes]
    for name in found.cores:
        factor, terms = found.core_factors(name)
        changed.append(_rewrite(cores / f"{name}.yaml", [("cycle_factor", f"{_rounded(factor)}")], terms))
    return [path for path in changed if path is not None]


def write_code(name: str, base: float, growth: Sequence[float], folder: Path | None = None) -> Path | None:
    """Put the size of a runtime's code, in KiB, and its growth per operator, kind and channel into its file."""
    path = (folder / "runtimes" if folder else RUNTIMES) / f"{name}.yaml"
    sourced = "{{value: {} {}, source: linked, status: fitted}}"
    per_operator, per_kind, per_channel = growth
    sizes = [
        ("code", base, "KiB"), ("code_per_operator", per_operator, "KiB"), ("code_per_kind", per_kind, "KiB"),
        ("code_per_channel", per_channel * KIBIBYTE, "B"),
    ]  # fmt: skip
    fields = [(field, sourced.format(_rounded(size), unit)) for field, size, unit in sizes]
    return _rewrite(path, [("dispatch_cycles", ""), *fields])


def _costs(cycles: Mapping[str, float]) -> list[tuple[str, str]]:
    """Field and value of each cost of a runtime."""
    return [(f"{term}_cycles", f"{_rounded(cycles[term])} {UNITS[term]}") for term in PRIORS if term in cycles and term in UNITS]


def _rewrite(path: Path, fields: Iterable[tuple[str, str]], factors: Mapping[str, float] | None = None) -> Path | None:
    """The file with new numbers; fields it lacks come after the one before them."""
    text = old = path.read_text(encoding="utf-8")
    before = None
    for name, value in fields:
        text = _with_field(path, text, name, value, before) if value else text
        before = name
    if factors is not None:
        text = _with_factors(text, factors)
    if text == old:
        return None
    path.write_text(text, encoding="utf-8")
    return path


def _with_field(path: Path, text: str, name: str, value: str, before: str | None) -> str:
    plain = re.compile(rf"^(  {name}: )(?!\{{)(.*)$", re.MULTILINE)
    sourced = re.compile(rf"^(  {name}: \{{value: )[^,]*(,.*)$", re.MULTILINE)
    if sourced.search(text) and value.startswith("{"):
        value = value.removeprefix("{value: ").partition(",")[0]
    if plain.search(text):
        return plain.sub(lambda m: f"{m[1]}{value}", text)
    if sourced.search(text):
        return sourced.sub(lambda m: f"{m[1]}{value}{m[2]}", text)
    after = re.compile(rf"^  {before}: .*$", re.MULTILINE)
    if before is None or not after.search(text):
        raise FitError(f"{path.name}: no field '{name}' and none to put it after; a runtime or core file is expected")
    return after.sub(lambda m: f"{m[0]}\n  {name}: {value}", text)


def _with_factors(text: str, factors: Mapping[str, float]) -> str:
    """Factors of a core on single terms."""
    lines = [f"  {term}: {_rounded(factors[term])}" for term in FACTORED if term in factors]
    kept = re.findall(r"^  float_.*$", text, flags=re.MULTILINE)  # of fp32, which these rows do not speak of
    block = "".join(f"{line}\n" for line in ["multipliers:", "  source: core_factor", "  status: fitted", *lines, *kept])
    without = re.sub(r"^multipliers:\n(?:  .*\n)*", "", text, flags=re.MULTILINE)
    return without.replace("sources:\n", f"{block}sources:\n", 1)


def _rounded(value: float) -> str:
    """Three significant digits.

    >>> _rounded(0.57712), _rounded(308.87)
    ('0.577', '309')
    """
    return f"{value:.3g}"


def write_row_counts(rows: Rows, path: Path = TABLE) -> None:
    """Put the number of rows of each runtime and core into their table."""
    by_runtime, by_core = row_counts(rows)
    lines = [f"core,{name},{count}" for name, count in zip(rows.cores, by_core.tolist(), strict=True)]
    lines += [f"runtime,{name},{count}" for name, count in zip(rows.runtimes, by_runtime.tolist(), strict=True)]
    path.write_text("\n".join(["kind,name,rows", *lines]) + "\n", encoding="utf-8")


def main() -> None:
    """Everything that the rows of microcontrollers teach, written into the project's files."""
    rows = latency_rows()[1]
    write(fit(rows))
    code = CodeFit(flash_rows("total"))
    for name in code.runtimes:
        base, *growth = code.of_runtime(name)
        write_code(name, base, growth)
    write_row_counts(rows)
    put_intervals(MICROCONTROLLERS, [*learnt(), learnt_float()])


if __name__ == "__main__":
    main()
