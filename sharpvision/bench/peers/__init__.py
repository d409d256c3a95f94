"""Scripts that a benchmark runs with a peer's own Python; each imports the peer and nothing of this package."""
