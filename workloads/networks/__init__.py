"""workloads.networks."""
