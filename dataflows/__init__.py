"""dataflows."""
