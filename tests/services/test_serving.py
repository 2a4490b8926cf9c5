"""The packaged network behind MLflow's own server: answers, batches, and reasons for what it refuses."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import invented_tweets, serving
from benchmarks.model_server import HOST, Client, Server, served

TEXTS = invented_tweets.texts(60, seed=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    serving.pack(folder / "package", TEXTS)
    with served(folder / "package", folder / "log") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server.port)


def test_a_batch_has_an_answer_a_text_in_order(client: Client) -> None:
    together = client.ask(TEXTS).document["predictions"]
    assert len(together) == len(TEXTS)
    for text, answer in zip(TEXTS[:5], together, strict=False):
        [alone] = client.ask([text]).document["predictions"]
        assert alone["label"] == answer["label"]
        assert alone["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-6)
        assert sum(answer["probabilities"].values()) == pytest.approx(
            1, abs=2e-6
        )  # each is rounded to six digits
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
        assert 1 <= answer["agree"] <= len(serving.SEEDS) and answer["spread"] >= 0


def test_unknown_words_are_told(client: Client) -> None:
    [answer] = client.ask(["qqqzzz"]).document["predictions"]
    assert answer["unknown"] == ["qqqzzz"]


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_split": {"columns": ["text"], "data": [["a lamp"], ["a 3"]]}},
        {"dataframe_records": [{"text": "a lamp"}, {"text": "a 3"}]},
        {"inputs": ["a lamp", "a 3"]},
        {"inputs": {"text": ["a lamp", "a 3"]}},
        {"inputs": [{"text": "a lamp"}, {"text": "a 3"}]},
        {"instances": ["a lamp", "a 3"]},
        {"instances": [{"text": "a lamp"}, {"text": "a 3"}]},
    ],
)
def test_each_of_mlflows_forms_is_answered_alike(client: Client, content: dict) -> None:
    for count in (2, 1):
        texts = ["a lamp", "a 3"][:count]
        assert client.send(json.dumps(_first(content, count)).encode()).document == client.ask(texts).document


def _first(content: object, count: int) -> object:
    """Return a request's document with so many of its texts."""
    if isinstance(content, dict):
        return {key: value if key == "columns" else _first(value, count) for key, value in content.items()}
    return content[:count] if isinstance(content, list) else content


def test_a_text_alone_needs_no_list(client: Client) -> None:
    assert client.send(b'{"inputs": {"text": "a lamp"}}').document == client.ask(["a lamp"]).document


BAD = {
    "no JSON": (b"not json", "valid JSON"),
    "nothing": (b"", "valid JSON"),
    "not UTF-8": (b"\xff\xfe", "valid JSON"),
    "null": (b"null", "must be a JSON dictionary"),
    "another key": (b'{"texts": ["a"]}', "exactly one of the input fields"),
    "a missing column": (b'{"dataframe_records": [{"words": "a"}]}', "missing inputs ['text']"),
    "a number": (b'{"dataframe_records": [{"text": 3}]}', "text 0 is 3: send a string"),
    "a number among texts": (b'{"dataframe_records": [{"text": "a"}, {"text": 3}]}', "text 1 is 3"),
    "a number as an input": (b'{"inputs": [3]}', "text 0 is 3: send a string"),
    "a number among inputs": (b'{"inputs": ["a", 3]}', "text 1 is 3: send a string"),
    "a truth as an input": (b'{"inputs": [true]}', "text 0 is True: send a string"),
    "a null as an input": (b'{"inputs": [null]}', "text 0 is None: send a string"),
    "a number under its column": (b'{"inputs": {"text": [3]}}', "text 0 is 3: send a string"),
    "a number as an instance": (b'{"instances": [{"text": 3}]}', "text 0 is 3: send a string"),
    "a number alone": (b'{"inputs": 3}', "missing inputs ['text']"),
    "a null": (b'{"dataframe_records": [{"text": null}]}', "text 0 is None: send a string"),
    "a list": (b'{"dataframe_records": [{"text": ["a"]}, {"text": "a"}]}', "text 0 is ['a']: send a string"),
    "lists in a list": (b'{"inputs": [["a"], ["b"]]}', "text 0 is ['a']: send a string"),
    "an empty list": (b'{"inputs": {"text": []}}', "no text: send at least one"),
    "no rows": (b'{"dataframe_split": {"columns": ["text"], "data": []}}', "no text: send at least one"),
    "half a surrogate pair": (b'{"inputs": {"text": ["\\ud800"]}}', "surrogate"),
}


@pytest.mark.parametrize("sent", BAD)
def test_a_bad_request_is_the_clients_fault_and_told_with_its_reason(client: Client, sent: str) -> None:
    content, reason = BAD[sent]
    answer = client.send(content)
    assert answer.status == 400, answer.content
    assert reason in answer.document["message"]
    assert "Traceback" not in answer.document["message"] and "stack_trace" not in answer.document
    assert client.ask(["a lamp"]).status == 200


def test_another_kind_of_content_is_refused(client: Client) -> None:
    assert client.send(b"a lamp", "text/weird").status == 415
    assert client.send(b"text\na lamp\n", "text/csv").status == 400


def test_many_clients_at_once_get_the_answers_that_one_gets(server: Server) -> None:
    expected = {text: Client(server.port).ask([text]).content for text in TEXTS[:20]}
    with ThreadPoolExecutor(8) as pool:
        asked = TEXTS[:20] * 5
        found = list(pool.map(lambda text: Client(server.port).ask([text]).content, asked))
    assert found == [expected[text] for text in asked]


def test_the_server_listens_to_this_machine_alone(server: Server) -> None:
    family = [server.process, *server.process.children(recursive=True)]
    listening = [one for each in family for one in each.net_connections() if one.status == "LISTEN"]
    assert {one.laddr.ip for one in listening} == {HOST}


def test_the_load_of_the_benchmark_is_answered_without_an_error(server: Server) -> None:
    found = serving.load(server, TEXTS, clients=4, seconds=2, large_every=3)
    assert found.errors == 0 and len(found.latencies) > 8
    rows = serving.of_soak(2, found)
    assert {row["metric"]: row["met"] for row in rows}["errors"] == "yes"
    assert found.percentile(50) <= found.percentile(99)
