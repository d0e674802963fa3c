"""Feast's offline store for this project: retrieval as of a moment, at a linear cost.

Feast's own stores for files join every entity row with every source row of the same key and filter
afterwards, which is quadratic in the length of a history. This one answers the same question with
one sort (:mod:`stockcast.feature_store.join`) and opens only the files of the tickers asked for. It
is selected by its class path in ``feature_repo/feature_store.yaml``; what it does not answer itself
(retrieval without an entity frame, remote files) it leaves to the store it extends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

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

from stockcast.feature_store.join import latest_known

__all__ = ["ONE_FILE_EACH", "AsOfOfflineStore", "AsOfOfflineStoreConfig"]

#: Tag of a file source whose folder holds one ``<key>.parquet`` for each value of the join key.
ONE_FILE_EACH = "one_file_per_key"


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
        if not isinstance(entity_df, pd.DataFrame) or not all(map(_is_local, feature_views)):
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


def _is_local(view: FeatureView) -> bool:
    source = view.batch_source
    return isinstance(source, FileSource) and "://" not in source.path


def _retrieve(
    config: RepoConfig,
    view: FeatureView,
    features: Sequence[str],
    entities: pd.DataFrame,
    asked: str,
    hide_until_created: bool,
) -> pd.DataFrame:
    """The ``features`` of one view for every row of ``entities``, missing where none were known."""
    source = cast(FileSource, view.batch_source)
    aliases = {
        c.name: view.projection.join_key_map.get(c.name, c.name) for c in view.entity_columns
    }
    event, created = source.timestamp_field, source.created_timestamp_column or None
    times = [event, created] if created else [event]
    columns = [*dict.fromkeys([*aliases, *times, *features])]
    keys = [entities[alias] for alias in aliases.values()]
    table = _read(_files(config, source, keys), columns, source.field_mapping)
    rows = table.select([*aliases, *times]).to_pandas().rename(columns=aliases)
    position = latest_known(
        entities,
        rows,
        list(aliases.values()),
        asked=asked,
        event=event,
        created=created,
        hide_until_created=hide_until_created,
        ttl=pd.Timedelta(view.ttl) if view.ttl else None,
    )
    taken = table.select(list(features)).take(pa.array(position, mask=position < 0))
    return taken.to_pandas()


def _files(config: RepoConfig, source: FileSource, keys: Sequence[pd.Series]) -> list[Path]:
    """The files of ``source`` that can hold rows of the keys."""
    path = Path(FileSource.get_uri_for_file_path(config.repo_path, source.path))
    if path.is_file():
        return [path]
    there = sorted(path.glob("*.parquet"))
    if ONE_FILE_EACH in source.tags and len(keys) == 1:
        wanted = {f"{key}.parquet" for key in keys[0].unique()}
        there = [file for file in there if file.name in wanted]
    return there


def _read(files: list[Path], columns: list[str], mapping: dict[str, str]) -> pa.Table:
    """The columns of all ``files``, by the names that the feature view gives them."""
    physical = {new: old for old, new in mapping.items()}
    names = [physical.get(name, name) for name in columns]
    if not files:
        return pa.table({name: pa.nulls(0) for name in columns})
    tables = [pq.read_table(file, columns=names, partitioning=None) for file in files]
    return pa.concat_tables(tables, promote_options="permissive").rename_columns(columns)
