"""Training, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import JSONResponse

from stockcast import jobs
from stockcast.api.schemas import Accepted, Problem, Responses, TaskState, TickerRequest
from stockcast.api.service import Service
from stockcast.errors import BadInput

__all__ = ["accepted", "router"]

_MISSING: Responses = {404: {"model": Problem}}


def router(service: Service) -> APIRouter:
    """Return the endpoints of training and of tasks."""
    routes = APIRouter(tags=["training"])

    @routes.post("/train-parent", status_code=202, response_model=Accepted)
    async def train_parent() -> JSONResponse:
        """Bring the index's model up to date, then forecast and cache, in a process of its own."""
        task = await service.start_task(service.settings.parent_ticker, "train-parent")
        return accepted(f"The model of {task.ticker} is being brought up to date.", task)

    @routes.post("/train-child", responses=_MISSING, status_code=202, response_model=Accepted)
    async def train_child(asked: TickerRequest) -> JSONResponse:
        """Bring a stock's model up to date, then forecast and cache, in a process of its own."""
        try:
            task = await service.start_task(asked.ticker)
        except BadInput as error:  # the source does not have it
            raise HTTPException(404, str(error)) from None
        return accepted(f"The model of {task.ticker} is being brought up to date.", task)

    @routes.get("/status/{task_id}", responses=_MISSING)
    async def status(
        task_id: Annotated[str, Path(max_length=64, examples=["20130301T210000-0123abcd"])],
    ) -> TaskState:
        """Say how a task is. Once it is completed, its forecast is in Redis."""
        task = await service.work(lambda: jobs.status(service.settings, task_id))
        if task is None:
            raise HTTPException(
                404, f"Expected the id of a task that was started here, got {task_id!r}."
            )
        return TaskState(**task.model_dump())

    return routes


def accepted(detail: str, task: jobs.Task) -> JSONResponse:
    """Return the answer to whoever asked for what is in the making."""
    document = Accepted(status="training", detail=detail, task_id=task.task_id).model_dump()
    return JSONResponse(document, 202, {"location": f"/status/{task.task_id}"})
