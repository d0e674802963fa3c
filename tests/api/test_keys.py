"""Keys: made at the start or by a command, asked for everywhere, over when they expire."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from stockcast.api import keys
from stockcast.api.policy import POLICIES
from stockcast.cli import main
from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.api.servers import AAPL

Own = Callable[..., Settings]
Open = Callable[..., TestClient]
#: Where requests come from: this machine needs a key as everybody does.
PLACES = ["127.0.0.1", "203.0.113.9"]

#: What only some may do, with the key that it takes.
GUARDED = [
    ("POST", "/train-child", "train"),
    ("POST", "/train-parent", "train"),
    ("POST", "/monitor/AAPL", "train"),
    ("POST", "/monitor/parent", "train"),
    ("GET", "/outputs", "read"),
    ("GET", "/outputs/AAPL", "read"),
    ("DELETE", "/system/reset", "admin"),
]


def ask(client: TestClient, method: str, path: str, **headers: str) -> int:
    body = AAPL if method == "POST" else None
    return client.request(method, path, json=body, headers=headers).status_code


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("method", "path", "scope"), GUARDED)
def test_what_changes_or_lists_things_takes_a_key(
    own: Own, open_app: Open, method: str, path: str, scope: keys.Scope, place: str
) -> None:
    settings = own()
    client = open_app(settings, place)
    assert ask(client, method, path) == 401
    weaker = keys.SCOPES[: keys.SCOPES.index(scope)]
    for name in weaker:
        _, secret = keys.add(settings, name, name)
        assert ask(client, method, path, **{"x-api-key": secret}) == 403


def test_each_scope_includes_those_before_it(own: Own, open_app: Open) -> None:
    settings = own(allow_reset="true")
    client = open_app(settings)
    for scope in keys.SCOPES:
        _, secret = keys.add(settings, scope, scope)
        assert ask(client, "GET", "/outputs", **{"x-api-key": secret}) == 200
        assert ask(client, "GET", "/outputs", authorization=f"Bearer {secret}") == 200
    # the key lets it through; it is not confirmed
    assert ask(client, "DELETE", "/system/reset", **{"x-api-key": secret}) == 428


def test_a_model_is_not_trained_for_whoever_has_no_key(own: Own, open_app: Open) -> None:
    settings = own()
    for client in (open_app(settings), open_app(settings, scope="read")):
        for path in ("/predict-child", "/analyze"):
            refused = client.post(path, json={"ticker": "IBM"})
            assert refused.status_code == 404
            assert "`stockcast run -t IBM` trains one" in refused.json()["detail"]
    assert not (Workspace.of(settings).tasks).exists()


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
    client = open_app(settings)
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
    client = open_app(own())
    assert client.get("/admin").status_code == 401
    assert client.get("/%2Foutputs").status_code == 404


def test_a_key_is_made_at_the_first_start_and_stays(own: Own) -> None:
    settings = own()
    kept = keys.make_own(settings)
    assert kept == settings.root / "products" / "sample.key"
    assert kept.stat().st_mode & 0o777 == 0o600
    secret = kept.read_text("utf-8")
    assert secret.strip() not in keys.keys_file(settings).read_text("utf-8")
    kept.chmod(0o644)
    assert keys.make_own(settings) == kept
    assert (kept.read_text("utf-8"), kept.stat().st_mode & 0o777) == (secret, 0o600)
    (key,) = keys.listed(settings)
    assert (key.name, key.scope) == (keys.OWN, "admin")


def test_another_key_is_made_when_the_first_is_removed_or_lost(own: Own) -> None:
    settings = own()
    keys.add(settings, "desk", "read")
    kept = keys.make_own(settings)
    assert kept is not None
    first = kept.read_text("utf-8")
    keys.remove(settings, keys.OWN)
    assert not kept.exists()
    keys.make_own(settings)
    second = kept.read_text("utf-8")
    kept.unlink()
    keys.make_own(settings)
    assert len({first, second, kept.read_text("utf-8")}) == 3
    ring = keys.KeyRing(keys.keys_file(settings))
    assert ring.find(second.strip()) is None
    assert {key.name for key in keys.listed(settings)} == {"desk", keys.OWN}


@pytest.mark.fault(
    "The file of API keys is cut short, or holds garbage",
    "503 and one sentence to whoever sends a key, the reason in the log; others are served",
    "put a backup in its place, or take the file away: the next start makes one",
)
@pytest.mark.parametrize(
    "content",
    [
        '[{"name": "desk", "sco',
        "",
        "{}",
        "7",
        '["desk"]',
        '[{"name": "desk"}]',
        '[{"name": "d", "scope": "root", "digest": "%s", "created_at": "", "expires_at": null}]',
        '[{"name": "d", "scope": "read", "digest": "é", "created_at": "", "expires_at": null}]',
        '[{"name": "d", "scope": "read", "digest": "%s", "created_at": "", "expires_at": "soon"}]',
    ],
)
def test_damaged_keys_open_nothing_and_stop_nobody_else(
    own: Own, open_app: Open, content: str
) -> None:
    settings = own()
    client = open_app(settings, scope="admin")
    assert ask(client, "GET", "/outputs") == 200
    path = keys.keys_file(settings)
    good = path.read_text("utf-8")
    digest = hashlib.sha256(client.headers["x-api-key"].encode()).hexdigest()
    path.write_text(content.replace("%s", digest), "utf-8")
    answer = client.get("/outputs")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("The keys of this service cannot be read")
    assert open_app(settings).post("/predict-child", json=AAPL).status_code == 200
    with pytest.raises(BadInput, match="Expected"):
        keys.make_own(settings)
    path.write_text(good, "utf-8")
    assert ask(client, "GET", "/outputs") == 200


def test_who_keeps_the_keys_elsewhere_gets_none(own: Own, tmp_path: Path) -> None:
    settings = own(keys_file=str(tmp_path / "elsewhere.json"))
    assert keys.make_own(settings) is None
    assert not (tmp_path / "elsewhere.json").exists()
