"""What other people's assistants may ask, by the Model Context Protocol: read-only."""
