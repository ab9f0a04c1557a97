"""workloads.readers."""
