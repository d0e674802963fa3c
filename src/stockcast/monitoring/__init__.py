"""Watching over a model in use: is its world still the one it was trained in, and who is told.

``anomaly`` asks whether the last sessions fit what came before, ``performance`` whether the
forecasts are as good as promised. ``thresholds`` sets each alarm by replaying undisturbed days, and
``health`` turns findings into a verdict. Evidently is known to ``evidently_report`` alone. Nothing
is imported here: a stage depends on what it uses.
"""
