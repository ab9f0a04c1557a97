"""Input stationary: one input word per element, weights streamed past, sums added down the array."""

from dataflows.dataflow import Dataflow

INPUT_STATIONARY = Dataflow(
    name="is",
    title="input stationary",
    stays="inputs",
    rows=("C", "R", "S"),
    columns=("F", "E", "N"),
    order=("G", "N", "E", "F", "C", "R", "S", "M"),
    keeps=("inputs",),
    source="Samajdar et al., ISPASS 2020, section III; SCNN, Parashar et al., ISCA 2017",
)
