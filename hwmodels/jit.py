"""The kernel decorator; the one file that imports numba.

``@kernel`` leaves a Python function as it is until somebody asks for its compiled form. A single network is cheaper to evaluate
interpreted than to load a compiler for, so the same source serves both: ``f(...)`` from Python runs the plain function, from
another kernel it is the compiled one, and ``f.compiled(...)`` compiles and calls.

The compile cache lives in the user's cache folder under a digest of all kernel sources and of the versions of numba, numpy and
Python, because numba's own cache overlooks a changed callee in another file, and formulas are exactly that.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")

#: Files that may hold kernels, relative to the folder that contains the packages.
KERNEL_SOURCES = (
    "workloads/tables.py", "hwmodels/jit.py", "hwmodels/tables.py", "hwmodels/costs/*.py", "dataflows/*.py", "sim/tables.py",
    "sim/kernels.py", "sim/arbitration.py", "sim/event_tables.py", "sim/kernels_events.py", "sim/kernels_caches.py",
    "strategies/kernels*.py",
    "strategies/arena/*.py", "strategies/ordering/*.py",
)  # fmt: skip

_notice: Callable[[str], None] | None = None


class Kernel(Generic[P, R]):
    """A function with a compiled twin, compiled when first asked for."""

    def __init__(self, function: Callable[P, R], makes_arrays: bool = True, inline: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.makes_arrays = makes_arrays
        self.inline = inline
        self._dispatcher: Any = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.py_func(*args, **kwargs)

    @property
    def dispatcher(self) -> Any:
        """The numba function, or the plain one where compilation is switched off (``NUMBA_DISABLE_JIT=1``)."""
        if self._dispatcher is None:
            self._dispatcher = _compile_lazily(self)
        return self._dispatcher

    def compiled(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the compiled form; the first call compiles or loads from the cache."""
        return self.dispatcher(*args, **kwargs)


@overload
def kernel(function: Callable[P, R]) -> Kernel[P, R]: ...


@overload
def kernel(*, makes_arrays: bool = True, inline: bool = False) -> Callable[[Callable[P, R]], Kernel[P, R]]: ...


def kernel(function: Any = None, *, makes_arrays: bool = True, inline: bool = False) -> Any:
    """Mark a function as compilable: numbers, tables and arrays in, numbers or filled columns out.

    ``makes_arrays=False`` promises that the function creates no array: the compiled form then counts no references. ``inline=True``
    puts a small function into its callers. Together they make small functions that are handed tables many times faster.

    >>> @kernel
    ... def twice(x):
    ...     return 2 * x
    >>> twice(3)
    6
    """
    if function is None:
        return functools.partial(Kernel, makes_arrays=makes_arrays, inline=inline)
    return Kernel(function, makes_arrays, inline)


def on_compile(notice: Callable[[str], None] | None) -> None:
    """Have ``notice`` called with one line before something is compiled for the first time."""
    global _notice
    _notice = notice


def _compile_lazily(entry: Kernel[Any, Any]) -> Any:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return entry.py_func
    folder = _cache_folder()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    import numba

    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    function = entry.py_func
    # Other kernels that this one calls are swapped for their compiled forms in its globals, without touching the module.
    names = {n: v for n, v in function.__globals__.items() if isinstance(v, Kernel) and v is not entry}
    used = {n: v.dispatcher for n, v in names.items() if n in _names_in(function.__code__)}
    if used:
        function = _with_globals(function, used)
    counting: dict[str, Any] = {} if entry.makes_arrays else {"_nrt": False}
    if entry.inline:
        counting["forceinline"] = True
    dispatcher = numba.njit(cache=True, fastmath=False, error_model="numpy", nogil=True, **counting)(function)
    if _notice is not None and not any(folder.rglob(f"*{entry.py_func.__name__}*.nbi")):
        _notice(f"compiling {entry.py_func.__name__} (once; kept in {folder})")
    return dispatcher


def _names_in(code: Any) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            found |= _names_in(constant)
    return found


def _with_globals(function: Any, replaced: dict[str, Any]) -> Any:
    twin = types.FunctionType(
        function.__code__, {**function.__globals__, **replaced}, function.__name__, function.__defaults__, function.__closure__
    )
    twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
    return twin


@functools.cache
def _cache_folder() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "boardless" / "kernels"
    folder = home / _digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        _remove_old(home, folder)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="boardless-kernels-"))
        warnings.warn(f"kernel cache {home} cannot be written; using {folder} for this run", stacklevel=2)
    return folder


def _digest() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for package in ("numba", "numpy"):
        digest.update(importlib.metadata.version(package).encode())
    root = Path(__file__).resolve().parent.parent
    digest.update(str(root).encode())
    for pattern in KERNEL_SOURCES:
        for path in sorted(root.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _remove_old(home: Path, current: Path, keep_seconds: float = 7 * 86400.0) -> None:
    for other in home.iterdir():
        if other != current and other.is_dir() and time.time() - other.stat().st_mtime > keep_seconds:
            shutil.rmtree(other, ignore_errors=True)
