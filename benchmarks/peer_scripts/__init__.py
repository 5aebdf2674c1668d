"""The ways that `benchmarks.peers` compares: one process each, started with the Python that has the library.

`python -m benchmarks.peer_scripts.NAME TASK.json`: prepare, say `{"parameters": ...}`, then an epoch for each line on
standard input, each answered by `{"seconds": ...}`, and at the end `{"accuracy": ...}` of the test rows.
"""
