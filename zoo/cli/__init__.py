"""Command line: one file a command. Nothing imports this package."""
