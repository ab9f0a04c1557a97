"""Which rows are fitted on and which are tested: by whole network, family or chip, never by near copies.

A split is a list of folds. What a fold holds out is removed from everything that is fitted, as its ``scope`` says:

``chip``
    out of the fit of its own chip only; class priors may have seen it (the figure for known networks);
``everything``
    out of everything that is fitted, priors and class constants included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from validation.errors import DatasetError
from validation.measurement import Measurement

KINDS = ("none", "leave-one-network-out", "leave-one-family-out", "leave-one-device-out", "few-shot:K", "fit:N", "holdout:FILE")


@dataclass(frozen=True)
class Fold:
    """Rows to test on, and what their prediction may have seen.

    Attributes
    ----------
    held_out : str
        What is held out: name of the network, family or chip.
    test : tuple of int
        Rows that are predicted and counted.
    fit : tuple of int
        Rows that may be fitted on.
    scope : str
        ``chip`` or ``everything``, see above; ``nothing`` where nothing is held out.
    given_back : tuple of int
        Rows of the held-out chip that are fitted on all the same (few-shot); they are not tested.
    """

    held_out: str
    test: tuple[int, ...]
    fit: tuple[int, ...]
    scope: str
    given_back: tuple[int, ...] = ()


def folds(
    rows: Sequence[Measurement], split: str, *, seed: int = 0, shots: Sequence[str] = (), held: frozenset[int] = frozenset()
) -> list[Fold]:
    """Folds of a split by its name (one of KINDS).

    Parameters
    ----------
    rows : sequence of Measurement
    split : str
    seed : int
        Of ``fit:N``.
    shots : sequence of str
        Networks given back in ``few-shot:K``; K of them are used.
    held : frozenset of int
        Rows of the file of ``holdout:FILE``.

    Raises
    ------
    DatasetError
        An unknown split, or one that leaves nothing to fit on or to test.
    """
    kind, _, argument = split.partition(":")
    everything = tuple(range(len(rows)))
    if kind == "none":
        return [Fold("nothing", everything, everything, "nothing")]
    if kind == "leave-one-network-out":
        return list(_leave_out(rows, lambda row: row.model, "chip"))
    if kind == "leave-one-family-out":
        return list(_leave_out(rows, lambda row: row.family or row.model, "everything"))
    if kind == "leave-one-device-out":
        return list(_leave_out(rows, lambda row: row.chip or row.device, "everything"))
    if kind == "few-shot":
        return list(_few_shot(rows, _whole_number(split, argument), shots))
    if kind == "fit":
        return [_random(rows, _whole_number(split, argument), seed)]
    if kind == "holdout":
        return [_checked(Fold("holdout", tuple(sorted(held)), tuple(i for i in everything if i not in held), "everything"), split)]
    raise DatasetError(f"split: '{split}' is not a split; one of {', '.join(KINDS)} is expected")


def _leave_out(rows: Sequence[Measurement], key: Callable[[Measurement], str], scope: str) -> Iterator[Fold]:
    keys = [key(row) for row in rows]
    for name in sorted(set(keys)):
        test = tuple(i for i, other in enumerate(keys) if other == name)
        yield Fold(name, test, tuple(i for i, other in enumerate(keys) if other != name), scope)


def _few_shot(rows: Sequence[Measurement], shots: int, networks: Sequence[str]) -> Iterator[Fold]:
    if len(networks) < shots:
        raise DatasetError(f"split: few-shot:{shots} with {len(networks)} networks named; at least {shots} are expected")
    known = set(networks[:shots])
    for fold in _leave_out(rows, lambda row: row.chip or row.device, "everything"):
        back = tuple(i for i in fold.test if rows[i].model in known)
        test = tuple(i for i in fold.test if rows[i].model not in known)
        if test:
            yield Fold(fold.held_out, test, (*fold.fit, *back), fold.scope, back)


def _random(rows: Sequence[Measurement], count: int, seed: int, most: int = 1000) -> Fold:
    order = np.random.default_rng(seed).permutation(len(rows))
    chosen, rest = order[:count], order[count : count + most]
    return _checked(
        Fold(f"all but {count}", tuple(sorted(map(int, rest))), tuple(sorted(map(int, chosen))), "everything"), f"fit:{count}"
    )


def _whole_number(split: str, argument: str) -> int:
    if not argument.isdigit() or int(argument) < 1:
        raise DatasetError(f"split: '{split}'; a whole number of at least 1 is expected after the colon")
    return int(argument)


def _checked(fold: Fold, split: str) -> Fold:
    if not fold.test or not fold.fit:
        raise DatasetError(f"split: '{split}' leaves {len(fold.fit)} rows to fit on and {len(fold.test)} to test; both are needed")
    return fold
