"""How fast subwright is, beside other linters and beside what Python itself allows: `python -m benchmarks`."""
