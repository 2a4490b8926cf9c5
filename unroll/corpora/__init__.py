"""Where rows come from: the Hub or a mirror of it, PyPI, files of the user's own."""
