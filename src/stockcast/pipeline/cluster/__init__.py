"""Runs notebooks on the workers of a Dask cluster, in the order and with the words of a local run.

A worker is told one notebook at a time, as JSON: the settings, the task's plan, the notebook with
its parameters. It answers in JSON what became of it. Workers that see the run's root work in it;
others have a folder of their own, and get and give the files of a task by a shared store.
"""
