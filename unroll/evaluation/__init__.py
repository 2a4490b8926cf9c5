"""Trained networks on the test split, and what their answers cost."""
