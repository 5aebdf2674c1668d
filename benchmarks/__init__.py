"""Speed, as ratios against a peer or a floor that is measured in the same run, in alternation.

`python -m benchmarks.NAME` prints one benchmark, `python -m benchmarks` (or `make bench`) runs all and writes SPEED.md.
"""
