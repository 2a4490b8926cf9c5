"""The words of a corpus: their ids, and vectors for them."""
