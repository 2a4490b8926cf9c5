"""The reference systems: what was published of them, and what they give here."""
