"""The machine, its log, and the kernels that run on it."""
