"""A network: what it reads, its layers, what it learns, and how its weights are kept."""
