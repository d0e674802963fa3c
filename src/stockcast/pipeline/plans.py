"""Reads pipeline.yaml and expands it to one plan per task, with names and paths that never move.

Nothing here knows Ploomber, so that naming the tasks costs milliseconds.
"""

from __future__ import annotations

import datetime as dt
import difflib
import fnmatch
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr, TypeAdapter, ValidationError

from stockcast.errors import BadInput
from stockcast.redaction import mask
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace

__all__ = [
    "PIPELINE",
    "PLAN",
    "Pipeline",
    "StageSpec",
    "TaskPlan",
    "pages",
    "plan",
    "read_pipeline",
    "stages_up_to",
]

#: The system on one page.
PIPELINE = HOME / "pipeline.yaml"

#: The package that is installed, or that the checkout holds.
_LIBRARY = Path(__file__).resolve().parents[1]

_EACH = ("tickers", "all_tickers")
_SETTING = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_TICKER = re.compile(r"\[\[\s*ticker\s*\]\]")
_INDEX = re.compile(r"\[\[\s*index\s*\]\]")
_SEVERAL = re.compile(r"\[\[\s*(beside|panel)\s*\]\]")


@dataclass(frozen=True)
class TaskPlan:
    """One notebook to run: what it is given, what it needs and what it leaves."""

    name: str
    stage: str
    ticker: str | None
    notebook: Path
    upstream: dict[str, str | None]  #: name of the task -> the pattern that it matched, if any
    params: dict[str, JsonValue]
    products: dict[str, Path]  #: always with the executed notebook: ``nb`` and ``html``
    keeps: tuple[str, ...] = ()  #: patterns of what it leaves besides, below the profile's folder


#: Makes a plan JSON, and JSON a plan, for workers on other machines.
PLAN = TypeAdapter(TaskPlan)


class StageSpec(BaseModel):
    """A paragraph of ``stages``, as pipeline.yaml explains it at its head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    each: Literal["tickers", "all_tickers"] | None = None
    upstream: tuple[str, ...] = ()
    params: tuple[str, ...] | dict[str, JsonValue] = ()
    products: dict[str, str] = {}
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """pipeline.yaml as it is written."""

    path: Path
    library: Path  #: folder of the package whose modules the notebooks import
    plumbing: tuple[str, ...] = ()  #: modules whose change re-runs nothing
    reads: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    late: dict[str, tuple[str, ...]] = field(default_factory=dict)  #: module -> packages
    stages: tuple[StageSpec, ...] = ()


def _fault(path: Path, what: str) -> BadInput:
    return BadInput(f"Expected a usable {path.name}, got: {what}.")


def read_pipeline(path: Path = PIPELINE) -> Pipeline:
    """Read and check ``path``.

    Raises:
        BadInput: it is missing, no YAML, or a stage has an unknown or a missing key.
    """
    try:
        page = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"Expected the pipeline at {path}, got: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise _fault(path, " ".join(str(error).split())) from None
    if not isinstance(page, dict) or not page.get("stages"):
        raise _fault(path, "no stages")
    stages = tuple(_stage(path, stage) for stage in page["stages"])
    library = (path.parent / page["library"]).resolve() if "library" in page else _LIBRARY
    return Pipeline(
        path=path,
        library=library,
        plumbing=tuple(page.get("plumbing") or ()),
        reads={
            module: tuple(_read_file(path.parent, library, file) for file in files)
            for module, files in (page.get("reads") or {}).items()
        },
        late={module: tuple(names) for module, names in (page.get("late") or {}).items()},
        stages=stages,
    )


def _read_file(here: Path, library: Path, file: str) -> Path:
    """Return a file of the library, else of the project."""
    return (library if (library / file).is_file() else here).joinpath(file).resolve()


def _stage(path: Path, stage: Any) -> StageSpec:
    """Check a paragraph, and return it."""
    if not isinstance(stage, dict) or not {"name", "source"} <= stage.keys():
        raise _fault(path, f"a stage without a name and a source ({stage})")
    for key in stage.keys() - StageSpec.model_fields.keys():
        raise _fault(path, f"stage {stage['name']} has {_unknown(key, StageSpec.model_fields)}")
    if stage.get("each") not in (None, *_EACH):
        raise _fault(path, f"stage {stage['name']} is for {_unknown(stage['each'], _EACH)}")
    if bool(_TICKER.search(stage["name"])) != bool(stage.get("each")):
        raise _fault(path, f"stage {stage['name']}: a name has [[ticker]] just if there is `each`")
    try:
        given = {key: value for key, value in stage.items() if value is not None}
        return StageSpec.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _fault(path, f"stage {stage['name']}, {where}: {first['msg']}") from None


def _unknown(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(word), sorted(known), n=1)
    return f"{word!r}" + (f", where {near[0]!r} may be meant" if near else "")


class _Values:
    """What ``{{key}}``, ``[[ticker]]`` and ``[[index]]`` stand for in one task."""

    def __init__(self, path: Path, settings: Settings, task: str, ticker: str | None) -> None:
        self._path, self._settings, self._ticker = path, settings, ticker
        self.name = str(self.fill(task))

    def of(self, key: str) -> Any:
        """Return the value of ``key`` as JSON has it."""
        settings, ticker = self._settings, self._ticker
        if ticker is not None and key in _OF_TICKER:
            return _OF_TICKER[key](settings, ticker)
        if ticker is not None and key == "hold":
            hold = Workspace.of(settings).read_hold(ticker)
            return hold.due(self.name) if hold else None
        if key == "tickers":
            return sorted(settings.tickers)  # reordering them changes no result
        if key not in Settings.model_fields:
            raise _fault(self._path, f"no setting {_unknown(key, Settings.model_fields)}")
        return _jsonable(key, getattr(settings, key))

    def fill(self, template: Any) -> Any:
        """Replace the placeholders in ``template``; one that stands alone keeps its type."""
        if not isinstance(template, str):
            return template
        alone = _SETTING.fullmatch(template)
        if alone:
            return self.of(alone[1])
        text = _SETTING.sub(lambda found: str(self.of(found[1])), template)
        if self._ticker is None:
            return text
        index = self._settings.index_of(self._ticker) if "[[" in text else ""
        return _INDEX.sub(lambda _: index, _TICKER.sub(lambda _: str(self._ticker), text))


def _jsonable(key: str, value: Any) -> Any:
    if isinstance(value, SecretStr):
        raise BadInput(f"Expected parameters that may be shown in a report, got the secret {key}.")
    if isinstance(value, dt.date | Path):
        return str(value)
    if isinstance(value, str):
        return mask(value)  # a report must not show the login of a URL
    return list(value) if isinstance(value, tuple) else value


def _stamp(module: str) -> Callable[[Settings, str], str]:
    """Return the fingerprint of what ``module`` reads of a ticker; pandas is imported with it."""

    def stamp(settings: Settings, ticker: str) -> str:
        try:
            return str(importlib.import_module(module).fingerprint(settings, ticker))
        except BadInput:
            return "unreadable"  # the ticker's ingest notebook says why; the others must run

    return stamp


_OF_TICKER: dict[str, Callable[[Settings, str], Any]] = {
    "ticker": lambda _, ticker: ticker,
    "index": lambda settings, ticker: settings.index_of(ticker),
    "exchange": lambda settings, ticker: settings.market(ticker).exchange,
    "currency": lambda settings, ticker: settings.market(ticker).currency,
    "fingerprint": _stamp("stockcast.prices"),
    "known_events": _stamp("stockcast.events"),
    "news": _stamp("stockcast.agents.news"),
}


def plan(settings: Settings, pipeline: Pipeline | None = None) -> list[TaskPlan]:
    """Return every task of ``settings``, each after the stages that it needs.

    Raises:
        BadInput: pipeline.yaml is not usable.
    """
    pipeline = pipeline or read_pipeline()
    tickers: Mapping[str | None, tuple[str | None, ...]] = {
        None: (None,),
        "tickers": settings.tickers,
        "all_tickers": settings.all_tickers,
    }
    every = [
        (stage, ticker, _Values(pipeline.path, settings, stage.name, ticker))
        for stage in pipeline.stages
        for ticker in tickers[stage.each]
    ]
    names = dict.fromkeys(values.name for _, _, values in every)
    return [
        _task(pipeline, settings, names, stage, ticker, values) for stage, ticker, values in every
    ]


def _task(
    pipeline: Pipeline,
    settings: Settings,
    names: dict[str, None],
    stage: StageSpec,
    ticker: str | None,
    values: _Values,
) -> TaskPlan:
    kind, fill = _kind(stage), values.fill
    workspace = Workspace.of(settings)
    report = workspace.page(kind, ticker)
    wanted = map(fill, _expanded(settings, ticker, stage))
    return TaskPlan(
        name=values.name,
        stage=kind,
        ticker=ticker,
        notebook=(pipeline.path.parent / stage.source).resolve(),
        upstream=_upstream(pipeline, values.name, wanted, names),
        params={key: fill(template) for key, template in stage.params.items()}
        if isinstance(stage.params, dict)
        else {key: values.of(key) for key in stage.params},
        products={
            "nb": report.with_name(report.name + ".ipynb"),
            "html": report.with_name(report.name + ".html"),
            **{key: workspace.product(fill(p)) for key, p in stage.products.items()},
        },
        keeps=tuple(map(fill, stage.keeps)),
    )


def _expanded(settings: Settings, ticker: str | None, stage: StageSpec) -> Iterator[str]:
    """The stage's upstream tasks; [[beside]] and [[panel]] stand for one ticker after another."""
    for want in stage.upstream:
        found = _SEVERAL.search(want)
        if found is None:
            yield want
        else:
            beside = found[1] == "beside"
            several = settings.beside(ticker or "") if beside else settings.panel_tickers
            yield from (_SEVERAL.sub(other, want) for other in several)


def _kind(stage: StageSpec) -> str:
    return _TICKER.sub("", stage.name).strip("-_ ")


def _upstream(
    pipeline: Pipeline, name: str, wanted: Iterable[str], names: dict[str, None]
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for want in wanted:
        if "*" in want:
            found.update(dict.fromkeys(fnmatch.filter(names, want), want))
        elif want.removesuffix("?") in names:
            found[want.removesuffix("?")] = None
        elif not want.endswith("?"):
            raise _fault(pipeline.path, f"{name} needs the task {_unknown(want, names)}")
    return found


def stages_up_to(pipeline: Pipeline, targets: Iterable[str]) -> tuple[StageSpec, ...]:
    """Return the stages from the first one to the last that makes one of ``targets``."""
    last = [
        place
        for place, stage in enumerate(pipeline.stages, 1)
        if any(fnmatch.fnmatch(name, _TICKER.sub("*", stage.name)) for name in targets)
    ]
    return pipeline.stages[: max(last, default=0)]


def pages(settings: Settings, ticker: str, pipeline: Pipeline | None = None) -> dict[str, Path]:
    """Return the page of each stage that is run for ``ticker`` or for all, by task, in order.

    Reads pipeline.yaml alone, so that it costs the same for one ticker as for thousands.
    """
    found = {}
    for stage in (pipeline or read_pipeline()).stages:
        whose = ticker if stage.each else None
        report = Workspace.of(settings).page(_kind(stage), whose)
        found[_TICKER.sub(ticker, stage.name)] = report.with_name(f"{report.name}.html")
    return found
