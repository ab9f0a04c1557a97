"""boardless.plots."""
