"""WHAT HAPPENS. Counts meet rates here.

:func:`~sim.lower.lower` turns a network, a device and a plan into a :class:`~sim.schedule.Schedule`: amounts of work on named
resources, with precedence and without seconds. :func:`~sim.durations.durations` prices every task, rounded once to whole
picoseconds. From these columns :func:`~sim.estimate.estimate` writes the answer down in closed form, and
:func:`~sim.simulation.simulate` plays it out event by event; both turn into the same :class:`~sim.results.Estimate`.
:mod:`~sim.check` says which rule a schedule, a trace or an estimate breaks, and shares no code with either way. :mod:`~sim.batch`
evaluates one network for many candidate units at once.

What is played is a :class:`~sim.system.System`: resources, ports, memories and activities, nothing but whole picoseconds and bytes.
:mod:`~sim.engine` plays it with SimPy, one process per activity, to be read; :mod:`~sim.compiled` plays it in one compiled loop, to
be searched with; the times are the same to the picosecond. :mod:`~sim.arbitration` says who goes first and who gets how much.

:mod:`~sim.caches` stands beside all this: misses of address streams, simulated, and of blocked loop nests, in closed form.
"""
