"""Strength: what the shipped configs reach on public data, beside the peers that a user would take instead.

`python -m benchmarks.strength NAME [...]` runs one benchmark; its tables stand in RESULTS.md.
"""
