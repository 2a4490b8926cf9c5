"""The server answers its own page, and refuses everybody else with a reason."""

import asyncio
import json
import re

import pytest
import tried
from starlette.testclient import TestClient

from unroll import catalogue
from unroll.playground.library import Library
from unroll.playground.server import LARGEST_BODY, LONGEST, application

PORT = 8000
OWN = f"http://127.0.0.1:{PORT}"
QUESTION = {"corpus": tried.CORPUS, "network": "gru", "text": "a splendid lamp"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tried.write(tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        library = Library(catalogue.load(), [tried.CORPUS, tried.EMPTY])
        with TestClient(application(library, PORT), base_url=OWN) as client:
            yield client


def refused(response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    return response.json()["error"]


def test_a_text_gets_probabilities_and_a_value_for_every_word(client):
    found = client.post("/read", json=QUESTION, headers={"origin": OWN}).json()
    assert sum(found["probabilities"]) == pytest.approx(1)
    assert [sum(each) for each in found["each"]] == pytest.approx([1, 1])
    assert len(found["words"]) == len(found["saliency"]) == len(found["known"]) == 3


def test_the_list_has_every_corpus_network_and_what_is_missing(client):
    full, empty = client.get("/networks").json()["corpora"]
    assert (full["name"], full["labels"], full["longest"]) == (tried.CORPUS, tried.LABELS, LONGEST)
    seeds = {one["name"]: one["seeds"] for one in full["networks"]}
    assert seeds == {name: [] for name in tried.NETWORKS} | dict.fromkeys(tried.TRAINED, tried.SEEDS)
    assert all(one["missing"] and not one["seeds"] for one in empty["networks"])
    told = {one["name"]: one["is"] for one in full["networks"]}
    assert told["bow"] == "no recurrence, mean pooling"
    assert told["heeding"] == "lstm, both directions, 4 units, attention pooling"


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/networks", "/nothing"])
def test_every_answer_is_kept_here_and_runs_nothing_but_the_pages_script(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert not any(name.startswith("access-control") for name in headers)


def test_the_page_names_no_other_host(client):
    named = {path: re.findall(r"//[\w.]+", client.get(path).text) for path in ("/", "/page.css", "/page.js")}
    assert named == {"/": [], "/page.css": [], "/page.js": ["//www.w3.org"]}  # SVG's namespace, never fetched


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1:1", "127.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/networks"])
def test_a_name_that_was_pointed_here_is_refused(client, host, path):
    assert OWN in refused(client.get(path, headers={"host": host}), 403)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000"])
def test_both_names_of_this_machine_are_let_in(client, host):
    headers = {"host": host, "origin": f"http://{host}"}
    assert client.post("/read", json=QUESTION, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:3000", "https://127.0.0.1:8000"]
)
def test_another_site_is_refused(client, origin):
    assert (
        refused(client.post("/read", json=QUESTION, headers={"origin": origin}), 403) == "another site asks"
    )
    asked = {"origin": origin, "access-control-request-method": "POST"}
    assert refused(client.options("/read", headers=asked), 403)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"text": "x" * (LONGEST + 1)}, 422, "text: String should have at most 10000 characters"),
        ({"text": None}, 422, "text"),
        ({"network": "../gru"}, 422, "network"),
        ({"more": 1}, 422, "more"),
        ({"network": "nothing"}, 404, "no nothing on tiny_rows"),
        ({"corpus": "nothing"}, 404, "no gru on nothing"),
        ({"network": "absent"}, 409, "run make repro"),
        ({"corpus": tried.EMPTY}, 409, "vocabulary.txt is missing"),
        ({"network": "reader"}, 409, "predicts next words"),
    ],
)
def test_what_cannot_be_answered_is_told_why(client, changes, status, said):
    assert said in refused(client.post("/read", json=QUESTION | changes), status)


def test_the_longest_text_of_the_widest_characters_fits(client):
    body = json.dumps(QUESTION | {"text": "\N{GRINNING FACE}" * LONGEST})
    assert len(body) > 11 * LONGEST
    done = client.post("/read", content=body, headers={"content-type": "application/json"})
    assert done.status_code == 200


def test_a_body_beyond_any_text_is_not_read_to_its_end(client):
    said = []

    async def endless() -> dict:
        return {"type": "http.request", "body": b" " * 50_000, "more_body": True}

    async def keep(message: dict) -> None:
        said.append(message)

    headers = [(b"host", OWN.removeprefix("http://").encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/read", "query_string": b"", "headers": headers}
    asyncio.run(client.app(scope, endless, keep))
    assert said[0]["status"] == 413
    assert f"{LARGEST_BODY:,}" in json.loads(said[1]["body"])["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"corpus": "a", "network": "b", "text": "\\ud800"}']
)
def test_what_is_no_question_is_refused(client, body):
    refused(client.post("/read", content=body, headers={"content-type": "application/json"}), 422)


def test_a_form_of_another_page_is_no_question(client):
    plain = {"content-type": "text/plain"}
    assert "application/json" in refused(
        client.post("/read", content=json.dumps(QUESTION), headers=plain), 415
    )


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/read", 405), ("POST", "/", 405), ("GET", "/x", 404)]
)
def test_other_paths_and_methods_are_refused(client, method, path, status):
    assert refused(client.request(method, path), status)
