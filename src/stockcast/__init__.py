"""Calibrated stock forecasts from notebooks that also run in production."""

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# No telemetry may leave the machine, and MLflow's log lines go where ours do (it would take over
# Alembic's and SQLAlchemy's, too); each library reads its switch when it is first imported.
for _switch, _value in {
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PLOOMBER_STATS_ENABLED": "false",
    "PLOOMBER_VERSION_CHECK_DISABLED": "1",
    "FEAST_USAGE": "False",
}.items():
    os.environ.setdefault(_switch, _value)
