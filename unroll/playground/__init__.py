"""A page on this machine to try the trained networks on a text of one's own."""
