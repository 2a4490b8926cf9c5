"""python -m unroll try: serves the page on 127.0.0.1 until Ctrl-C."""

import errno
import os
import socket
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from unroll import catalogue, environment
from unroll.failures import Refusal
from unroll.playground.library import Library
from unroll.playground.trained import Trained

PARAMS = Path("params.yaml")
HOST = "127.0.0.1"
SECONDS_TO_END = 2


def try_networks(
    corpora: Annotated[
        str | None, typer.Option(help="by their names, with commas; by default those selected")
    ] = None,
    networks: Annotated[
        str | None, typer.Option(help="by their names, with commas; by default all that are trained")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of 127.0.0.1; 0: any that is free")] = 8000,
    show: Annotated[bool, typer.Option("--open/--no-open", help="open the page in the browser")] = False,
) -> None:
    """Serve a page to try the trained networks on a text of your own."""
    whole = catalogue.load(PARAMS)
    chosen_corpora = _named("corpora", corpora, whole.corpora) or whole.select.corpora
    library = Library(whole, chosen_corpora, _named("networks", networks, whole.networks))
    found = library.survey()
    if not any(one.seeds for one in found):
        raise Refusal(f"nothing is trained yet: {_missing(found[0])}" if found else "nothing is trained yet")
    environment.prepare_torch("cpu", "highest")
    with _listener(port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        for corpus in chosen_corpora:
            there = [one.network for one in found if one.corpus == corpus and one.seeds]
            print(f"{corpus}: {', '.join(there) or 'no network yet'}")
        for one in found:
            if one.missing:
                print(_missing(one))
        print(f"Try them at {address} (Ctrl-C ends it)", flush=True)
        if show:
            webbrowser.open(address)
        _serve(library, listener)


def _serve(library: Library, listener: socket.socket) -> None:
    # Here, since no other command needs them: half a second.
    import uvicorn

    from unroll.playground.server import application

    settings = uvicorn.Config(
        application(library, listener.getsockname()[1]),
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    with suppress(KeyboardInterrupt):  # raised again by uvicorn, once it has ended well
        uvicorn.Server(settings).run(sockets=[listener])
    print("\nunroll: ended")


def _named(key: str, given: str | None, known: Iterable[str]) -> tuple[str, ...] | None:
    """Return the names between the commas, each once; None where none are given."""
    if given is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    for name in names or [given]:
        if name not in known:
            raise Refusal(f"{PARAMS}: {key} has no {name}: choose some of {', '.join(known)}")
    return names


def _listener(port: int) -> socket.socket:
    """Return a socket that listens already, so that a browser may be sent there at once."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise Refusal(f"port {port}: {os.strerror(error.errno)}: name another, --port {port + 1}") from None
    return listener


def _missing(one: Trained) -> str:
    return f"{one.corpus}: {one.network}: {one.missing}"
