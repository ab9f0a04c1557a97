"""Every formula for the seconds and joules of one action on one part; one file per kind of unit.

A file of this package holds scalar functions of rates. They are called as they stand by the event simulation and by ``explain``,
and in compiled form by the batch kernels. For each unit kind there is a named tuple of its numbers and a price kernel
``prices(parameters, prices)`` that fills the seconds per unit amount of each of its terms; :data:`PRICES` names them.
"""

from __future__ import annotations

from importlib import import_module

from hwmodels.jit import Kernel

#: Unit kind -> (module, price kernel); looked up by :func:`prices_of`, so that one kind loads without the others.
PRICES: dict[str, tuple[str, str]] = {
    "cpu": ("hwmodels.costs.cpu", "cpu_prices"),
    "gpu": ("hwmodels.costs.gpu", "gpu_prices"),
    "mcu": ("hwmodels.costs.mcu", "mcu_prices"),
    "vector": ("hwmodels.costs.vector", "vector_prices"),
}


def prices_of(kind: str) -> Kernel[..., None]:
    """The price kernel of a unit kind.

    >>> prices_of("cpu").__name__
    'cpu_prices'
    """
    module, name = PRICES[kind]
    found: Kernel[..., None] = getattr(import_module(module), name)
    return found
