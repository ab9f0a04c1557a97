"""Row stationary: a filter row and an input row meet in one element; rows slide, sums are added up the column.

``dataflows/row_stationary.py`` times one chip of this kind pass by pass; this is the dataflow as a constraint on loops.
"""

from dataflows.dataflow import Dataflow

ROW_STATIONARY = Dataflow(
    name="rs",
    title="row stationary",
    stays="",
    rows=("R", "C"),
    columns=("E", "M"),
    order=("G", "E", "M", "C", "N", "F"),
    keeps=("weights", "inputs", "outputs"),
    inside=("M", "C", "S"),
    source="Chen, Emer, Sze, ISCA 2016, section V; Chen et al., JSSC 52(1), 2017, section III",
)
