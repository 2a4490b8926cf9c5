"""One network taught by several: what they say of each text, how much each counts, and who may teach whom."""
