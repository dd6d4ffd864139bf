"""The trace file: what it says, how it is read and written, what can be wrong with it."""
