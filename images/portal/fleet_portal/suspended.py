"""What is at the address of a suspended Airflow: takes the portal's own, gives one page, never says whose Airflow that is.

It has a port of its own, to which the front sends such addresses: whatever is asked for there, this is the answer.
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fleet_portal import pages
from fleet_portal.settings import Settings

PORT = 8081
# Programs that wait for an Airflow need not ask more often.
_RETRY_SECONDS = 3600
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create(settings: Settings) -> Starlette:
    """The application."""

    async def answer(request: Request) -> Response:
        text = "This Airflow is switched off on purpose. Nothing is lost: whoever looks after it can start it again."
        page = pages.message("Suspended", text, (f"{settings.url}/", "To your Airflows"))
        return HTMLResponse(page, 503, {"Retry-After": str(_RETRY_SECONDS)})

    static = StaticFiles(directory=Path(__file__).with_name("static"))
    return Starlette(routes=[Mount("/-/static", static), Route("/{path:path}", answer, methods=_METHODS)])
