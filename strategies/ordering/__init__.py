"""The order of operators that holds the fewest bytes at its worst moment.

Any valid order computes the same; what differs is how many tensors wait for their readers. The problem is NP-complete in general.
Networks are narrow, though: between two operators that everything passes through few orders differ, and most steps are free.
"""

from strategies.ordering.problem import Allocation, Ordering, OrderProblem, Sharing
from strategies.ordering.search import least_peak_order

__all__ = ["Allocation", "OrderProblem", "Ordering", "Sharing", "least_peak_order"]
