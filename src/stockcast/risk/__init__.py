"""What a forecast is worth to who acts on it: tests of its tails, decisions, several stocks."""
