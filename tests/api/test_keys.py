"""Keys: made by a command, kept as hashes, asked for beyond this machine, over when they expire."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from stockcast.api import keys
from stockcast.api.policy import POLICIES
from stockcast.cli import main
from stockcast.settings import Settings
from tests.api.servers import AAPL

Own = Callable[..., Settings]
Open = Callable[..., TestClient]
AWAY = ("203.0.113.9", "stockcast.example")

#: What only some may do, with the key that it takes.
GUARDED = [
    ("POST", "/train-child", "train"),
    ("POST", "/train-parent", "train"),
    ("GET", "/outputs", "read"),
    ("GET", "/outputs/AAPL", "read"),
    ("DELETE", "/system/reset", "admin"),
]


def ask(client: TestClient, method: str, path: str, **headers: str) -> int:
    body = AAPL if method == "POST" else None
    return client.request(method, path, json=body, headers=headers).status_code


@pytest.mark.parametrize(("method", "path", "scope"), GUARDED)
def test_from_elsewhere_what_changes_or_lists_things_takes_a_key(
    own: Own, open_app: Open, method: str, path: str, scope: keys.Scope
) -> None:
    settings = own()
    client = open_app(settings, *AWAY)
    assert ask(client, method, path) == 401
    weaker = keys.SCOPES[: keys.SCOPES.index(scope)]
    for name in weaker:
        _, secret = keys.add(settings, name, name)
        assert ask(client, method, path, **{"x-api-key": secret}) == 403


def test_each_scope_includes_those_before_it(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings, *AWAY)
    for scope in keys.SCOPES:
        _, secret = keys.add(settings, scope, scope)
        assert ask(client, "GET", "/outputs", **{"x-api-key": secret}) == 200
        assert ask(client, "GET", "/outputs", authorization=f"Bearer {secret}") == 200
    # the guard lets it through; it is not confirmed
    assert ask(client, "DELETE", "/system/reset", **{"x-api-key": secret}) == 428


def test_on_this_machine_no_key_is_needed(own: Own, open_app: Open) -> None:
    client = open_app(own())
    assert ask(client, "GET", "/outputs") == 200
    assert ask(client, "DELETE", "/system/reset") == 428


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "198.51.100.7"},
        {"forwarded": "for=198.51.100.7"},
        {"host": "rebound.example"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
def test_who_asks_for_somebody_else_is_not_on_this_machine(
    own: Own, open_app: Open, headers: dict[str, str]
) -> None:
    client = open_app(own())
    assert ask(client, "GET", "/outputs", **headers) == 401
    assert ask(client, "POST", "/train-child", **headers) == 401


def test_a_model_is_not_trained_for_whoever_has_no_key(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings, *AWAY)
    refused = client.post("/predict-child", json={"ticker": "IBM"})
    assert refused.status_code == 401
    assert "trained" in refused.json()["detail"]
    assert not (settings.state / "tasks").exists()


def test_a_wrong_key_is_refused_everywhere(own: Own, open_app: Open) -> None:
    client = open_app(own())
    for name in ("stockcast_guess", "", "é", "\x00"):
        answer = client.get("/health", headers={"x-api-key": name.encode("utf-8")})
        assert answer.status_code == 401
    assert "bearer" in answer.headers["www-authenticate"].lower()


def test_an_expired_key_is_refused_and_says_since_when(own: Own, open_app: Open) -> None:
    settings = own()
    key, secret = keys.add(settings, "intern", "admin", days=0)
    answer = open_app(settings).get("/outputs", headers={"x-api-key": secret})
    assert answer.status_code == 401
    assert str(key.expires_at) in answer.json()["detail"]


def test_a_key_ends_after_its_days() -> None:
    end = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    key = keys.Key("desk", "read", "", "2026-01-01T00:00:00+00:00", end.isoformat())
    assert not key.expired(end - dt.timedelta(seconds=1))
    assert key.expired(end)


def test_a_removed_key_is_refused_from_the_next_request_on(own: Own, open_app: Open) -> None:
    settings = own()
    _, secret = keys.add(settings, "desk", "read")
    client = open_app(settings, *AWAY)
    assert ask(client, "GET", "/outputs", **{"x-api-key": secret}) == 200
    keys.remove(settings, "desk")
    assert ask(client, "GET", "/outputs", **{"x-api-key": secret}) == 401


def test_keys_are_compared_in_constant_time_and_all_of_them(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = own()
    secrets = [keys.add(settings, name, "read")[1] for name in ("a", "b", "c")]
    compared: list[object] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or real(a, b))
    ring = keys.KeyRing(keys.keys_file(settings))
    assert ring.find(secrets[0]) is not None
    assert ring.find("guess") is None
    assert len(compared) == 6


def test_the_command_shows_a_key_once_and_keeps_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOCKCAST_ROOT", str(tmp_path))
    assert main(["keys", "add", "desk", "--scope", "train", "--days", "30", "--json"]) == 0
    secret = json.loads(capfd.readouterr().out)["key"]
    (kept,) = (tmp_path / "products").glob("*.keys.json")
    assert secret not in kept.read_text("utf-8")
    assert main(["keys", "list", "--json"]) == 0
    shown = capfd.readouterr().out
    assert json.loads(shown)[0]["scope"] == "train"
    assert "digest" not in shown
    assert main(["keys", "remove", "desk"]) == 0
    assert main(["keys", "remove", "desk"]) == 2
    assert main(["keys", "add", "desk", "--scope", "root"]) == 2


def test_every_route_has_a_policy(own: Own, open_app: Open) -> None:
    document = open_app(own()).get("/openapi.json").json()
    assert {path.split("/")[1] for path in document["paths"]} <= POLICIES.keys()


def test_what_no_policy_names_is_for_nobody(own: Own, open_app: Open) -> None:
    client = open_app(own(), *AWAY)
    assert client.get("/admin").status_code == 401
    assert client.get("/%2Foutputs").status_code == 404


def test_other_origins_may_read_nothing_unless_they_are_named(own: Own, open_app: Open) -> None:
    origin = {"origin": "https://desk.example"}
    closed = open_app(own()).get("/health", headers=origin)
    assert "access-control-allow-origin" not in closed.headers
    opened = open_app(own(cors_origins="https://desk.example"))
    assert opened.get("/health", headers=origin).headers["access-control-allow-origin"] == (
        "https://desk.example"
    )
    other = opened.get("/health", headers={"origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers
