"""How long the Hub is waited for: every request has time limits, and retries end.

huggingface_hub waits without end for a listing, up to half a minute in all for a Hub that is not well,
and as long as a busy one asks for.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

STALL_SECONDS = 60
"""How long the Hub may stay silent in the middle of a download."""
TRIES = 2
"""Of one file or listing: a second later most of what goes wrong is right again, or is not for hours."""
PAGES = 50
"""Of a listing, each of up to 1,000 files."""
NOT_WELL = (429, 500, 502, 503, 504)


@contextmanager
def patience() -> Iterator[None]:
    """Hold huggingface_hub to these limits within the block; what exceeds them is an httpx2.HTTPError."""
    from huggingface_hub import get_session

    hooks = get_session().event_hooks
    limits = _Patience()
    hooks["request"].append(limits.before)
    hooks["response"].append(limits.after)
    try:
        yield
    finally:
        hooks["request"].remove(limits.before)
        hooks["response"].remove(limits.after)


class _Patience:
    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.pages: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    def before(self, request) -> None:
        limits = request.extensions["timeout"]
        request.extensions["timeout"] = {phase: limit or STALL_SECONDS for phase, limit in limits.items()}
        address, path = str(request.url), request.url.path
        # Each page of a listing has an address of its own, and what goes well is asked for once.
        if request.method == "GET" and ("/tree/" in path or "/resolve/" in path):
            self.pages[path] += self.asked[address] == 0
            self.asked[address] += 1
            if self.asked[address] > TRIES:
                raise _given_up(f"{path} broke off {TRIES} times")
            if self.pages[path] > PAGES:
                raise _given_up(f"the listing {path} has more than {PAGES} pages: does it end?")

    def after(self, response) -> None:
        if response.status_code not in NOT_WELL:
            return
        path = response.request.url.path
        self.refusals[path] += 1
        wait = response.headers.get("Retry-After")
        if wait is not None or self.refusals[path] >= TRIES:
            asked = f", and asks to wait {wait} s" if wait is not None else ""
            raise _given_up(f"it answers {response.status_code} for {path}{asked}")


def _given_up(reason: str) -> Exception:
    import httpx2  # what huggingface_hub asks with; of its errors this kind alone is not tried again

    return httpx2.HTTPError(reason)
