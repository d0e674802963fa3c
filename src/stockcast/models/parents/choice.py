"""Which parent a profile's stocks start from: one that comes with the package, or one of its own.

A parent's last day lies before the profile's validation, whoever it learned from: the validation
period chooses between ways to use it, and the test period judges what was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from stockcast import feature_store, features
from stockcast.contracts.parent import ParentCard, ParentFigures
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.evaluation.significance import ratio_interval
from stockcast.evaluation.walkforward import losses, pool_by_date
from stockcast.features import MODEL_INPUTS
from stockcast.models import parents
from stockcast.models.bundle import Bundle, make_bundle
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.parent import learn
from stockcast.models.panel.stock import PanelStock, panel_stock
from stockcast.models.panel.training import (
    FittedPanel,
    PanelHyperparameters,
    Progress,
    fit_panel,
)
from stockcast.models.postprocessing.calibration import CalibrationState
from stockcast.models.samples import make_samples
from stockcast.models.splits import Split
from stockcast.prices import snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["ChosenParent", "choose_parent", "panel_member", "panel_members"]

#: Learning rate, as a share of the one for fresh weights, at which a shipped parent goes on.
GENTLE = 0.1


@dataclass(frozen=True, eq=False)
class ChosenParent:
    """The parent of a profile.

    Attributes:
        origin: ``shipped``, ``continued``, ``panel`` or ``index``.
        reason: a sentence that says why it is this one.
        hyper: what it was fitted with.
        partner_weight: the partner's share of the forecasts that are served.
        start: what a stock's calibration begins with.
        tickers: who was learned from.
        card: of a parent that comes with the package.
    """

    origin: str
    reason: str
    fitted: FittedPanel
    hyper: PanelHyperparameters
    partner_weight: float
    start: CalibrationState
    tickers: tuple[str, ...]
    figures: tuple[ParentFigures, ...]
    card: ParentCard | None = None

    def bundle(self, ticker: str, split: Split) -> Bundle:
        """The parent as a bundle of the profile whose index is ``ticker``."""
        return make_bundle(
            "parent",
            self.fitted,
            hyper=self.hyper,
            split=split,
            partner_weight=self.partner_weight,
            start=self.start,
            kind="parent",
            ticker=ticker,
            strategy=self.origin,
            learned_from=len(self.tickers),
            trained_through=str(self.fitted.last_day.date()),
        )

    def summary(self) -> pd.DataFrame:
        """One row that says who it is."""
        card = self.card
        row = {
            "parent": card.name if card else self.origin,
            "learned from": f"{len(self.tickers)} tickers",
            "first day": f"{card.first_day}" if card else "-",
            "last day": f"{self.fitted.last_day:%Y-%m-%d}",
            "hidden size": self.hyper.hidden_size,
            "partner's weight": self.partner_weight,
            "prices": card.prices_from if card else "the profile's",
            "licence": card.licence if card else "-",
        }
        return pd.DataFrame([row], index=[self.origin])

    def table(self) -> pd.DataFrame:
        """How good it is, by stocks, inputs and slice; empty where nobody said."""
        rows = [figures.model_dump() for figures in self.figures]
        return pd.DataFrame(rows).round(4)


def choose_parent(
    settings: Settings,
    split: Split,
    hyper: PanelHyperparameters,
    *,
    progress: Progress | None = None,
) -> ChosenParent:
    """The parent that the settings ask for.

    ``auto`` takes the newest one that comes with the package and has seen no day of validation, and
    continues on the tickers of ``panel``, if any are named, where that is better on validation by
    more than noise; without such a one it learns from the index. ``shipped``, ``panel`` and
    ``index`` ask for one kind.

    ``hyper`` is for a parent of the profile's own; ``progress`` is called after each epoch.

    Raises:
        BadInput: there is no such parent, or too few days to learn from.
    """
    wanted = settings.parent
    card = parents.choose(split.validation_start, settings.horizon)
    fits = card is not None and card.context == settings.context
    if wanted in ("auto", "shipped") and card is not None and fits:
        chosen = _shipped(card, split)
        named = settings.panel if wanted == "auto" else ()
        return _continued(settings, chosen, named, split, progress) if named else chosen
    if wanted == "shipped":
        raise BadInput(
            f"Expected a parent that comes with the package, with its last day before "
            f"{split.validation_start.date()}, for {settings.horizon} sessions ahead and a context "
            f"of {settings.context}, got none; set parent=index, or a later validation_start."
        )
    if wanted == "panel":
        named = settings.panel or settings.tickers
        return _learned(settings, "panel", (settings.parent_ticker, *named), split, hyper, progress)
    return _learned(settings, "index", (settings.parent_ticker,), split, hyper, progress)


def panel_members(settings: Settings, tickers: tuple[str, ...]) -> dict[str, PanelStock]:
    """Those of ``tickers`` whose features are published, as a network learns from them."""
    found = {}
    for ticker in dict.fromkeys(tickers):
        try:
            found[ticker] = panel_member(settings, ticker)
        except BadInput:  # not ingested, held, or too short: its own stages say so
            continue
    return found


def panel_member(settings: Settings, ticker: str) -> PanelStock:
    """One ticker as a network learns from it: all that is known, and what closes alone would show.

    Raises:
        BadInput: nothing is published of it, or no day is complete.
    """
    history = snapshot.load(Workspace.of(settings).price_pointer(ticker))
    close, horizon = history.frame["close"], settings.horizon
    frame = feature_store.training_frame(settings, ticker, end=history.as_of)
    alone = features.compute(frame[["close", "volume"]])
    seen = frame.assign(**{name: alone[name] for name in (*MODEL_INPUTS, "sigma")}, has_range=0.0)
    full = make_samples(ticker, frame, close, horizon)
    events = full.event_flags(pd.DatetimeIndex(close.index))
    return panel_stock(ticker, close, horizon, (frame, seen), events)


def _shipped(card: ParentCard, split: Split) -> ChosenParent:
    parents.require_unseen(card, split.validation_start)
    parent = parents.load_parent(card.name)
    return ChosenParent(
        "shipped",
        f"{card.name} comes with the package; its last day is {card.last_day}, before validation "
        f"begins on {split.validation_start.date()}.",
        parent.fitted,
        PanelHyperparameters(**card.hyperparameters),
        card.partner_weight,
        parents.starting_state(card, LEVELS),
        card.tickers,
        card.figures,
        card,
    )


def _learned(
    settings: Settings,
    origin: str,
    tickers: tuple[str, ...],
    split: Split,
    hyper: PanelHyperparameters,
    progress: Progress | None,
) -> ChosenParent:
    members = panel_members(settings, tickers)
    cut = split.validation_start
    learned = learn(members, cut, hyper, device=settings.device, progress=progress)
    known = len(learned.tickers)
    return ChosenParent(
        origin,
        f"Learned from {known} ticker{'s' * (known > 1)} of the profile, before {cut.date()}.",
        learned.fitted,
        hyper,
        learned.weight,
        learned.state.at(LEVELS),
        learned.tickers,
        learned.figures,
    )


def _continued(
    settings: Settings,
    chosen: ChosenParent,
    tickers: tuple[str, ...],
    split: Split,
    progress: Progress | None,
) -> ChosenParent:
    """The chosen parent after some more epochs on ``tickers``, where validation says so."""
    members = panel_members(settings, tickers)
    cut = split.validation_start
    series = [stock.series for stock in members.values()]
    gentle = replace(chosen.hyper, learning_rate=GENTLE * chosen.hyper.learning_rate)
    year_before = cut - pd.Timedelta(days=365)
    fitted = fit_panel(
        series,
        year_before,
        cut,
        gentle,
        start=chosen.fitted,
        device=settings.device,
        progress=progress,
    )
    ratio, low, high = _against(fitted, chosen.fitted, members, split)
    figures = f"{ratio:.4f} (95% interval {low:.4f} to {high:.4f}) of its loss on validation"
    if not high < 1:
        return replace(chosen, reason=f"{chosen.reason} Going on with the panel gave {figures}.")
    return replace(
        chosen,
        origin="continued",
        reason=f"{chosen.reason} It went on with {len(members)} tickers, which gave {figures}.",
        fitted=fitted,
        hyper=gentle,
        tickers=(*chosen.tickers, *members),
        card=None,
    )


def _against(
    one: FittedPanel, other: FittedPanel, members: Mapping[str, PanelStock], split: Split
) -> tuple[float, float, float]:
    """Ratio of two networks' losses on validation, pooled by date, with its interval."""
    pairs = []
    for stock in members.values():
        span = split.validation_start, split.test_start - pd.Timedelta(days=split.embargo * 2)
        both = [walk_panel(each, stock.series.full, *span) for each in (one, other)]
        if len(both[0]):
            tables = (losses(made, stock.close).mean(axis=1, skipna=False) for made in both)
            pairs.append(tuple(tables))
    own, reference = pool_by_date([(a, b) for a, b in pairs])
    known = np.isfinite(own) & np.isfinite(reference)
    own, reference = own[known], reference[known]
    low, high = ratio_interval(own, reference, horizon=split.embargo)
    return float(own.mean() / reference.mean()), low, high
