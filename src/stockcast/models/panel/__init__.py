"""A network that learns from many stocks at once, and what it learns from."""
