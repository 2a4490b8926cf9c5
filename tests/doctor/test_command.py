"""What is found is told in a line each; with --fix it is mended in an order that lets the next one see it."""

from pathlib import Path

import pytest

from unroll.doctor import command, runs
from unroll.doctor.finding import Finding, and_more
from unroll.failures import Refusal


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A project with nothing in it, in which nobody looks but the test's own examinations."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    lines: list[str] = []
    monkeypatch.setattr(command.typer, "echo", lines.append)
    monkeypatch.setattr(runs, "orphans", lambda folder: [])
    monkeypatch.setattr(runs, "at_work", lambda *places: None)
    return lines


def test_all_is_well_where_nothing_is_found(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ALL", [list])
    command.doctor()
    assert told == ["all is well"]


def test_what_is_wrong_is_told_and_mended_only_if_asked(told, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("torn").touch()
    torn = Finding("torn", "not whole", "removed", Path("torn").unlink)
    monkeypatch.setattr(command, "ALL", [lambda: [torn] if Path("torn").exists() else []])
    with pytest.raises(Refusal, match="1 thing is wrong: python -m unroll doctor --fix mends 1 of them"):
        command.doctor()
    assert Path("torn").exists() and told == ["--fix   torn: not whole; removed"]
    command.doctor(fix=True)
    assert not Path("torn").exists() and told[1:] == ["mended  torn: not whole; removed", "all is well"]


def test_what_cannot_be_mended_is_still_wrong(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    full = Finding("/", "no room", "make some")
    monkeypatch.setattr(command, "ALL", [lambda: [full], lambda: [full]])
    with pytest.raises(Refusal, match="2 things are wrong: they are yours to mend"):
        command.doctor(fix=True)


def test_nothing_is_touched_while_somebody_is_at_work(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "at_work", lambda *places: "process 7 (python -m unroll repro)")
    monkeypatch.setattr(command, "ALL", [lambda: pytest.fail("it looked")])
    with pytest.raises(Refusal, match=r"process 7 .* is at work here"):
        command.doctor(fix=True)


def test_elsewhere_it_looks_at_nothing(told: list[str]) -> None:
    Path("dvc.yaml").unlink()
    with pytest.raises(Refusal, match=r"no dvc\.yaml here"):
        command.doctor()


def test_a_mistake_in_the_parameters_is_told(told: list[str]) -> None:
    Path("params.yaml").write_text("select: [")
    (finding,) = command.parameters()
    assert finding.mend is None and "params.yaml" in finding.wrong


def test_a_list_is_cut_where_it_grows_long() -> None:
    assert and_more(["a", "b", "c"]) == "a, b, c" and and_more(list("abcde")) == "a, b, c and 2 more"
