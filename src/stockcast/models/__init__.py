"""Networks and baselines: fitting, asking, combining, recalibrating, and deciding which serves."""
