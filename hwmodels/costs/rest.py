"""Joules of a device that has nothing to do: idle at first, asleep when that lasts, then woken up."""

from __future__ import annotations


def rest_joules(rest_s: float, idle_w: float, patience_s: float, sleep_w: float, wake_up_s: float, wake_up_j: float) -> float:
    """Energy of one rest: idle power for as long as it is patient, sleep power after that, and what waking up takes.

    Parameters
    ----------
    rest_s : float
        From the end of one task to the start of the next; waking up is its last part [s].
    idle_w, sleep_w : float
        Power in the two states [W].
    patience_s : float
        It falls asleep when it has been idle for so long; infinite is never [s].
    wake_up_s, wake_up_j : float
        Time and energy of waking up [s], [J].

    >>> rest_joules(1.0, 0.5, float("inf"), 0.01, 0.0, 0.0), round(rest_joules(1.0, 0.5, 0.1, 0.01, 0.1, 0.02), 6)
    (0.5, 0.078)
    """
    if rest_s <= patience_s:
        return idle_w * rest_s
    return idle_w * patience_s + sleep_w * max(0.0, rest_s - patience_s - wake_up_s) + wake_up_j
