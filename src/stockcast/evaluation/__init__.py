"""What a forecast is worth: quantiles, losses, their significance, and the scorecard."""
