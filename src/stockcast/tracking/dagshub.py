"""The MLflow server of a DagsHub repository, by DagsHub's own client; all that knows it is here.

``dagshub.init`` is not used: it opens a browser where a token is missing and writes tokens to the
person's home. The client takes seconds to import, so it is imported when a repository is named.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from stockcast.errors import Unavailable
from stockcast.settings import Settings

__all__ = ["log_in", "prepare", "tracking_uri"]

_logged_in: set[tuple[str, str]] = set()


def prepare() -> None:
    """Import the client: the time it takes is not the server's."""
    import dagshub.common.api  # noqa: F401

    # it logs what it raises, too
    logging.getLogger("dagshub").setLevel(logging.CRITICAL)


def tracking_uri(settings: Settings) -> str:
    """Return the address of the repository's MLflow server."""
    return f"{_repository(settings).repo_url}.mlflow"


def log_in(settings: Settings) -> None:
    """Look up the token's user, and give both to MLflow.

    Raises:
        Unavailable: there is no token, DagsHub does not answer, or it refuses.
    """
    import httpx
    from dagshub.common.api.repo import RepoNotFoundError
    from dagshub.common.api.user import UserAPI

    repository = _repository(settings)
    token = _token(settings)
    if (repository.repo_url, token) in _logged_in:
        return
    if not token:
        raise Unavailable("DagsHub needs a token (DAGSHUB_TOKEN)")
    try:
        repository.get_repo_info()
        name = UserAPI.get_user_from_token(repository.auth, host=repository.host).username
    except RepoNotFoundError:
        raise Unavailable(f"DagsHub has no repository {repository.repo_url}") from None
    except httpx.HTTPError as error:
        raise Unavailable(f"DagsHub does not answer: {error}") from None
    except (RuntimeError, TypeError, ValueError) as error:  # a status, or an answer that is not its
        raise Unavailable(f"DagsHub refuses: {error}") from None
    # as dagshub.init does; MLflow takes them from the environment alone
    os.environ["MLFLOW_TRACKING_USERNAME"] = name
    os.environ["MLFLOW_TRACKING_PASSWORD"] = token
    _logged_in.add((repository.repo_url, token))


def _repository(settings: Settings) -> Any:
    from dagshub.auth.token_auth import HTTPBearerAuth
    from dagshub.common.api.repo import RepoAPI

    name = f"{settings.dagshub_user_name}/{settings.dagshub_repo_name}"
    return RepoAPI(name, auth=HTTPBearerAuth(_token(settings) or "none"))


def _token(settings: Settings) -> str:
    return settings.dagshub_token.get_secret_value() if settings.dagshub_token else ""
