"""The run folder, loggers, and what is written at the end of a run."""
