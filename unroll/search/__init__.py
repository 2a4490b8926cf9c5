"""Settings of a network, searched on the validation split alone, within a budget that is written down."""
