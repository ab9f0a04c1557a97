"""No local reuse: elements keep nothing, all storage is in the buffer; inputs are broadcast, sums added by trees."""

from dataflows.dataflow import Dataflow

NO_LOCAL_REUSE = Dataflow(
    name="nlr",
    title="no local reuse",
    stays="",
    rows=("C",),
    columns=("M",),
    order=("G", "N", "M", "E", "F", "C", "R", "S"),
    keeps=(),
    source="Chen, Emer, Sze, ISCA 2016, section IV; DianNao, Chen et al., ASPLOS 2014; Zhang et al., FPGA 2015",
)
