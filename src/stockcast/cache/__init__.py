"""Forecasts kept in Redis, and one computation at a time of each; all that knows Redis is here.

The cache is a convenience. When Redis is down, slow or talks nonsense, reading misses, writing
does nothing and a computation runs unguarded; that is said once, costs a call less than 100 ms,
and is not tried again for some seconds. Values are JSON.
"""

from stockcast.cache.connection import Health
from stockcast.cache.forecasts import (
    Cache,
    connect,
    forecast_ttl,
    running,
    seconds_to_live,
    stop,
)

__all__ = [
    "Cache",
    "Health",
    "connect",
    "forecast_ttl",
    "running",
    "seconds_to_live",
    "stop",
]
