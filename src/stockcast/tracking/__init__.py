"""Runs, their figures and the registry of models; all that knows MLflow is here.

The record goes to the MLflow server the settings name, else to a store of the profile's own. A
server that does not answer is said once and stands in nobody's way: the record goes to the
profile's own store, and :func:`sync` sends it later. MLflow takes seconds to import, so it is
imported when something is recorded.
"""

from stockcast.tracking.registry import ModelVersion, champion, promote, register
from stockcast.tracking.runs import Figure, Run, attach, recent, run
from stockcast.tracking.store import remote_uri
from stockcast.tracking.sync_queue import Synced, sync

__all__ = [
    "Figure",
    "ModelVersion",
    "Run",
    "Synced",
    "attach",
    "champion",
    "promote",
    "recent",
    "register",
    "remote_uri",
    "run",
    "sync",
]
