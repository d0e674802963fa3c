"""A stage's notebook in JupyterLab: the pipeline's parameters, products of its own."""
