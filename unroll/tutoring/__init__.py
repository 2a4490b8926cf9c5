"""A transformer that learns the classes of a corpus, so that networks learn from what it makes of the rows.

It reads the training and the validation split alone, and is gone before anything predicts.
"""
