"""A run of one store as data, with the versions of models that it made, to be put into another.

What is delivered twice is the same again: a run is found by the one it came from, a version by its
bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stockcast.settings import Settings
from stockcast.tracking.registry import ModelVersion, champion_of, enter, set_champion
from stockcast.tracking.runs import log
from stockcast.tracking.store import Store, code_of, failures, local

__all__ = ["SENT", "RunExport", "ended", "export_all", "export_run", "import_all", "import_run"]

#: JSON: id, name, status, start_time, end_time, tags, params, metrics (points), versions.
RunExport = Mapping[str, Any]

#: Tag of a run that is at a server: what it is called there. It ends in a hash of where.
SENT = "stockcast.sent"
#: Tag of a run that was delivered: the run that it is where it came from.
_ORIGIN = "stockcast.origin"
_SYSTEM = "mlflow."
_KEPT_SYSTEM = ("mlflow.runName", "mlflow.note.content")


def ended(store: Store) -> Iterator[Any]:
    """Yield every run of the profile that is over, the first begun first."""
    token = None
    while True:
        page = store.client.search_runs(
            [store.experiment_id],
            "attributes.status != 'RUNNING'",
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def export_run(store: Store, run: Any, folder: Path) -> RunExport:
    """Return the run whole; its files are put into ``folder``, which is there."""
    info, data = run.info, run.data
    if store.client.list_artifacts(info.run_id):
        store.client.download_artifacts(info.run_id, "", str(folder))
    return {
        "id": info.run_id,
        "name": info.run_name,
        "status": info.status,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "tags": {key: value for key, value in data.tags.items() if _travels(key)},
        "params": dict(data.params),
        "metrics": [
            [point.key, point.value, point.timestamp, point.step]
            for key in data.metrics
            for point in store.client.get_metric_history(info.run_id, key)
        ],
        "versions": [
            {
                "name": version.name,
                "tags": dict(version.tags),
                "reigns": _reigns(store, version),
            }
            for version in store.client.search_model_versions(f"run_id = '{info.run_id}'")
        ],
    }


def import_run(
    store: Store, export: RunExport, folder: Path
) -> tuple[str, list[ModelVersion], set[str]]:
    """Put what was packed into ``store``.

    Returns:
        The run's id there, the versions that it made, and the names whose champion is new.
    """
    run_id = _counterpart(store, export)
    tags = {**export["tags"], _ORIGIN: export["id"]}
    log(store, run_id, tags, export["params"], export["metrics"])
    if any(folder.iterdir()):
        store.client.log_artifacts(run_id, str(folder))
    store.client.set_terminated(run_id, export["status"], export["end_time"])
    made = [(enter(store, v["name"], run_id, v["tags"]), v["reigns"]) for v in export["versions"]]
    crowned = {version.name for version, reigns in made if reigns and _crown(store, version)}
    return run_id, [version for version, _ in made], crowned


def export_all(settings: Settings, folder: Path) -> list[RunExport]:
    """Pack every run of our own store that is over; the files of each go to ``folder/<its id>``."""
    store, packed = local(settings), []
    for run in ended(store):
        files = folder / run.info.run_id
        files.mkdir(parents=True)
        packed.append(export_run(store, run, files))
    return packed


def import_all(settings: Settings, exports: list[RunExport], folder: Path) -> dict[str, str]:
    """Put what :func:`export_all` gave into our own store; return what each run is called here."""
    return {
        export["id"]: import_run(local(settings), export, folder / export["id"])[0]
        for export in exports
    }


def _travels(tag: str) -> bool:
    return tag in _KEPT_SYSTEM or not tag.startswith((_SYSTEM, SENT))


def _reigns(store: Store, version: Any) -> bool:
    reigning = champion_of(store, version.name)
    return reigning is not None and reigning.version == int(version.version)


def _counterpart(store: Store, export: RunExport) -> str:
    """Return the run in ``store`` that is the exported one, made if there is none."""
    found = store.client.search_runs(
        [store.experiment_id], f"tags.`{_ORIGIN}` = '{export['id']}'", max_results=1
    )
    if found:
        return str(found[0].info.run_id)
    made = store.client.create_run(
        store.experiment_id,
        start_time=export["start_time"],
        run_name=export["name"],
        tags={_ORIGIN: export["id"]},
    )
    return str(made.info.run_id)


def _crown(store: Store, version: ModelVersion) -> bool:
    """Make the version the champion, unless one that was trained later reigns there."""
    other = champion_of(store, version.name)
    if other is not None and _began(store, other.run_id) > _began(store, version.run_id):
        return False
    return set_champion(store, version)


def _began(store: Store, run_id: str) -> int:
    try:
        return int(store.client.get_run(run_id).info.start_time)
    except failures() as error:
        if code_of(error) != "RESOURCE_DOES_NOT_EXIST":
            raise
        return 0
