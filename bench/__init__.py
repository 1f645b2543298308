"""Benchmarks: what monitoring costs, measured against what is used today."""
