"""The service as HTTP: three things to ask for, each answered in JSON, each refused with a problem and a hint.

POST /v1/checks               one text for one section; the answer says where it stands
GET  /v1/checks/ID?wait=20    where it stands; answered when there is news, or after so many seconds
GET  /v1/course, /v1/health   what is checked here, and whether it is
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import math
import time
from itertools import chain
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from grader import __version__
from grader.files import LARGEST_TEXT
from grader.service import jobs
from grader.service.connection import HEAD
from grader.service.desk import Refusal
from grader.service.panel import Panel
from grader.service.quota import Buckets, Rate
from grader.service.store import CannotKeep
from grader.service.tokens import holder

BODY = 4 * LARGEST_TEXT // 3 + (1 << 15)  # bytes: the largest text in base64, and its names
BODY_SECONDS = 30.0
LONGEST_WAIT = 25.0
SOON = 2.0  # seconds that a known verdict may wait until its text is kept as an attempt, so that both are told at once
HEADERS = 64
WRONG_TOKENS = Rate(10, 10.0)  # from one address
_AGAIN = 30.0
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """What a client sends; anything else in it is refused. `source` is base64, so that every byte arrives as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
    section: Name
    exercises: Annotated[list[Name], Field(min_length=1, max_length=500)]
    source: str | None


class Gate:
    """Who a request comes from. A right token always passes; wrong ones slow down the address that they come from."""

    def __init__(self, panel: Panel) -> None:
        self.desk = panel.desk
        self._wrong = Buckets(WRONG_TOKENS)

    async def __call__(self, request: Request) -> str:
        """The student's id; raises `Refusal`."""
        if len(request.headers) > HEADERS or sum(map(len, chain(*request.headers.raw))) > HEAD:
            raise Refusal(431, f"A request has at most {HEADERS} headers and {HEAD} bytes of them.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        student = holder(self.desk.store, token.strip()) if scheme.lower() == "bearer" else None
        if student is None:
            raise self._refusal(address_of(request))
        self.desk.admit(student)
        return student

    def _refusal(self, address: str) -> Refusal:
        hint = "Your instructor gives out tokens; an older one ends when there is a new one."
        if wait := self._wrong.take(_network(address), time.time()):
            return Refusal(401, "Too many wrong tokens came from your address.", hint, wait)
        self.desk.store.log("wrong token", address=address)
        return Refusal(401, "This token is not valid.", hint)


def application(panel: Panel) -> FastAPI:
    """The routes, and nothing else: no pages of documentation, no traces."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    desk, student = panel.desk, Depends(Gate(panel))

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        state = "closing" if desk.closing else "cannot judge" if "judging" in panel.troubles else "ok"
        return {"state": state, "version": __version__}

    @app.get("/v1/course")
    async def course(student: str = student) -> dict[str, Any]:
        return desk.about()

    @app.post("/v1/checks")
    async def hand_in(request: Request, student: str = student) -> JSONResponse:
        job = desk.accept(student, _asked(await _body(request)), address_of(request))
        panel.call()
        if job.state is jobs.State.DONE and not desk.settled(student, job.id):
            await panel.change(job.id, SOON)
        standing = desk.standing(student, job.id)
        return JSONResponse(standing, 200 if job.state is jobs.State.DONE else 202)

    @app.get("/v1/checks/{id}")
    async def look(
        id: str, wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0, student: str = student
    ) -> dict[str, Any]:
        if wait and not desk.closing and not desk.settled(student, id):
            await panel.change(id, wait)
        return desk.standing(student, id)

    _tell_refusals(app)
    return app


async def _body(request: Request) -> bytes:
    """The whole body, as long as it comes in time and is not too large; what a header says about it counts nothing."""
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                content += piece
                if len(content) > BODY:
                    raise Refusal(413, f"A file has at most {LARGEST_TEXT} bytes.", "Make it smaller.")
    except (TimeoutError, ClientDisconnect):
        raise Refusal(408, f"The request did not arrive within {BODY_SECONDS:.0f} seconds.", "Try again.") from None
    return bytes(content)


def _asked(body: bytes) -> jobs.Request:
    try:
        asked = Body.model_validate_json(body)
        source = None if asked.source is None else base64.b64decode(asked.source, validate=True)
    except (ValidationError, binascii.Error, ValueError):
        raise Refusal(422, "This is no request for a check.", "Update the grader.") from None
    return jobs.Request(asked.key, asked.section, tuple(asked.exercises), source)


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _network(address: str) -> str:
    """An IPv6 host has billions of addresses, all in one network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else address


def _tell_refusals(app: FastAPI) -> None:
    """Whatever goes wrong is a status, a problem and a hint, in the same words for everybody."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return _told(refusal)

    @app.exception_handler(CannotKeep)
    async def full(request: Request, error: CannotKeep) -> JSONResponse:
        hint = "Nothing was taken; try again in a minute."
        return _told(Refusal(503, "The service cannot write to its disk just now.", hint, _AGAIN))

    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> JSONResponse:
        return _told(Refusal(error.status_code, "There is nothing of this kind here.", "Update the grader."))

    @app.exception_handler(RequestValidationError)
    async def not_valid(request: Request, error: RequestValidationError) -> JSONResponse:
        return _told(Refusal(422, "This is no request that the service understands.", "Update the grader."))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return _told(Refusal(500, "The service itself failed on this request.", "Please tell your instructor."))


def _told(refusal: Refusal) -> JSONResponse:
    headers = {"Retry-After": str(math.ceil(refusal.wait))} if refusal.wait else {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"problem": refusal.problem, "hint": refusal.hint}, refusal.status, headers)
