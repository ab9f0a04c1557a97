"""workloads.transforms."""
