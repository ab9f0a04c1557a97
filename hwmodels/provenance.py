"""Source and Status: where each number of a device comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How far a value is to be trusted."""

    DATASHEET = "datasheet"
    MEASURED = "measured"
    FITTED = "fitted"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value comes from.

    Attributes
    ----------
    as_written : str
        The value as it stands in the file, number and unit.
    citation : str
        Document, table, page; or the file it was taken from.
    status : Status
    """

    as_written: str
    citation: str
    status: Status = Status.DATASHEET
