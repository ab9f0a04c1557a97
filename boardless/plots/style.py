"""How pictures look: one colour per role, axis text and units from the names of the columns."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from boardless.text import shortened
from sim.results import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

#: Colours by role, told apart by readers of every kind of colour vision (Okabe and Ito, Color Universal Design, 2008).
COLOURS = {
    "compute": "#0072B2",
    "packing": "#CC79A7",
    "overhead": "#8C8C8C",
    "wait": "#F0E442",
    "idle": "#EDEDED",
    "weights": "#56B4E9",
    "activations": "#009E73",
    "capacity": "#D55E00",
    "free": "#D9D9D9",
}

#: Memory levels and links, which are not known beforehand, take these in order of their names.
TRANSFERS = ("#D55E00", "#E69F00", "#009E73", "#56B4E9", "#882255", "#44AA99", "#999933")

#: Colour of lines and words.
INK = "#333333"
_SETTINGS: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": "#E0E0E0",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "boardless",
}

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
_BINARY = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_UNITS = {"s": "s", "j": "J", "bytes": "B", "macs_per_s": "MAC/s", "macs_per_byte": "MAC/B", "w": "W"}


def phase_colours(phases: Iterable[str]) -> dict[str, str]:
    """Colour of each phase or bound; the same phases get the same colours in every picture, whatever their order.

    >>> phase_colours(["dram", "compute"]) == phase_colours(["compute", "dram"])
    True
    """
    names = sorted(set(phases), key=lambda name: (name not in COLOURS, name))
    transfers = [name for name in names if name not in COLOURS]
    return {name: COLOURS.get(name) or TRANSFERS[transfers.index(name) % len(TRANSFERS)] for name in names}


def colours_of(estimate: Estimate) -> dict[str, str]:
    """Colour of each phase that some operator of an estimate has."""
    return phase_colours(phase for row in estimate.operators for phase, _ in row.phases)


def unit_of(column: str) -> str:
    """Unit that a column's name ends with.

    >>> unit_of("latency_s"), unit_of("peak_bytes"), unit_of("intensity_macs_per_byte")
    ('s', 'B', 'MAC/B')
    """
    for suffix in sorted(_UNITS, key=len, reverse=True):
        if column.endswith(f"_{suffix}"):
            return _UNITS[suffix]
    return ""


def scale_of(column: str, largest: float) -> tuple[float, str]:
    """Divisor and unit that make the largest value of a column a handy number.

    >>> scale_of("latency_s", 0.041), scale_of("peak_bytes", 300000)
    ((0.001, 'ms'), (1024.0, 'KiB'))
    """
    unit = unit_of(column)
    if unit == "B":
        return next(((size, name) for size, name in _BINARY if largest >= size), (1.0, "B"))
    if not unit or largest <= 0:
        return 1.0, unit
    factor, prefix = next(((size, name) for size, name in _PREFIXES if largest >= size), _PREFIXES[-1])
    return factor, prefix + unit


def label_of(column: str, unit: str | None = None) -> str:
    """Axis text of a column: its words and its unit.

    >>> label_of("latency_s", "ms"), label_of("step")
    ('latency [ms]', 'step')
    """
    own = unit_of(column)
    suffix = next((s for s, name in _UNITS.items() if name == own and column.endswith(f"_{s}")), "")
    words = column.removesuffix(f"_{suffix}") if suffix else column
    shown = unit if unit is not None else own
    return words.replace("_", " ") + (f" [{shown}]" if shown else "")


def tick(value: float, _: float = 0) -> str:
    """A tick of a logarithmic axis with its decimal prefix.

    >>> tick(1e10), tick(0.001), tick(20.0)
    ('10 G', '1 m', '20')
    """
    factor, prefix = next(((size, name) for size, name in _PREFIXES if value >= size * 0.999), _PREFIXES[-1])
    return f"{value / factor:.3g} {prefix}".rstrip()


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the project's look, and leave the user's settings as they were."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib as mpl

        with mpl.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return drawn


def new_figure() -> Figure:
    """An empty figure that is drawn without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axes(axes: Axes | None, width: float = 8.0, height: float = 4.5) -> Axes:
    """The given axes, or new ones; a figure that holds nothing else takes the size the picture needs."""
    if axes is None:
        axes = new_figure().add_subplot()
    figure: Any = axes.figure
    if len(figure.axes) == 1:
        figure.set_size_inches(width, height)
    return axes


@styled
def png(draw: Callable[[Axes], object]) -> bytes:
    """Draw into a new figure and return it as PNG; the same drawing gives the same bytes."""
    figure = new_figure()
    draw(figure.add_subplot())
    page = io.BytesIO()
    figure.savefig(page, format="png", dpi=144, metadata={"Software": None})
    return page.getvalue()


def picture_name(network: str, device: str, figure: str) -> str:
    """``network_device_figure.png`` with nothing in it that a file name cannot have.

    >>> picture_name("my net/v2", "raspberry_pi_4", "roofline")
    'my-net-v2_raspberry_pi_4_roofline.png'
    """
    return "_".join(re.sub(r"[^\w.+-]+", "-", part) for part in (network, device, figure)) + ".png"


def titled(axes: Axes, network: str, device: str, what: str) -> None:
    """Title of a figure: what it shows, of which network on which device."""
    axes.set_title(f"{shortened(network, 40)} on {shortened(device, 40)}: {what}")
