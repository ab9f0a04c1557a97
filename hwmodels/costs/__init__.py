"""Every formula for the seconds and joules of one action on one part; one file per kind of unit.

A file of this package holds scalar functions of rates. They are called as they stand by the event simulation and by ``explain``, and
in compiled form by the batch kernels. ``PRICES`` gives, by unit kind, the function that fills the seconds per unit amount of each term.
"""
