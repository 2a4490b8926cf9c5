"""MLflow as a projection of dvc.lock."""
