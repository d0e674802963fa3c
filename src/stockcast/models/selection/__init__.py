"""Which model serves: assessed beside the baselines, let through the gate, published."""
