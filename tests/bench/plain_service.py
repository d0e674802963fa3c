"""The service that one writes first: a route that loads JSON from Redis, validates and returns it.

Same Redis, same key, same answer, same server; no limits, keys or counts.
"""

from __future__ import annotations

import json
import os

import redis
from fastapi import FastAPI, HTTPException

from stockcast.api.schemas import Answer, Forecast, TickerRequest

app = FastAPI()
_KEYS = json.loads(os.environ.get("PLAIN_KEYS", "{}"))
_REDIS = redis.Redis(unix_socket_path=os.environ.get("PLAIN_SOCKET", ""))


@app.post("/predict-child")
def predict_child(asked: TickerRequest) -> Answer:
    """Return the forecast of a stock."""
    found = _REDIS.get(_KEYS[asked.ticker])
    if found is None:
        raise HTTPException(404)
    return Answer(result=Forecast(**json.loads(found[64:])))  # behind the proof of who wrote it
