"""workloads.operators."""
