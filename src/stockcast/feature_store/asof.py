"""Feast's offline store for this project: retrieval as of a moment, at a linear cost.

Feast's own stores for files join every entity row with every source row of the same key and filter
afterwards, which is quadratic in the length of a history. This one answers the same question with
one sort (:func:`latest_known`) and opens only the files of the tickers asked for. It is selected by
its class path in ``feature_repo/feature_store.yaml``; what it does not answer itself (retrieval
without an entity frame, views unlike those of ``feature_repo``) it leaves to the store it extends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import stockcast.feature_store.lean_feast  # noqa: F401 - before anything else imports Feast

# isort: split
from feast import FeatureView, FileSource, OnDemandFeatureView
from feast.infra.offline_stores.dask import (
    DaskOfflineStore,
    DaskOfflineStoreConfig,
    DaskRetrievalJob,
)
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import RepoConfig

__all__ = ["ONE_FILE_EACH", "AsOfOfflineStore", "AsOfOfflineStoreConfig", "latest_known"]

#: Tag of a file source whose folder holds one ``<key>.parquet`` for each value of the join key.
ONE_FILE_EACH = "one_file_per_key"
#: How a missing time reads as a number: it comes before all others.
_MISSING = np.iinfo(np.int64).min

_Path = Literal["stockcast.feature_store.asof.AsOfOfflineStore"]


class AsOfOfflineStoreConfig(DaskOfflineStoreConfig):
    """What ``offline_store`` may hold in feature_store.yaml; Feast finds it by its name."""

    type: _Path = "stockcast.feature_store.asof.AsOfOfflineStore"  # type: ignore[assignment]


class _Job(DaskRetrievalJob):
    """A retrieval whose function gives a pandas frame."""

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self.evaluation_function()

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return pa.Table.from_pandas(self.evaluation_function(), preserve_index=False)


class AsOfOfflineStore(DaskOfflineStore):
    """Parquet files with an as-of join."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        **kwargs: Any,
    ) -> RetrievalJob:
        """Answer as Feast's contract says; every entity row is kept, in its place."""
        if not isinstance(entity_df, pd.DataFrame) or not all(map(_is_plain, feature_views)):
            return DaskOfflineStore.get_historical_features(
                config, feature_views, feature_refs, entity_df, registry, project,
                full_feature_names, filter_by_created_timestamp, **kwargs,
            )  # fmt: skip
        asked = infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        refs = [ref.split(":") for ref in feature_refs]

        def evaluate() -> pd.DataFrame:
            answer = entity_df.assign(**{asked: pd.to_datetime(entity_df[asked], utc=True)})
            for view in feature_views:
                used: str = view.projection.name_to_use()  # type: ignore[no-untyped-call]
                features = [feature for of, feature in refs if of == used]
                found = _retrieve(
                    config, view, features, answer, asked, filter_by_created_timestamp
                )
                prefix = f"{used}__" if full_feature_names else ""
                answer = answer.assign(**{prefix + name: found[name].array for name in features})
            return answer.reset_index(drop=True)

        return _Job(
            evaluation_function=evaluate,
            full_feature_names=full_feature_names,
            repo_path=str(config.repo_path),
            on_demand_feature_views=OnDemandFeatureView.get_requested_odfvs(
                feature_refs, project, registry
            ),
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[name for name in entity_df.columns if name != asked],
                min_event_timestamp=entity_df[asked].min(),
                max_event_timestamp=entity_df[asked].max(),
            ),
        )


def latest_known(
    entities: pd.DataFrame,
    source: pd.DataFrame,
    key: str,
    *,
    asked: str,
    event: str,
    created: str,
    hide_until_created: bool = False,
) -> NDArray[np.int64]:
    """Find, for every entity row, the source row that answers it.

    That row has the entity's key, is not from after ``asked``, and has the latest ``event`` of
    those and, among equals, the latest ``created``. Everything is sorted once and walked once.

    Args:
        key: the column that has to be equal in both.
        asked: the moment an entity row asks about. Times without a zone are UTC.
        event: the moment a source row is about.
        created: the moment it was written down.
        hide_until_created: a row is known only from ``created`` on; else from ``event`` on.

    Returns:
        One position in ``source`` for each entity row, -1 where nothing answers.
    """
    about, written = _nanoseconds(source[event]), _nanoseconds(source[created])
    order = np.lexsort([written, about])
    known = np.maximum(about, written) if hide_until_created else about
    rows = pd.DataFrame({"key": source[key].astype(str), "known": known, "best": order.argsort()})
    rows = rows[(about != _MISSING) & ~(hide_until_created & (written == _MISSING))]
    rows = rows.sort_values("known", kind="stable")
    rows["best"] = rows.groupby("key")["best"].cummax()
    moment, places = _nanoseconds(entities[asked]), np.arange(len(entities))
    asking = pd.DataFrame({"key": entities[key].astype(str), "known": moment, "row": places})
    found = pd.merge_asof(asking.sort_values("known", kind="stable"), rows, on="known", by="key")
    best = found.sort_values("row")["best"].fillna(-1).to_numpy(np.int64)
    answer: NDArray[np.int64] = np.append(order, -1)[best]
    return answer


def _nanoseconds(times: pd.Series) -> NDArray[np.int64]:
    return np.asarray(pd.to_datetime(times, utc=True).to_numpy("datetime64[ns]").view(np.int64))


def _is_plain(view: FeatureView) -> bool:
    """Whether a view is as those of ``feature_repo``: a local folder with a file for each key."""
    source = view.batch_source
    if not isinstance(source, FileSource) or ONE_FILE_EACH not in source.tags:
        return False
    return "://" not in source.path and not (view.ttl or view.projection.join_key_map)


def _retrieve(
    config: RepoConfig,
    view: FeatureView,
    features: Sequence[str],
    entities: pd.DataFrame,
    asked: str,
    hide_until_created: bool,
) -> pd.DataFrame:
    """The ``features`` of one view for every row of ``entities``, missing where none were known."""
    source, (key,) = cast(FileSource, view.batch_source), view.join_keys
    event, created = source.timestamp_field, str(source.created_timestamp_column)
    names = [key, event, created]
    folder = Path(FileSource.get_uri_for_file_path(config.repo_path, source.path))
    paths = (folder / f"{value}.parquet" for value in entities[key].unique())
    table = _read([path for path in paths if path.is_file()], [*names, *features])
    position = latest_known(
        entities,
        table.select(names).to_pandas(),
        key,
        asked=asked,
        event=event,
        created=created,
        hide_until_created=hide_until_created,
    )
    taken = table.select(list(features)).take(pa.array(position, mask=position < 0))
    return taken.to_pandas()


def _read(files: list[Path], columns: list[str]) -> pa.Table:
    """The columns of all ``files``."""
    if not files:
        return pa.table({name: pa.nulls(0) for name in columns})
    tables = [pq.read_table(file, columns=columns, partitioning=None) for file in files]
    return pa.concat_tables(tables, promote_options="permissive")
