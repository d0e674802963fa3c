"""Where settings come from, and where secrets may."""

from __future__ import annotations

from pathlib import Path

import pytest

from stockcast.cli import main
from stockcast.errors import BadInput
from stockcast.redaction import mask
from stockcast.settings import HOME, WELL_KNOWN, Settings, is_secret, load_settings

PLANTED = "pl4nted-s3cret"
SECRETS = [key for key in Settings.model_fields if is_secret(key)]

Env = pytest.MonkeyPatch


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: Env) -> Path:
    path = tmp_path / "variables"
    monkeypatch.setenv("STOCKCAST_ENV_FILE", str(path))
    return path


def test_dot_env_fills_what_the_environment_does_not(env_file: Path, monkeypatch: Env) -> None:
    env_file.write_text(
        "# mine\nSTOCKCAST_HORIZON=3\nREDIS_HOST='there'\nDAGSHUB_TOKEN=a$b\nOTHER=1\n"
        "export STOCKCAST_SEED=8\n"
    )
    monkeypatch.setenv("STOCKCAST_SEED", "9")
    found = load_settings()
    assert (found.horizon, found.redis_host, found.seed) == (3, "there", 9)
    assert found.dagshub_token is not None
    assert found.dagshub_token.get_secret_value() == "a$b"
    assert load_settings(overrides={"horizon": 4}).horizon == 4


def test_dot_env_comes_before_the_profile(env_file: Path) -> None:
    env_file.write_text("STOCKCAST_TICKERS=IBM\n")
    assert load_settings("sample").tickers == ("IBM",)


def test_dot_env_may_name_the_profile(env_file: Path) -> None:
    env_file.write_text("STOCKCAST_PROFILE=smaple\n")
    with pytest.raises(BadInput, match="did you mean 'sample'"):
        load_settings()


def test_dot_env_that_is_no_text_is_one_sentence(env_file: Path) -> None:
    env_file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="Expected lines of NAME=VALUE"):
        load_settings()


@pytest.mark.parametrize("key", SECRETS)
def test_secret_on_a_command_line_is_refused_and_not_repeated(
    key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--set", f"{key}={PLANTED}"]) == 2
    said = capfd.readouterr().err
    assert f"Expected {key} from the environment or .env (STOCKCAST_{key.upper()}" in said
    assert PLANTED not in said


def test_secret_in_a_profile_is_refused(tmp_path: Path, monkeypatch: Env) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "sample.yaml").write_text(f"dagshub_token: {PLANTED}\n")
    monkeypatch.setattr("stockcast.settings.HOME", tmp_path)
    with pytest.raises(BadInput, match=r"from the environment or \.env") as refused:
        load_settings("sample")
    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize("key", SECRETS)
def test_secret_of_the_environment_is_masked_whoever_asks(key: str, monkeypatch: Env) -> None:
    monkeypatch.setenv(f"STOCKCAST_{key.upper()}", PLANTED)
    assert mask(f"refused: {PLANTED}.") == "refused: ***."


def test_example_names_only_settings_that_there_are() -> None:
    lines = (HOME / ".env.example").read_text("utf-8").splitlines()
    names = [line[1:].partition("=")[0] for line in lines if line.startswith("#") and "=" in line]
    own = {f"STOCKCAST_{key.upper()}" for key in Settings.model_fields}
    assert set(names) <= own | set(WELL_KNOWN)
    assert set(names) >= {"DAGSHUB_TOKEN", "QDRANT_API_KEY"}


def test_edgar_is_told_an_address_or_not_asked() -> None:
    with pytest.raises(BadInput, match="Expected the e-mail address that EDGAR is told"):
        load_settings("sample", {"events_source": "edgar"})
    with pytest.raises(BadInput, match="Expected an e-mail address as edgar_contact, got 'me'"):
        load_settings("sample", {"edgar_contact": "me"})
    with pytest.raises(BadInput, match="Expected an e-mail address"):  # it becomes a header
        load_settings("sample", {"edgar_contact": "me@example.com\nHost:elsewhere"})


def test_events_from_files_need_a_folder() -> None:
    with pytest.raises(BadInput, match=r"Expected the folder of your events.csv"):
        load_settings("sample", {"events_source": "files"})


def test_the_index_is_named_and_the_market_beside_it_may_be_left_out() -> None:
    with pytest.raises(BadInput, match="Expected a ticker of 1 to 24"):
        load_settings("sample", {"parent_ticker": ""})
    assert load_settings("sample", {"market_ticker": ""}).market_ticker is None
