"""A small library for the fixture notebooks."""
