"""A trained network as a package that MLflow serves, with all that it needs and nothing else."""
