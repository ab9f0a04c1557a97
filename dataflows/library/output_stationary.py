"""Output stationary: one sum per element until it is finished. The variants differ in which outputs are spread."""

from dataflows.dataflow import Dataflow

#: One output channel, many pixels: weights are broadcast, inputs move between neighbours (ShiDianNao class).
OUTPUT_STATIONARY_A = Dataflow(
    name="os_a",
    title="output stationary, one channel and many pixels",
    stays="outputs",
    rows=("E",),
    columns=("F",),
    order=("G", "N", "M", "E", "F", "C", "R", "S"),
    keeps=("outputs",),
    shifts=("R", "S"),
    source="Chen, Emer, Sze, ISCA 2016, section IV (SOC-MOP); ShiDianNao, Du et al., ISCA 2015",
)

#: Many output channels, many pixels.
OUTPUT_STATIONARY_B = Dataflow(
    name="os_b",
    title="output stationary, many channels and many pixels",
    stays="outputs",
    rows=("M",),
    columns=("F", "E", "N"),
    order=("G", "N", "E", "F", "M", "C", "R", "S"),
    keeps=("outputs",),
    shifts=("S",),
    source="Chen, Emer, Sze, ISCA 2016, section IV (MOC-MOP); Peemen et al., ICCD 2013",
)

#: Many output channels, one pixel: every element has its own filter, inputs are broadcast.
OUTPUT_STATIONARY_C = Dataflow(
    name="os_c",
    title="output stationary, many channels and one pixel",
    stays="outputs",
    rows=("M",),
    columns=("M",),
    order=("G", "N", "E", "F", "M", "C", "R", "S"),
    keeps=("outputs",),
    source="Chen, Emer, Sze, ISCA 2016, section IV (MOC-SOP); Origami, Cavigelli et al., GLSVLSI 2015",
)
