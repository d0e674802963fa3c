"""No notebook imports it."""
