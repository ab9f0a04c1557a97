"""Running with blocks moved in and out: programs of pieces and blocks, how operators are cut for them, and what is best.

``program.py`` says what must be where and when there is room; ``playing.py`` turns it into a system that the engines of ``sim/`` play;
``layers.py``, ``tiles.py`` and ``plans.py`` make a program of a network; ``residents.py`` and ``exact.py`` choose what stays.
"""
