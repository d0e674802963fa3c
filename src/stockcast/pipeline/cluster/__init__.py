"""Runs notebooks on the workers of a Dask cluster, in the order and with the words of a local run.

The runner sends a worker one notebook at a time, as JSON: the settings, the task's plan, the
notebook with its parameters. The worker answers in JSON how it ended. Workers that see the run's
root work in it; the others have a folder of their own, and exchange the files of a task through a
shared store.
"""
