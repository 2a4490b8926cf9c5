"""Raw rows -> clean rows with tokens."""
