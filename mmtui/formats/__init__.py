"""What a timeline can be written as, and a written log read back. A writer makes bytes of a timeline."""
