"""Short lessons over the sample traces: a question before each reveal, the answer asked of the timeline itself."""
