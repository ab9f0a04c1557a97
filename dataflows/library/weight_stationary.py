"""Weight stationary: one weight per element, inputs broadcast, sums added down the array."""

from dataflows.dataflow import Dataflow

WEIGHT_STATIONARY = Dataflow(
    name="ws",
    title="weight stationary",
    stays="weights",
    rows=("C", "R", "S"),
    columns=("M",),
    order=("G", "M", "C", "R", "S", "N", "E", "F"),
    keeps=("weights",),
    source="Chen, Emer, Sze, ISCA 2016, section IV; nn-X, Gokhale et al., CVPRW 2014; Jouppi et al., ISCA 2017",
)
