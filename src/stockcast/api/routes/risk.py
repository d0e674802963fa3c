"""What may be lost: by holding one stock, and several together."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query

from stockcast.api.schemas import PortfolioRequest, Problem, Responses, Ticker
from stockcast.api.service import Service
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.risk import Portfolio, PositionRisk
from stockcast.forecasting import NoModel
from stockcast.risk.portfolio import joint, weights_of
from stockcast.risk.position import position_risk

__all__ = ["router"]

_MISSING: Responses = {404: {"model": Problem, "description": "A ticker has no forecast."}}


def router(service: Service) -> APIRouter:
    """Return the endpoints of risk."""
    routes = APIRouter(tags=["risk"], responses=_MISSING)

    @routes.get("/risk/{ticker}")
    async def risk(
        ticker: Annotated[Ticker, Path()],
        position: Annotated[
            float, Query(gt=0, description="Capital in the stock, in its currency.")
        ] = 1.0,
        horizon: Annotated[
            int | None, Query(ge=1, description="Days ahead; all if absent.")
        ] = None,
    ) -> PositionRisk:
        """Return value at risk and expected shortfall of a position, by day ahead."""
        return position_risk(await _forecast(service, ticker), position, horizon)

    @routes.post("/portfolio")
    async def portfolio(asked: PortfolioRequest) -> Portfolio:
        """Return the joint risk of several stocks, and each one's share of it."""
        weights_of(asked.tickers, asked.weights)  # before anything is forecast
        forecasts = [await _forecast(service, ticker) for ticker in asked.tickers]
        return await service.work(lambda: joint(service.settings, forecasts, asked.weights), "long")

    return routes


async def _forecast(service: Service, ticker: str) -> Forecast:
    try:
        return Forecast.model_validate_json(await service.forecast(ticker))
    except NoModel as missing:
        raise HTTPException(404, str(missing)) from None
