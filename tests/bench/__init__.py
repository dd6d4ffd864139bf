"""How fast mmtui is: `python -m tests.bench` prints one table."""
