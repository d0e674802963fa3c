"""What is done to a frame of prices: its contract, repairs, split detection, adjustment."""
