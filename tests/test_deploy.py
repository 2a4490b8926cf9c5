"""What deploy/compose.yaml starts is for this machine alone, pinned and watched, and no password is in it."""

import re
import tomllib
from pathlib import Path

import deployed
import pytest
from test_security import SWITCHES

PASSWORDS = {"POSTGRES_PASSWORD": "first", "S3_PASSWORD": "second"}
SERVICES = deployed.services(PASSWORDS)
LASTING = {name: one for name, one in SERVICES.items() if one["restart"] != "no"}
ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", PASSWORDS)
@pytest.mark.parametrize("value", [None, ""])
def test_it_does_not_start_without_a_password(name, value):
    left = {one: word for one, word in PASSWORDS.items() if one != name}
    with pytest.raises(deployed.Missing, match=name):
        deployed.services(left if value is None else left | {name: value})


def test_no_password_stands_in_it():
    given = re.findall(r"^\s+(\w*(?:PASSWORD|SECRET|_URI)\w*): (.*)$", deployed.TEXT, re.MULTILINE)
    assert len(given) == 3
    for name, value in given:
        without = deployed.VARIABLE.sub("", value)
        assert without in ("", "postgresql+psycopg2://mlflow:@postgres:5432/mlflow"), name
    words = str(deployed.services({name: "x" * 20 for name in PASSWORDS}))
    assert words.count("x" * 20) == 5  # PostgreSQL and its client, S3 and its two clients


def test_nobody_else_reaches_a_port():
    published = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(published) == 2 and all(port.startswith("127.0.0.1:") for port in published)
    assert not any(one.get("network_mode") for one in SERVICES.values())


def test_every_image_is_pinned_by_version_and_mlflows_is_ours():
    for name, one in SERVICES.items():
        assert re.fullmatch(r"[a-z./]+:v?\d+(\.\d+)+[a-z-]*", one["image"]), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [version] = [one.split("==")[1] for one in project["dependencies"] if one.startswith("mlflow==")]
    assert SERVICES["mlflow"]["image"] == f"ghcr.io/mlflow/mlflow:v{version}-full"


def test_what_stays_is_looked_after_and_waited_for():
    for name, one in LASTING.items():
        assert one["healthcheck"]["test"][0] == "CMD" and one["healthcheck"]["retries"] > 1, name
        assert one["restart"] == "unless-stopped"
    for one in SERVICES.values():
        for needed, how in one.get("depends_on", {}).items():
            ends = needed not in LASTING
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")
    assert set(SERVICES["mlflow"]["depends_on"]) == set(SERVICES) - {"mlflow"}


def test_what_is_kept_outlives_its_container():
    volumes = deployed.document()["volumes"]
    mounted = {name: one["volumes"] for name, one in SERVICES.items() if "volumes" in one}
    assert {where.split(":")[0] for places in mounted.values() for where in places} == set(volumes)
    assert set(mounted) == {"postgres", "s3"}
    assert "-dir=/data" in SERVICES["s3"]["command"] and mounted["s3"] == ["objects:/data"]


def test_mlflow_has_its_doors_shut():
    for switch in SWITCHES:
        assert SERVICES["mlflow"]["environment"][switch] == "false"


def test_a_variable_that_may_be_left_out_has_its_default():
    given = deployed.services(PASSWORDS | {"ALLOWED_HOSTS": "mlflow.example"})
    for services, hosts in ((SERVICES, "localhost:*,127.0.0.1:*"), (given, "mlflow.example")):
        assert services["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"] == hosts
