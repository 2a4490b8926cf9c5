"""A trained network as one ONNX file, and what reads texts with it where there is no torch."""
