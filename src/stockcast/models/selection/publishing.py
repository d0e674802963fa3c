"""From an assessment to what serves: the gate, the record, and the run in the tracking store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stockcast import tracking
from stockcast.contracts.forecast import Served, Skill, Verdict, Why
from stockcast.contracts.model_record import (
    Calibration,
    Details,
    ModelRecord,
    StrategyRow,
    TailParameters,
)
from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import paired_losses
from stockcast.models.bundle import Bundle, load_bundle, save_bundle
from stockcast.models.children import Children
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import FittedPanel
from stockcast.models.samples import Samples
from stockcast.models.selection import gate
from stockcast.models.selection.assessment import Assessment, assess
from stockcast.models.selection.width import explain
from stockcast.models.serving import parent_kind
from stockcast.prices import PriceHistory
from stockcast.settings import Settings
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = ["publish"]


def publish(
    settings: Settings,
    history: PriceHistory,
    samples: Samples,
    bundle: Bundle,
    assessment: Assessment,
    path: Path,
    *,
    children: Children | None = None,
    parent: ModelRecord | None = None,
    figures: Mapping[str, tracking.Figure | None] | None = None,
) -> ModelRecord:
    """Keep the bundle, let the gate decide what serves, record the run, and write the record.

    A version is kept whether it serves or not, and none is ever overwritten. It serves if it beats
    the naive forecast and is not worse than the reigning champion (of the record at
    :meth:`Workspace.record`) over the same days; else the champion goes on serving while it still
    beats naive; else the baseline that was best on validation does. A model of the kind of parent
    that the settings name serves whenever it beats naive, if the champion is of another kind. A
    stock too young to train or judge a model gets the parent's forecast.

    A record at another ``path`` is a trial: it is judged as if it were the pipeline's and its run
    is recorded beside those, tagged interactive, but the registry and its champion stay as they
    are. ``children`` and ``parent``, the parent's record, are given for a child; ``figures`` are
    what the run keeps to look at, by name.
    """
    folder = save_bundle(bundle, Workspace.of(settings).models)
    own = Workspace.of(settings).record(bundle.name)
    decided = _decide(settings, bundle, assessment, samples, own, children, parent)
    record = ModelRecord(
        name=bundle.name,
        ticker=history.ticker,
        data_hash=history.data_hash,
        as_of=history.as_of.date(),
        candidate=bundle.version,
        baselines={name: made.tolist() for name, made in assessment.latest().items()},
        scorecard=tuple(assessment.scorecard),
        strategies=_strategies(children.evidence) if children else (),
        **vars(decided),
    )
    run_id = _track(settings, bundle, folder, assessment, record, figures or {}, trial=path != own)
    record = record.model_copy(update={"details": Details(mlflow_run=run_id)})
    record.save(path)
    kind = "child" if children else "parent"
    word, why = _word(record, bundle), record.verdict.reason
    metrics.gate_decided(settings, kind, word, ticker=record.ticker, reason=why)
    return record


@dataclass(frozen=True)
class _Decision:
    """The fields of the record that say what serves."""

    bundle: str | None
    served: Served
    verdict: Verdict
    skill: Skill
    calibration: Calibration | None
    tails: TailParameters
    why: Why | None
    partner_weight: float | None


def _word(record: ModelRecord, candidate: Bundle) -> str:
    """What was decided on ``candidate``, as it is counted."""
    if record.bundle is None:
        return "refused"
    if record.bundle == f"{candidate.name}/{candidate.version}":
        return "accepted"
    return "champion_kept" if record.bundle.startswith(f"{candidate.name}/") else "lent"


def _decide(
    settings: Settings,
    bundle: Bundle,
    assessment: Assessment,
    samples: Samples,
    path: Path,
    children: Children | None,
    parent: ModelRecord | None,
) -> _Decision:
    # What was assessed is the network the child started from: no other parent is vouched for.
    assessed = f"parent/{bundle.origin.get('parent')}"
    if children and children.too_short and parent and parent.bundle == assessed:
        lent = load_bundle(Workspace.of(settings).bundle(parent.bundle))
        return _borrow(assessment, samples, children.too_short, parent, lent)
    reigning = _reigning(settings, path, bundle)
    wanted = assessment.verdict.skilful and _asked_for(settings, bundle, reigning)
    if reigning is not None and not wanted:
        defended = _defend(assessment, samples, reigning)
        if defended is not None:
            return defended
    if assessment.verdict.skilful:
        return _serve(bundle, assessment, samples, assessment.verdict.reason)
    return _fall_back(assessment, samples, assessment.verdict.reason)


def _asked_for(settings: Settings, bundle: Bundle, reigning: Bundle | None) -> bool:
    """Whether the settings name the candidate's kind of parent, and the champion's is another."""
    if reigning is None or settings.parent == "auto":
        return False
    kinds = (parent_kind(settings, f"{each.name}/{each.version}") for each in (bundle, reigning))
    return settings.parent == next(kinds) != next(kinds)


def _defend(assessment: Assessment, samples: Samples, reigning: Bundle) -> _Decision | None:
    """Serve the reigning champion if it still beats naive and the candidate is worse, else None."""
    raw = walk_panel(reigning.fitted, samples, assessment.split.validation_start)
    name = assessment.candidate
    ours = assess(
        assessment.ticker,
        {name: raw},
        assessment.close,
        assessment.split,
        candidate=name,
        train_seconds={name: reigning.fitted.seconds},
        events=assessment.events,
        partner_weight=reigning.partner_weight,
        start=reigning.start,
    )
    new, old = paired_losses(assessment.close, assessment.test(name), ours.test(name))
    successor = gate.not_worse_than_champion(new, old, horizon=raw.horizon)
    if successor.skilful or not ours.verdict.skilful:
        return None
    reason = (
        f"{ours.verdict.reason} Its successor {successor.reason[0].lower()}{successor.reason[1:]}"
    )
    return _serve(reigning, ours, samples, reason)


def _serve(bundle: Bundle, assessment: Assessment, samples: Samples, reason: str) -> _Decision:
    served = Served(
        kind=bundle.origin["kind"],
        version=bundle.version,
        strategy=bundle.origin["strategy"],
        trained_through=bundle.origin["trained_through"],
    )
    verdict = Verdict(skilful=True, reason=reason)
    name = f"{bundle.name}/{bundle.version}"
    return _decision(
        assessment, assessment.candidate, samples, verdict, served, name, bundle.fitted
    )


def _borrow(
    assessment: Assessment, samples: Samples, reason: str, parent: ModelRecord, lent: Bundle
) -> _Decision:
    """Serve the parent's network: nothing can be trained or proven on so short a history."""
    why = f"{reason} This is the parent's forecast as it is, unproven for {assessment.ticker}."
    served = parent.served.model_copy(update={"strategy": "zero_shot"})
    verdict = Verdict(skilful=False, reason=why)
    return _decision(assessment, "parent", samples, verdict, served, parent.bundle, lent.fitted)


def _fall_back(assessment: Assessment, samples: Samples, reason: str) -> _Decision:
    name = assessment.fallback
    served = Served(kind="baseline", version=name, strategy=name, trained_through=None)
    verdict = Verdict(skilful=False, reason=f"{reason} The {name} baseline serves instead.")
    return _decision(assessment, name, samples, verdict, served)


def _decision(
    assessment: Assessment,
    model: str,
    samples: Samples,
    verdict: Verdict,
    served: Served,
    bundle: str | None = None,
    fitted: FittedPanel | None = None,
) -> _Decision:
    """That ``model`` serves: a network by its bundle, or a baseline."""
    network = assessment.recalibrated.get(model)
    return _Decision(
        bundle=bundle,
        served=served,
        verdict=verdict,
        skill=_skill(assessment, model),
        calibration=network.state.contract() if network else None,
        tails=assessment.tails(model).contract(),
        why=explain(assessment, model, samples, fitted),
        partner_weight=assessment.partner_weight if network else None,
    )


def _skill(assessment: Assessment, model: str) -> Skill:
    row = assessment.figures(model)
    if row is None:
        return Skill(pinball_vs_naive=None, pinball_vs_garch=None, ci95=None, coverage_80=None, n=0)
    return Skill(
        pinball_vs_naive=row.pinball_vs_naive,
        pinball_vs_garch=row.pinball_vs_garch,
        ci95=row.pinball_vs_naive_ci95,
        coverage_80=row.coverage_80,
        n=row.n,
    )


def _reigning(settings: Settings, path: Path, candidate: Bundle) -> Bundle | None:
    """The champion that serves now, if it is another version and can still be asked.

    One that was fitted on days of today's validation, or chosen on days of today's test period, is
    not: it would win unfairly.
    """
    try:
        record = ModelRecord.load(path)
        if record.bundle is None or record.bundle == f"{candidate.name}/{candidate.version}":
            return None
        champion = load_bundle(Workspace.of(settings).bundle(record.bundle))
    except BadInput:
        return None
    same = champion.fitted.context == candidate.fitted.context
    same &= champion.fitted.network.horizon == candidate.fitted.network.horizon
    same &= champion.split.test_start <= candidate.split.test_start
    learned_until = pd.Timestamp(champion.origin["trained_through"])
    same &= learned_until < candidate.split.validation_start
    return champion if same and champion.name == candidate.name else None


def _strategies(evidence: pd.DataFrame) -> tuple[StrategyRow, ...]:
    table = evidence.reset_index()
    plain = table.astype(object).where(table.notna(), None)
    return tuple(StrategyRow.model_validate(row) for row in plain.to_dict("records"))


def _track(
    settings: Settings,
    bundle: Bundle,
    folder: Path,
    assessment: Assessment,
    record: ModelRecord,
    figures: Mapping[str, tracking.Figure | None],
    *,
    trial: bool,
) -> str:
    """Record parameters, epochs, metrics, figures and, unless it is a trial, the bundle; make the
    version champion if it serves."""
    name = f"stockcast-{bundle.name}"
    origin = {key: value for key, value in bundle.origin.items() if not isinstance(value, dict)}
    params = {**origin, **bundle.origin["hyperparameters"], **bundle.origin["split"]}
    tags = {
        "mode": "interactive" if trial else "pipeline",
        "data_hash": record.data_hash,
        "bundle": bundle.version,
        "serves": record.bundle,
    }
    title = f"{bundle.name} (interactive)" if trial else bundle.name
    with tracking.run(settings, title, params, tags) as run:
        if bundle.origin["strategy"] != "zero_shot":  # whose epochs were the parent's
            run.history(
                [
                    {
                        "epoch": each.number,
                        "train_loss": each.train,
                        "validation_loss": each.validation,
                    }
                    for each in bundle.fitted.history
                ]
            )
        run.metrics(_metrics(assessment))
        for what, figure in figures.items():
            if figure is not None:
                run.figure(figure, what)
        if not trial:
            version = tracking.register(settings, name, run.id, folder, bundle.version, tags)
            if record.bundle == f"{bundle.name}/{bundle.version}":
                tracking.promote(settings, version)
    return run.id


def _metrics(assessment: Assessment) -> dict[str, float | None]:
    row = assessment.figures(assessment.candidate)
    wanted = ("mse", "rmse", "mae", "r2_returns", "pinball", "pinball_vs_naive", "coverage_80")
    return row.model_dump(include=set(wanted)) if row else {}
