"""SwapPlan: every move between a near and a far memory, every part an operator is cut into, and their order."""

from __future__ import annotations

from dataclasses import dataclass

from hwmodels.storage import Storage


@dataclass(frozen=True, slots=True)
class SwapStep:
    """One move or one part of an operator.

    Attributes
    ----------
    operator : int
    kind : str
        ``load``, ``compute`` or ``store``.
    name : str
        Tensor that is moved, or the part's name.
    bytes : int
        That are moved [B].
    share : float
        Part of the operator's work.
    after : tuple of int
        Earlier steps it needs.
    follows : tuple of int
        Earlier step on its channel or unit.
    until : int
        Of a load: the step with which its bytes may go; -1 where they never do.
    """

    operator: int
    kind: str
    name: str
    bytes: int
    share: float
    after: tuple[int, ...]
    follows: tuple[int, ...]
    until: int = -1


@dataclass(frozen=True)
class SwapPlan:
    """How a network runs with a near memory that is too small for it.

    Attributes
    ----------
    storage : Storage
        Where everything else is.
    near : str
        Memory that blocks are brought into.
    policy : str
    steps : tuple of SwapStep
        In an order in which they can be done.
    staying : frozenset of str
        Activation tensors that stay in the near memory.
    kept : frozenset of str
        Constants that stay where the device keeps them.
    resident_bytes : int
        Constants that stay in the near memory [B].
    near_peak : tuple of int
        By operator: most bytes in the near memory while it runs [B].
    computing_ps : int
        Length of the run if everything were in the near memory [ps].
    bound_ps : int
        No order of these moves is shorter, as far as was proved [ps].
    """

    storage: Storage
    near: str
    policy: str
    steps: tuple[SwapStep, ...]
    staying: frozenset[str]
    kept: frozenset[str]
    resident_bytes: int
    near_peak: tuple[int, ...]
    computing_ps: int
    bound_ps: int

    @property
    def loaded_bytes(self) -> int:
        """Bytes read from the far memory in one run [B]."""
        return sum(step.bytes for step in self.steps if step.kind == "load")

    @property
    def stored_bytes(self) -> int:
        """Bytes written to the far memory in one run [B]."""
        return sum(step.bytes for step in self.steps if step.kind == "store")
