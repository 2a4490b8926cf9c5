"""Taking turns at a server: who fills it keeps out every other, on whatever machine that is.

MLflow has no locks, but no two registered models have one name: whoever makes it has the turn, and deletes
it when that is over. A turn is renewed while it lasts, so that one whose holder was killed is found out. It
is then taken over under the next number: of two who delete one name and make it again, the second would
delete what the first has made.
"""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from unroll.failures import Refusal
from unroll.tracking.imports import MlflowClient, MlflowException
from unroll.tracking.place import user

PREFIX = "unroll is filling this server, turn "
HOLDER, RENEWED = "holder", "renewed"
"""Tags."""
TIMEOUT, SILENT_SECONDS = "MLFLOW_HTTP_REQUEST_TIMEOUT", 12
RENEW_SECONDS = 5
GONE_SECONDS = 30
"""A turn that has not been renewed for so long was its holder's last word."""


@contextmanager
def turn(client: MlflowClient, wait_seconds: float) -> Iterator[None]:
    """Wait for a turn, and keep it until the block ends.

    Raises:
        Refusal: another's turn lasts longer than `wait_seconds`.
        MlflowException: the server cannot be used.
    """
    with _given_up_in_time():
        name = _taken(client, wait_seconds)
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(client, name, over), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        _delete(client, name)


@contextmanager
def _given_up_in_time() -> Iterator[None]:
    """Give up a server that says nothing within a minute, three tries in all; an upload may take longer."""
    given = os.environ.get(TIMEOUT)
    os.environ[TIMEOUT] = given or str(SILENT_SECONDS)
    try:
        yield
    finally:
        os.environ.pop(TIMEOUT, None)
        if given:
            os.environ[TIMEOUT] = given


def _taken(client: MlflowClient, wait_seconds: float) -> str:
    """Return the name of a turn that is this process's own."""
    until = time.monotonic() + wait_seconds
    since: dict[tuple[str, str], float] = {}
    while True:
        turns, now = _turns(client), time.monotonic()
        since = {
            (name, tags.get(RENEWED, "")): since.get((name, tags.get(RENEWED, "")), now)
            for name, tags in turns.items()
        }
        gone = {name for (name, _), seen in since.items() if now - seen > GONE_SECONDS}
        if turns.keys() <= gone and (name := _made(client, gone)):
            # Who made another at the same time sees this one too: then both step back.
            if _turns(client).keys() <= gone | {name}:
                for one in gone:
                    _delete(client, one)
                return name
            _delete(client, name)
        elif now > until:
            who = " and ".join(tags.get(HOLDER, "somebody") for tags in turns.values()) or "others"
            raise Refusal(
                f"MLflow's server has been filled by {who} for {wait_seconds} s. No result is lost: once "
                "that has ended, python -m unroll repro or dvc repro track shows them in MLflow"
            )
        time.sleep(random.uniform(0.2, 0.6))


def _turns(client: MlflowClient) -> dict[str, dict[str, str]]:
    """Return the tags of every turn, by its name."""
    found = client.search_registered_models(f"name LIKE '{PREFIX}%'")
    return {one.name: one.tags for one in found if one.name.removeprefix(PREFIX).isdecimal()}


def _made(client: MlflowClient, gone: set[str]) -> str | None:
    """Return the name of a new turn, after all those that are gone; None where another was faster."""
    number = max((int(name.removeprefix(PREFIX)) for name in gone), default=0) + 1
    tags = {HOLDER: f"{user()} on {socket.gethostname()}, process {os.getpid()}", RENEWED: str(time.time())}
    about = (
        "Not a model: it keeps others from filling this server at the same time, and goes when that is done."
    )
    try:
        return client.create_registered_model(f"{PREFIX}{number}", tags, about).name
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS":
            return None
        raise


def _renew(client: MlflowClient, name: str, over: threading.Event) -> None:
    while not over.wait(RENEW_SECONDS):
        # One that was taken for gone has lost its turn; what it still writes is the next one's to judge.
        with suppress(MlflowException):
            client.set_registered_model_tag(name, RENEWED, str(time.time()))


def _delete(client: MlflowClient, name: str) -> None:
    with suppress(MlflowException):  # another has taken over, or the server is down: then it will
        client.delete_registered_model(name)
