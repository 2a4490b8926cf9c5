"""The way of a batch through a network, step by step."""
