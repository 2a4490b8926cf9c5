"""Figures as Vega-Lite specifications, for the page and for papers alike."""
