"""New texts through a trained network."""
