"""The networks of a corpus, held against each other: statistics, and what they allow to say."""
