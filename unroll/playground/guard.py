"""Who may ask: this machine's own page, and no other site that the same browser has open.

A stranger's page can make a browser send requests to 127.0.0.1, and by a name of its own that it points
there (DNS rebinding) even read the answers. Such requests have another Host or Origin than the page.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """Answers strangers itself with 403, and gives every answer the headers that keep it here."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app, self.port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                fixed = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *fixed]}
            await send(message)

        if scope["type"] != "http":  # that the server starts or ends: nothing here speaks websocket
            await self.app(scope, receive, send)
        elif reason := why_not(Headers(scope=scope), self.port):
            await JSONResponse({"error": reason}, status_code=403)(scope, receive, send_guarded)
        else:
            await self.app(scope, receive, send_guarded)


def why_not(headers: Mapping[str, str], port: int) -> str | None:
    """Return why a request is none of the page's own; None where it may be."""
    own = [f"{name}:{port}" for name in HOSTS] + (list(HOSTS) if port == 80 else [])
    host, origin = headers.get("host", ""), headers.get("origin")
    if host not in own:
        return f"this page is at http://{own[0]} alone"
    if origin is not None and origin != f"http://{host}":
        return "another site asks"
    return None
