"""WHAT HAPPENS. Counts meet rates here.

:func:`~sim.lower.lower` turns a network, a device and a plan into a :class:`~sim.schedule.Schedule`: amounts of work on named
resources, with precedence and without seconds. :func:`~sim.durations.durations` prices every task, rounded once to whole
picoseconds. From these columns :func:`~sim.estimate.estimate` writes the answer down in closed form, and
:func:`~sim.engine.simulate` plays it out event by event; both turn into the same :class:`~sim.results.Estimate`. :mod:`~sim.check`
says which rule a schedule, a trace or an estimate breaks, and shares no code with either way. :mod:`~sim.batch` evaluates one
network for many candidate units at once.
"""
