"""What a network has to beat: n-grams, counted and weighed, and logistic regression."""

NAME = "tfidf"
"""Under which it stands among networks, of which none may be called so."""
SYSTEM = "TF-IDF and logistic regression"
