"""MLflow's own server on a store that exists, as a machine of its own or behind a DagsHub.

    python -m tests.standins.tracking DATABASE ARTIFACTS PORT [USER/REPOSITORY TOKEN]

Prints its port, which PORT 0 leaves to the system. With a repository it speaks as much of DagsHub's
interface as its client asks for, and lets nobody in without the token.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]

_USER = {
    **dict.fromkeys(("full_name", "avatar_url", "public_email", "website", "company"), ""),
    "id": 1,
    "login": "ada",
    "username": "ada",
    "description": "",
}


def mlflow_server(database: str, artifacts: str) -> Application:
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = database
    os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
    os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = artifacts
    os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
    from mlflow.server import app

    served: Application = app
    return served


def dagshub(repository: str, token: str, mlflow: Application) -> Application:
    """DagsHub with one repository and one user, whose token it is."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    login = base64.b64encode(f"ada:{token}".encode()).decode()
    info = {
        **dict.fromkeys(("description", "html_url", "clone_url", "created_at", "updated_at"), ""),
        **dict.fromkeys(("private", "fork", "empty", "mirror"), False),
        **dict.fromkeys(("size", "stars_count", "forks_count", "watchers_count"), 0),
        "id": 1,
        "owner": _USER,
        "name": repository.partition("/")[2],
        "full_name": repository,
        "parent": None,
        "ssh_url": None,
        "website": None,
        "open_issues_count": 0,
        "default_branch": "main",
        "permissions": None,
    }
    pages = {"/api/v1/user": _USER, f"/api/v1/repos/{repository}": info}

    def api(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        start("404 Not Found" if page is None else "200 OK", [("Content-Type", "application/json")])
        return [json.dumps(page).encode()]

    site = DispatcherMiddleware(api, {f"/{repository}.mlflow": mlflow})

    def guarded(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ.get("HTTP_AUTHORIZATION") not in (f"Bearer {token}", f"Basic {login}"):
            start("401 Unauthorized", [("Content-Type", "text/plain")])
            return [b"who are you?"]
        return site(environ, start)

    return guarded


def main(database: str, artifacts: str, port: str, repository: str = "", token: str = "") -> None:
    from werkzeug.serving import make_server

    served = mlflow_server(database, artifacts)
    if repository:
        served = dagshub(repository, token, served)
    server = make_server("127.0.0.1", int(port), served, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
