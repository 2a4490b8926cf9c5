"""The page's server: three files, the list of networks, and an answer of one network to a text."""

from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from unroll.failures import Refusal, of_the_machine
from unroll.params import Name, Strict
from unroll.playground import page
from unroll.playground.guard import Guard
from unroll.playground.library import Library

FOLDER = Path(__file__).parent
LONGEST = 10_000
"""Characters of a text."""
LARGEST_BODY = 12 * LONGEST + 1024
"""Bytes: JSON may write a character as two escapes of six bytes."""


class Question(Strict):
    corpus: Name
    network: Name
    text: Annotated[str, StringConstraints(max_length=LONGEST)]


def application(library: Library, port: int) -> Starlette:
    """Return the server of a library, to be reached at this port of 127.0.0.1."""

    async def networks(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(page.listing, library, LONGEST))

    async def read(request: Request) -> Response:
        question = await _question(request)
        if not library.shows(question.corpus, question.network):
            raise HTTPException(404, f"no {question.network} on {question.corpus} is shown here")
        asked = (question.corpus, question.network, question.text)
        found = await run_in_threadpool(library.answer, *asked)
        return JSONResponse(found.as_document())

    return Starlette(
        routes=[
            Route("/", lambda request: Response(_file("page.html"), media_type="text/html")),
            Route("/page.css", lambda request: Response(page.style(), media_type="text/css")),
            Route("/page.js", lambda request: Response(_file("page.js"), media_type="text/javascript")),
            Route("/networks", networks),
            Route("/read", read, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, port=port)],
        exception_handlers={HTTPException: _told, Refusal: _refused, OSError: _refused},
    )


async def _question(request: Request) -> Question:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "a question is JSON: content-type must be application/json")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"a question has at most {LARGEST_BODY:,} bytes")
    try:
        return Question.model_validate_json(bytes(body))
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, one['loc'])) or 'the question'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise HTTPException(422, "; ".join(faults)) from None


def _told(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def _refused(request: Request, error: Refusal | OSError) -> Response:
    return JSONResponse({"error": of_the_machine(error) or str(error)}, status_code=409)


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
