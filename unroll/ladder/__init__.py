"""The ladder: networks of which each adds one thing to another, and what that was worth."""
