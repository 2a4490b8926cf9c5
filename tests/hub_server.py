"""A stand-in for the Hugging Face Hub on the loopback, so that the real `datasets` can be tested.

    with HubServer({"owner/name": {"main": {"data/train.jsonl": b"..."}}}) as hub:
        subprocess.run(command, env=hub.environment(tmp_path))

A repository maps revisions to files. A revision is a branch ("main", "refs/convert/parquet") or a
commit of 40 hexadecimal digits; a branch's commit is made from its files, so it repeats. What a
repository lacks is answered as the Hub does: 404 with X-Error-Code. `fail` breaks what is there.

Only what `datasets` 5.2 and `huggingface_hub` 2.4 ask for is served: a data set's info and tree, and
its files by HEAD and GET, in ranges too.
"""

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes]
Repositories = Mapping[str, Mapping[str, Files]]

COMMIT = re.compile(r"[0-9a-f]{40}")
INFO = re.compile(r"/api/datasets/(?P<repository>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
TREE = re.compile(r"/api/datasets/(?P<repository>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?")
FILE = re.compile(r"/datasets/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass(frozen=True)
class Fault:
    """What is wrong instead of a good answer."""

    status: int | None = None
    retry_after: int | None = None
    """Seconds that the status asks to wait."""
    half: bool = False
    """Half the answer and a closed connection."""
    silent: bool = False
    """No answer at all."""
    page: bool = False
    """A page for people, as a portal that asks for a login sends."""
    once: bool = False
    """The next time all is well."""
    endless: bool = False
    """Of a listing: every page names a next one."""


class HubServer:
    """Serves `repositories` from 127.0.0.1 within a `with` block.

    `requests` lists what was asked for, "METHOD /path", in order.
    """

    def __init__(self, repositories: Repositories) -> None:
        self.repositories = repositories
        self.requests: list[str] = []
        self._faults: dict[tuple[str, str], Fault] = {}
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self
        # The default of 0.5 s is how long leaving the `with` block would take.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self, folder: Path) -> dict[str, str]:
        """Return this process's environment, changed so that a child uses this Hub and no other.

        Caches go under `folder`. The child must be a new process: huggingface_hub reads HF_ENDPOINT
        once, when it is imported.
        """
        # Another mirror, token, cache or proxy of the developer's must not leak into the test.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING", "UNROLL_")) and not name.lower().endswith("_proxy")
        }
        return kept | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(folder / "hf_home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def commit(self, repository: str, revision: str = "main") -> str:
        """Return the 40 digits of the commit that a revision stands for."""
        if COMMIT.fullmatch(revision):
            return revision
        content = hashlib.sha1(f"{repository} {revision}".encode())
        for path, data in sorted(self.repositories[repository][revision].items()):
            content.update(f"\n{path} {_etag(data)}".encode())
        return content.hexdigest()

    def fail(self, repository: str, path: str, fault: Fault) -> None:
        """Break one file, a folder's listing (a path that ends in "/") or a repository's info ("")."""
        self._faults[repository, path] = fault

    def mend(self) -> None:
        """Take back every fault."""
        self._faults.clear()

    def find(self, repository: str, revision: str) -> tuple[str, Files] | None:
        """Return the commit and the files of a revision, given by name or by commit."""
        for name, files in self.repositories[repository].items():
            commit = self.commit(repository, name)
            if revision in (name, commit):
                return commit, files
        return None

    def fault(self, repository: str, path: str) -> Fault:
        return self._faults.get((repository, path), Fault())

    def wait_for_end(self) -> None:
        self._ended.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *parts: object) -> None:
        """Say nothing: what was asked for is in `requests`."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub: HubServer = self.server.hub
        hub.requests.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        if url.path == "/api/datasets":
            self._send(200, b"[]")
            return
        kind, parts = _parse(url.path)
        repository, revision, path = parts["repository"], parts["revision"] or "main", parts["path"]
        if repository not in hub.repositories:
            # The Hub does not tell a stranger which repositories are private.
            self._refuse(401, "RepoNotFound")
            return
        fault = hub.fault(repository, {"file": path, "tree": f"{path}/"}.get(kind, ""))
        if fault.once and self.command == "GET":
            hub.mend()
        found = hub.find(repository, revision)
        if fault.silent:
            hub.wait_for_end()
            self.close_connection = True
        elif fault.status:
            code = "EntryNotFound" if path else "RevisionNotFound"
            wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            self._refuse(fault.status, code if fault.status == 404 else None, wait)
        elif fault.page:
            self._send(200, b"<html>Please log in.</html>", {"Content-Type": "text/html"})
        elif found is None:
            self._refuse(404, "RevisionNotFound")
        elif kind == "info":
            commit, files = found
            siblings = [{"rfilename": name} for name in sorted(files)]
            self._send_json({"id": repository, "sha": commit, "siblings": siblings}, fault.half)
        elif kind == "tree":
            entries = _entries(found[1], path, recursive="recursive=true" in url.query.lower())
            if entries and fault.endless:
                number = len(hub.requests)
                more = [{"type": "file", "path": f"{number}.txt", "size": 0, "oid": _etag(b"")}]
                link = {"Link": f'<{hub.endpoint}{url.path}?cursor={number}>; rel="next"'}
                self._send(200, json.dumps(more).encode(), {"Content-Type": "application/json"} | link)
            elif entries:
                self._send_json(entries, fault.half)
            else:
                self._refuse(404, "EntryNotFound")
        elif kind == "file" and path in found[1]:
            self._send_file(found[1][path], found[0], fault.half)
        else:
            self._refuse(404, "EntryNotFound")

    def _send_file(self, data: bytes, commit: str, half: bool) -> None:
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            self._send(206, data[start : end + 1], headers, half)
        else:
            self._send(200, data, headers, half)

    def _send_json(self, document: object, half: bool) -> None:
        self._send(200, json.dumps(document).encode(), {"Content-Type": "application/json"}, half)

    def _refuse(self, status: int, code: str | None, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, b"", dict(headers or {}) | ({"X-Error-Code": code} if code else {}))

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, half: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if half else body)
            self.close_connection = self.close_connection or half


def _parse(path: str) -> tuple[str, dict[str, str]]:
    """Return what an address asks for (info, tree, file or nothing known) and its parts."""
    for kind, pattern in (("tree", TREE), ("file", FILE), ("info", INFO)):
        if found := pattern.fullmatch(path):
            parts = {name: unquote(value) for name, value in found.groupdict(default="").items()}
            return kind, {"revision": "", "path": ""} | parts
    return "nothing", {"repository": "", "revision": "", "path": ""}


def _entries(files: Files, folder: str, recursive: bool) -> list[dict]:
    """Return what lies in a folder ("" is the top), in the words of the Hub's tree endpoint."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict] = {}
    for name, data in sorted(files.items()):
        if not name.startswith(prefix):
            continue
        folders = [name[:place] for place in range(len(prefix), len(name)) if name[place] == "/"]
        for path in folders if recursive else folders[:1]:
            entries[path] = {"type": "directory", "path": path, "size": 0, "oid": _etag(path.encode())}
        if recursive or not folders:
            entries[name] = {"type": "file", "path": name, "size": len(data), "oid": _etag(data)}
    return list(entries.values())


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
