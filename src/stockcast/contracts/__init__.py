"""What crosses a room's door: typed, versioned, and described once.

A product of a stage is a :class:`~stockcast.contracts.base.Product`: a pydantic model with a
version of its own, from which JSON schemas and OpenAPI come. Whatever writes or reads one goes
through its model; nobody else spells its fields.
"""
