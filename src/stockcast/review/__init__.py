"""What a reviewer reads: the page of each run, and what differs between two runs.

Everything here is read from the records that runs leave (:mod:`stockcast.pipeline.archive`), which
later runs do not change.
"""
