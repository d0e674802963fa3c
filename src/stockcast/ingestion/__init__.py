"""What is done to a frame of prices: its contract, repairs, splits, adjustment, and quarantine."""
