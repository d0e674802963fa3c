"""A stage's notebook at a researcher's hands: the pipeline's parameters, products of its own."""
