"""Tensors -> offsets: where each buffer lies in the arena of its memory.

Buffers that are held at the same step must not share an address; the arena's height is the highest end of any. The peak load (bytes
held at the worst step) is a lower bound of the height under every planner, and not always reached: the problem is NP-hard. Quick
planners place one buffer after the other; the exact one searches, proves, and says how far it came. ``check.py`` looks at any plan
and shares no code with the planners.
"""

from sim.arena import Span, height, peak_load
from strategies.arena.check import faults
from strategies.arena.exact import Budget
from strategies.arena.planners import PLANNERS, plan_arena
from strategies.arena.spans import ArenaPlan

__all__ = ["PLANNERS", "ArenaPlan", "Budget", "Span", "faults", "height", "peak_load", "plan_arena"]
