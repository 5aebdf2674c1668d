"""Scripts that import what is not installed here are not searched for doctests."""

collect_ignore_glob = ["with_*.py", "strength_of_tables.py"]
