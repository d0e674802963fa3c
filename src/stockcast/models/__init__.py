"""Forecasters: the network, the baselines it has to beat, their calibration, and the gate."""
