"""What is done to a network's quantiles: averaged with GARCH, recalibrated, given tails."""
