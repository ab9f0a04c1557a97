"""dataflows.library."""
