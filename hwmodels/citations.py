"""Which source a value of a file names, and what that name stands for."""

from __future__ import annotations

from collections.abc import Mapping

from hwmodels.document import Entry, nearest
from hwmodels.provenance import Source, Status

STATUSES = tuple(Status)


def named_sources(root: Entry) -> dict[str, str]:
    """The ``sources`` section: name -> citation. Takes the section out of the tree."""
    section = root.fields.pop("sources", None)
    if section is None:
        return {}
    found: dict[str, str] = {}
    for name, entry in section.fields.items():
        if not isinstance(entry.content, str):
            raise entry.error(f"source '{name}' is {entry.as_written}", "a citation in one text is expected")
        found[name] = " ".join(entry.content.split())
    return found


def source_of(entry: Entry, sources: Mapping[str, str]) -> Source | None:
    """The source of one value; ``None`` where it names none.

    A name of the ``sources`` section, or a citation written out. One word that is no name of the section is a slip and refused.
    """
    status = _status(entry)
    if entry.origin is not None:
        return Source(as_written(entry), entry.origin, status)
    if entry.source is None:
        return None
    citation = sources.get(entry.source)
    if citation is None:
        if len(entry.source.split()) < 2:
            raise entry.error(
                f"source '{entry.source}' is not in the section 'sources'",
                "a name from there is expected",
                nearest(entry.source, sources),
            )
        citation = " ".join(entry.source.split())
    return Source(as_written(entry), citation, status)


def as_written(entry: Entry) -> str:
    """The value as it stands in the file, with its clock."""
    return f"{entry.as_written} of {entry.clock}" if entry.clock else entry.as_written


def _status(entry: Entry) -> Status:
    if entry.status is None:
        return Status.DATASHEET
    if entry.status not in STATUSES:
        raise entry.error(
            f"status '{entry.status}' stood here", f"one of {', '.join(STATUSES)} is expected", nearest(entry.status, STATUSES)
        )
    return Status(entry.status)
