"""Forecasts and reports; what has no model yet is trained, predicted and cached in one chain."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from stockcast import forecasting
from stockcast.api import reports
from stockcast.api.routes.training import accepted
from stockcast.api.schemas import Accepted, Answer, Problem, ReportAnswer, Responses, TickerRequest
from stockcast.api.service import Service
from stockcast.contracts.forecast import Forecast
from stockcast.errors import BadInput
from stockcast.forecasting import NoModel

__all__ = ["router"]

_IN_THE_MAKING: Responses = {
    404: {"model": Problem, "description": "There is no such ticker, or no model and no key."},
    202: {"model": Accepted, "description": "There is no model yet; a task makes one."},
}


def router(service: Service) -> APIRouter:
    """Return the endpoints of forecasts and reports."""
    routes = APIRouter(tags=["forecasts"], responses=_IN_THE_MAKING)

    @routes.post("/predict-child", response_model=Answer)
    async def predict_child(asked: TickerRequest, request: Request) -> Response:
        """Forecast a stock: from Redis, else from its model; a key for train has one trained."""
        return await _forecast(service, request, asked.ticker)

    @routes.post("/predict-parent", response_model=Answer)
    async def predict_parent(request: Request) -> Response:
        """Forecast the index that the stocks' models start from."""
        return await _forecast(service, request, service.settings.parent_ticker)

    @routes.post("/analyze", response_model=ReportAnswer)
    async def analyze(asked: TickerRequest, request: Request) -> Response:
        """Return the analyst's report: the last one while it holds, else a new one."""
        settings, ticker = service.settings, asked.ticker
        try:
            forecast = Forecast.model_validate_json(await service.forecast(ticker))
        except NoModel as missing:
            return await _heal(service, request, ticker, missing)
        report = await service.work(lambda: reports.write(settings, ticker, forecast), "long")
        return JSONResponse({"result": report.model_dump(mode="json")})

    return routes


async def _forecast(service: Service, request: Request, ticker: str) -> Response:
    try:
        found = await service.forecast(ticker)
    except NoModel as missing:
        return await _heal(service, request, ticker, missing)
    return Response(b'{"result":' + found + b"}", media_type="application/json")


async def _heal(service: Service, request: Request, ticker: str, missing: NoModel) -> Response:
    if not request.state.caller.may("train"):
        raise HTTPException(404, f"{missing} So does this request with a key for train.")
    parent = forecasting.from_parent(service.settings, ticker)
    try:
        task = await service.start_task(ticker, "train-parent" if parent else "forecast")
    except BadInput as error:  # the source does not have it
        raise HTTPException(404, str(error)) from None
    return accepted(f"There is no up-to-date model of {ticker} yet; it is being trained.", task)
