"""Runs, their figures and the registry of models; all that knows MLflow is here.

Every record goes to a store of the profile's own. Where the settings name an MLflow server,
:func:`ship` sends it there when a run of the pipeline ends, and :func:`sync` whenever somebody
asks. MLflow takes seconds to import, so it is imported when something is recorded.
"""

from stockcast.tracking.registry import ModelVersion, champion, promote, register
from stockcast.tracking.runs import Figure, Run, recent, run
from stockcast.tracking.store import remote_uri
from stockcast.tracking.upload import Synced, ship, sync

__all__ = [
    "Figure",
    "ModelVersion",
    "Run",
    "Synced",
    "champion",
    "promote",
    "recent",
    "register",
    "remote_uri",
    "run",
    "ship",
    "sync",
]
