"""Every setting of a profile: its name, type, default and the place where its products lie.

A value comes from, in rising order of precedence: the default below, ``env/<profile>.yaml``, an
line of ``.env``, an environment variable ``STOCKCAST_<KEY>`` (or one of the well-known names in
:data:`WELL_KNOWN`), and an override (``--set key=value``). Secrets come from the environment and
``.env`` alone: a profile is kept in git, and a command line is for everybody to see.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from dotenv import dotenv_values
from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from stockcast.errors import BadInput
from stockcast.markets import exchanges
from stockcast.markets.exchanges import Market
from stockcast.redaction import SOURCES, mask

__all__ = [
    "CHECKOUT",
    "HOME",
    "MARKER",
    "STRATEGIES",
    "WELL_KNOWN",
    "Settings",
    "env_file",
    "environment",
    "is_secret",
    "kept_variables",
    "load_settings",
    "parse_accepted",
    "parse_ticker",
    "profiles",
    "refuse_secret",
    "secret_values",
]

#: The file that ``stockcast init`` leaves in a workspace.
MARKER = ".stockcast.json"
#: The repository that this module lies in; where the package was installed, some folder without it.
CHECKOUT = Path(__file__).resolve().parents[2]


def _home() -> Path:
    """Return ``STOCKCAST_HOME``, else the workspace at or above the current folder, else the
    checkout; an installed package has none, and then the current folder is taken.

    A workspace's Python files are run, so one that belongs to another user does not count.
    """
    named = os.environ.get("STOCKCAST_HOME")
    if named:
        return Path(named)
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return CHECKOUT
    for folder in (here, *here.parents):
        marker = folder / MARKER
        if marker.is_file() and marker.stat().st_uid in (os.getuid(), 0):
            return folder
    return CHECKOUT if (CHECKOUT / "pipeline.yaml").is_file() else here


#: The project: notebooks/, pipeline.yaml, env/ and feature_repo/ are found here.
HOME = _home()

#: Every way from the parent to a stock's own model, the one that changes least first.
STRATEGIES = ("zero_shot", "freeze", "fine_tune", "scratch")

#: Environment variables that other tools already use, and the setting each one fills.
WELL_KNOWN = {
    "REDIS_URL": "redis_url",
    "REDIS_HOST": "redis_host",
    "REDIS_PORT": "redis_port",
    "OLLAMA_BASE_URL": "ollama_base_url",
    "QDRANT_URL": "qdrant_url",
    "QDRANT_API_KEY": "qdrant_api_key",
    "MLFLOW_TRACKING_URI": "mlflow_tracking_uri",
    "DAGSHUB_USER_NAME": "dagshub_user_name",
    "DAGSHUB_REPO_NAME": "dagshub_repo_name",
    "DAGSHUB_TOKEN": "dagshub_token",
}

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_TICKER = re.compile(r"[A-Z0-9^][A-Z0-9^.=&-]{0,23}")


def parse_ticker(text: str) -> str:
    """Return ``text`` as a ticker in upper case.

    Raises:
        BadInput: it is not 1 to 24 of the characters exchanges use (letters, digits, ``.^=-&``).
    """
    ticker = text.strip().upper()
    if not _TICKER.fullmatch(ticker):
        raise BadInput(
            "Expected a ticker of 1 to 24 letters, digits or . ^ = - & (such as AAPL), "
            f"got {text!r}."
        )
    return ticker


def parse_accepted(text: str) -> tuple[str, dt.date]:
    """Return the ticker and the day of ``TICKER:DATE``.

    Raises:
        BadInput: it is no such text.
    """
    ticker, _, day = text.rpartition(":")
    try:
        return parse_ticker(ticker), dt.date.fromisoformat(day.strip())
    except (BadInput, ValueError):
        raise BadInput(f"Expected TICKER:DATE such as GME:2021-02-02, got {text!r}.") from None


def _items(value: object) -> tuple[str, ...]:
    """Return each item of a list, or of a text with commas, once."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise BadInput(f"Expected a list, or text with commas, got {value!r}.")
    return tuple(dict.fromkeys(filter(None, (str(item).strip() for item in items))))


#: A setting that is a list: in YAML one, elsewhere text with commas.
Items = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_items)]


def _from_variables(
    settings_cls: type[BaseSettings], variables: Mapping[str, str | None]
) -> InitSettingsSource:
    """Settings from variables, by ``STOCKCAST_<KEY>`` or a name of :data:`WELL_KNOWN`."""
    own = {f"STOCKCAST_{key.upper()}": key for key in settings_cls.model_fields}
    names = {**WELL_KNOWN, **own}
    found = {key: variables[name] for name, key in names.items() if variables.get(name)}
    return InitSettingsSource(settings_cls, found)


class Settings(BaseSettings):
    """The settings of one profile. Build it with :func:`load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="STOCKCAST_", extra="forbid", frozen=True, validate_default=True
    )

    profile: str = Field("sample", description="a file of env/, by name")
    root: Path = Field(HOME, description="where products/ and reports/ are written")

    # prices
    source: Literal["sample", "files", "yahoo"] = Field(
        "sample", description="where prices come from"
    )
    tickers: Items = Field(("AAPL",), description="stocks to forecast")
    parent_ticker: str = Field(
        "^GSPC", description="the index beside the stocks, where their market names none"
    )
    market_ticker: str | None = Field(
        None, description="a further series of the market, such as ^VIX; its closes are enough"
    )
    prices_dir: Path | None = Field(None, description="folder of price files, for source: files")
    date_order: Literal["auto", "dmy", "mdy", "ymd"] = Field(
        "auto", description="of day, month and year in price files; auto: the file tells"
    )
    decimal_mark: Literal["auto", "point", "comma"] = Field(
        "auto", description="before the decimals in price files; auto: the file tells"
    )
    exchange: str = Field("XNYS", description="calendar name in exchange_calendars")
    currency: str = Field("USD", description="currency of tickers whose suffix names none")
    markets: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="exchange, currency and index of tickers that no row of "
        "stockcast.markets.exchanges suits, as SUFFIX=EXCHANGE CURRENCY INDEX; a whole ticker may "
        "stand for the suffix",
    )
    start: dt.date = Field(dt.date(2004, 8, 19), description="first day of history used")
    as_of: dt.date | None = Field(None, description="forget every bar after this day")
    validation_start: dt.date | None = Field(
        None, description="first day of validation; none: the 15% before test"
    )
    test_start: dt.date | None = Field(None, description="first day of test; none: the last 25%")

    # suspected splits that nobody adjusted for
    accept: Items = Field((), description="moves known to be real, as TICKER:DATE")
    fresh_sessions: int = Field(
        20, ge=0, description="last bars at which a suspected split holds its ticker"
    )

    # prices that are fetched
    oldest_prices: int = Field(5, ge=0, description="sessions that prices may lag behind")
    yahoo_url: str | None = Field(None, description="a gateway to Yahoo; none: Yahoo itself")
    yahoo_timeout: float = Field(10.0, gt=0, description="seconds that one request may take")
    yahoo_budget: float = Field(60.0, gt=0, description="seconds for one ticker, all retries")
    yahoo_parallel: int = Field(2, ge=1, le=16, description="requests at a time, of all processes")

    # dates of results
    events_source: Literal["auto", "files", "sample", "edgar", "none"] = Field(
        "auto", description="auto: events files beside files, the sample's, EDGAR beside Yahoo"
    )
    edgar_contact: str | None = Field(
        None, description="your e-mail address, which EDGAR wants to be told with every request"
    )
    edgar_url: str | None = Field(
        None, pattern="^https?://", description="a gateway to EDGAR; none: EDGAR itself"
    )
    edgar_timeout: float = Field(15.0, gt=0, description="seconds that one request may take")

    # what is forecast
    horizon: int = Field(5, ge=1, le=20, description="trading days ahead")
    context: int = Field(60, ge=10, le=250, description="days of history the network sees")

    # training
    parent: Literal["auto", "shipped", "panel", "index"] = Field(
        "auto", description="who the parent learned from; auto: one that comes with the package"
    )
    panel: Items = Field((), description="tickers to learn from; none: all, where parent is panel")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where networks are trained")
    stretch: int = Field(32, ge=8, le=500, description="days forecast in one stretch of training")
    hidden_size: int = Field(32, ge=1, le=2048, description="units of the LSTM")
    num_layers: int = Field(2, ge=1, le=8, description="layers of the LSTM")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of units dropped in training")
    batch_size: int = Field(32, ge=1, description="stretches per training step")
    parent_epochs: int = Field(20, ge=1, le=1000, description="passes to train a parent")
    child_epochs: int = Field(10, ge=1, le=1000, description="passes to train a child")
    learning_rate: float = Field(
        1e-3, gt=0, lt=1, description="step for a parent, and a child from scratch"
    )
    fine_tune_lr: float = Field(1e-4, gt=0, lt=1, description="step for fine_tune")
    strategies: Items = Field(
        ("zero_shot",), description=f"ways to a child that are tried: {', '.join(STRATEGIES)}"
    )
    seed: int = Field(7, description="seed of everything random")

    # services; empty means the embedded one under the profile's own folder
    redis_url: str | None = Field(None, description="such as redis://HOST:6379/0; none: embedded")
    redis_host: str | None = Field(None, description="host, instead of redis_url")
    redis_port: int = Field(6379, description="port beside redis_host")
    cache_ttl: int = Field(86_400, ge=1, le=86_400, description="seconds a forecast stays cached")
    mlflow_tracking_uri: str | None = Field(None, description="a tracking server; none: embedded")
    ledger_url: str | None = Field(None, description="SQLAlchemy URL of the forecast ledger")
    ollama_base_url: str | None = Field(None, description="none: reports need no language model")
    dagshub_user_name: str | None = Field(
        None, description="owner of the DagsHub repository that runs are sent to"
    )
    dagshub_repo_name: str | None = Field(None, description="name of that repository")
    dagshub_token: SecretStr | None = Field(None, description="its token, a secret")

    # the analyst's report
    ollama_model: str = Field("gpt-oss:20b-cloud", description="model that writes reports")
    ollama_embedding_model: str = Field(
        "nomic-embed-text", description="model that compares reports"
    )
    temperature: float = Field(0.3, ge=0, le=2, description="how freely the model writes")
    ollama_timeout: float = Field(60.0, gt=0, description="seconds that one answer may take")
    report_deadline: float = Field(180.0, gt=0, description="seconds that one report may take")
    report_ttl: int = Field(86_400, ge=0, description="seconds a report may be reused; 0: never")
    qdrant_url: str | None = Field(
        None, description="a server for the memory of reports; none: embedded"
    )
    qdrant_api_key: SecretStr | None = Field(None, description="its key, a secret")

    # monitoring
    false_alarm_rate: float = Field(
        0.005, gt=0, le=0.05, description="share of undisturbed sessions at which drift may alarm"
    )
    pushgateway_url: str | None = Field(None, description="none: runs leave only a textfile")

    # running day by day
    catch_up: int = Field(10, ge=1, le=250, description="sessions back that are made up for")
    notify_command: str | None = Field(None, description="gets a daily run's digest on stdin")
    notify_url: SecretStr | None = Field(None, description="webhook told the same, as JSON")

    # what is said on stderr
    log_format: Literal["human", "json"] = Field(
        "human", description="lines for people, or one JSON document per event"
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        None, description="none: warnings, and with log_format json every event, too"
    )

    # the service
    forecasts_per_hour: int = Field(
        40, ge=0, description="requests of one client to one forecast endpoint; 0: no limit"
    )
    trainings_per_hour: int = Field(
        5, ge=0, description="requests of one client to one training endpoint; 0: no limit"
    )
    keys_file: Path | None = Field(
        None, description="hashed API keys; none: beside the profile's products"
    )
    hosts: Items = Field(
        (), description="names that clients call the service by, besides this machine's own"
    )
    allow_reset: bool = Field(False, description="whether an admin key may reset over HTTP")
    cors_origins: Items = Field(
        (), description="origins whose pages may call the service, such as https://desk.example"
    )
    trusted_proxies: Items = Field(
        (), description="addresses or networks whose X-Forwarded-For is believed"
    )

    # running
    shared_store: str | None = Field(
        None, description="where workers without a common disk get files: file://, s3://, gs://"
    )
    jobs: int = Field(2, ge=1, le=256, description="notebooks at a time")
    cell_timeout: int = Field(3600, ge=1, description="seconds that a notebook's cell may take")
    warm_kernels: bool = Field(True, description="fork kernels from a process that has imported")
    keep_runs: int = Field(10, ge=1, description="runs whose pages and notebooks are kept")

    @field_validator("tickers", "panel")
    @classmethod
    def _check_tickers(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.field_name == "tickers" and not value:
            raise BadInput("Expected at least one ticker, got an empty list.")
        return tuple(dict.fromkeys(map(parse_ticker, value)))

    @field_validator("strategies")
    @classmethod
    def _check_strategies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if name not in STRATEGIES]
        if wrong or not value:
            got = ", ".join(wrong) or "none"
            raise BadInput(f"Expected strategies among {', '.join(STRATEGIES)}, got {got}.")
        return value

    @field_validator("accept")
    @classmethod
    def _check_accepted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{ticker}:{day}" for ticker, day in map(parse_accepted, value))

    @field_validator("markets", mode="before")
    @classmethod
    def _split_markets(cls, value: Any) -> tuple[str, ...]:
        return exchanges.rows(value)

    @field_validator("currency")
    @classmethod
    def _usual_currency(cls, value: str) -> str:
        return exchanges.currency_code(value)

    @field_validator("hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST.fullmatch(name):
                raise BadInput(f"Expected names without scheme or port in hosts, got {name!r}.")
        return tuple(name.lower() for name in value)

    @field_validator("parent_ticker", "market_ticker")
    @classmethod
    def _check_ticker(cls, value: str | None, info: ValidationInfo) -> str | None:
        optional = info.field_name == "market_ticker"
        return None if optional and not value else parse_ticker(value or "")

    @field_validator("edgar_contact")
    @classmethod
    def _check_contact(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"[\x21-\x7e]+@[\x21-\x7e]+", value):
            raise BadInput(f"Expected an e-mail address as edgar_contact, got {value!r}.")
        return value or None

    @field_validator("root", "prices_dir", "keys_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().resolve() if value else None

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if self.source == "files" and self.prices_dir is None:
            raise BadInput(
                "Expected the folder of your price files (--set prices_dir=DIR), got none."
            )
        if self.events_source == "files" and self.prices_dir is None:
            raise BadInput(
                "Expected the folder of your events.csv (--set prices_dir=DIR) with events_source "
                "files, got none."
            )
        if self.events_source == "edgar" and self.edgar_contact is None:
            raise BadInput(
                "Expected the e-mail address that EDGAR is told (--set edgar_contact=ADDRESS) with "
                "events_source edgar, got none."
            )
        if self.parent == "panel" and not self.panel:
            object.__setattr__(self, "panel", self.tickers)  # which a run of fewer does not change
        starts = (self.validation_start, self.test_start)
        if all(starts) and not self.validation_start < self.test_start:  # type: ignore[operator]
            raise BadInput(
                f"Expected validation_start before test_start, got {starts[0]} and {starts[1]}."
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put overrides before the environment, then ``.env``, then the profile's file."""
        file = _profile_file(init_settings().get("profile", "sample"))
        written = YamlConfigSettingsSource(settings_cls, yaml_file=file)
        for key in written() or {}:
            refuse_secret(key, f"env/{file.name}, which is kept in git")
        return (
            init_settings,
            env_settings,
            _from_variables(settings_cls, os.environ),
            _from_variables(settings_cls, kept_variables()),
            written,
        )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show no login of a URL, as a notebook that prints its settings would."""
        for key, value in super().__repr_args__():
            yield key, mask(value) if isinstance(value, str) else value

    @property
    def all_tickers(self) -> tuple[str, ...]:
        """The parent's ticker, the other indices, the market's, then every other one."""
        market = (self.market_ticker,) if self.market_ticker else ()
        return tuple(dict.fromkeys((*self.indices, *market, *self.tickers)))

    @property
    def indices(self) -> tuple[str, ...]:
        """The parent's ticker, then the indices of the other tickers."""
        named = exchanges.indices(self.markets, self.tickers, self._default_market)
        return tuple(dict.fromkeys((self.parent_ticker, *filter(self._has_index, named))))

    def market(self, ticker: str) -> Market:
        """The exchange, currency and index of ``ticker``."""
        return exchanges.find(self.markets, ticker, self._default_market)

    def index_of(self, ticker: str) -> str:
        """The index beside ``ticker``: its market's if the source has it, else the parent's."""
        index = self.market(ticker).index
        return index if index and self._has_index(index) else self.parent_ticker

    @property
    def _default_market(self) -> Market:
        return Market(self.exchange, self.currency)

    def _has_index(self, index: str) -> bool:
        if self.source == "files":
            return exchanges.has_file(self.prices_dir, index)
        return self.source == "yahoo"

    def beside(self, ticker: str) -> tuple[str, ...]:
        """The tickers whose prices are inputs of ``ticker``: its index and the market ticker.

        The market ticker stands alone, and an index beside that alone: none waits for itself.
        """
        if ticker == self.market_ticker:
            return ()
        found = (self.index_of(ticker), self.market_ticker)
        return tuple(dict.fromkeys(each for each in found if each and each != ticker))

    @property
    def panel_tickers(self) -> tuple[str, ...]:
        """Those that a parent of the profile's own learns from besides the index."""
        return self.panel if self.parent in ("auto", "panel") else ()


def env_file() -> Path:
    """Return the file of variables beside the project; ``STOCKCAST_ENV_FILE`` names another."""
    return Path(os.environ.get("STOCKCAST_ENV_FILE") or HOME / ".env")


def kept_variables() -> dict[str, str | None]:
    """Return the variables of :func:`env_file`; the environment's own come before them.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return dotenv_values(env_file(), interpolate=False)  # a secret may hold a dollar
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no text"
        raise BadInput(f"Expected lines of NAME=VALUE in {env_file()}, got: {why}.") from None


def secret_values() -> list[str]:
    """Return the secrets of the environment and of ``.env``."""
    places = (os.environ, kept_variables())
    found = (place.get(name) for name in _secret_variables() for place in places)
    return [value for value in found if value]


@functools.cache
def _secret_variables() -> tuple[str, ...]:
    names = {f"STOCKCAST_{key.upper()}": key for key in Settings.model_fields} | WELL_KNOWN
    return tuple(name for name, key in names.items() if is_secret(key))


SOURCES.append(secret_values)


def environment(settings: Settings) -> dict[str, str]:
    """Return this process's variables, with those for which a child's settings are the same."""
    ours = {f"STOCKCAST_{key.upper()}": getattr(settings, key) for key in Settings.model_fields}
    found = {key: value for key, value in os.environ.items() if key not in ours}
    found["STOCKCAST_HOME"] = str(HOME)
    for name, value in ours.items():
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value is not None:
            found[name] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return found


def is_secret(key: str) -> bool:
    """Say whether the setting ``key`` holds a secret."""
    field = Settings.model_fields.get(key)
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def refuse_secret(key: str, where: str) -> None:
    """Raise BadInput if ``key``, which was given in ``where``, is a secret."""
    if is_secret(key):
        names = [f"STOCKCAST_{key.upper()}", *(n for n, k in WELL_KNOWN.items() if k == key)]
        named = " or ".join(names)
        raise BadInput(f"Expected {key} from the environment or .env ({named}), got it in {where}.")


def profiles() -> list[str]:
    """Names of the profiles in ``env/``."""
    return sorted(path.stem for path in (HOME / "env").glob("*.yaml"))


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "."


def _profile_file(profile: str) -> Path:
    if not profiles():
        raise BadInput(f"Expected a workspace at {HOME}, got none: stockcast init DIR makes one.")
    if profile not in profiles():
        known = ", ".join(profiles())
        raise BadInput(
            f"Expected a profile of env/ ({known}), got {profile!r}{_nearest(profile, profiles())}"
        )
    return HOME / "env" / f"{profile}.yaml"


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        return f"There is no setting {key!r}{_nearest(key, Settings.model_fields)}"
    hint = Settings.model_fields[key].description if key in Settings.model_fields else None
    meaning = f" ({hint})" if hint else ""
    return f"Setting {key}{meaning}: {first['msg'].lower()}, got {first['input']!r}."


def _named_profile(profile: str | None) -> str:
    places = (os.environ, kept_variables())
    return profile or next(filter(None, (p.get("STOCKCAST_PROFILE") for p in places)), "sample")


def load_settings(
    profile: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Read the settings of ``profile`` (by default that of ``STOCKCAST_PROFILE``, else ``sample``).

    Raises:
        BadInput: the profile, a key or a value is not usable; the nearest name is suggested.
    """
    name = _named_profile(profile)
    _profile_file(name)
    try:
        return Settings(**{**(overrides or {}), "profile": name})
    except ValidationError as error:
        raise BadInput(_explain(error)) from None
    except yaml.YAMLError as error:
        raise BadInput(f"Expected YAML in env/{name}.yaml, got: {error}.") from None
