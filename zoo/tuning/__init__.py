"""The search for good settings: the space, the study that many processes may share, and who works on it."""
