"""WHAT TO CHOOSE. Problem in, better choice out: placements, mappings, orders, offsets.

A strategy changes a graph or a plan and says in one line what it changed; the schedule that comes of it is priced and played like
any other. So far: :mod:`~strategies.buffers` gives the tensors of a memory their offsets.
"""
