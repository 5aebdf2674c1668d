"""Runs side by side: read from folders or W&B, put in order, tested for more than chance, shown as a page. No torch."""
