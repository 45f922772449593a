"""How fast Tessera is beside its peers, on the same rows: `python -m benchmarks`."""
