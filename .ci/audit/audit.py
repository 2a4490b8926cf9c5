#!/usr/bin/env python3
"""Ask for known vulnerabilities of every package that the project pins: make audit.

A check that looked at nothing would pass as well. So this one fails unless its report speaks of every pinned
package, and of an old Django, whose vulnerabilities are known, as vulnerable.
"""

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = tuple(sorted(path.name for path in ROOT.glob("requirements*.lock")))
ACCEPTED = Path(__file__).with_name("accepted.json")
"""{vulnerability: why it cannot be mended}, each of which must still be found."""
PIP_AUDIT = "pip-audit==2.10.1"
CANARY = ("django", "2.2")
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
TORCH = re.compile(r"^\t.*\b(torch)==(\S+)", re.MULTILINE)
Pin = tuple[str, str]


def pins_in(text: str) -> set[Pin]:
    """Return the name, as indexes write it, and the version of each package of a lock."""
    return {(_normal(match[1]), match[2]) for line in text.splitlines() if (match := PIN.match(line))}


def pinned(root: Path) -> set[Pin]:
    """Return all that the project pins: its locks, and torch, which the Makefile installs."""
    torch = TORCH.search((root / "Makefile").read_text(encoding="utf-8"))
    if torch is None:
        raise SystemExit("audit: Makefile pins no torch any more: tell .ci/audit/audit.py where it is pinned")
    pins = {(torch[1], torch[2])}
    for lock in LOCKS:
        found = pins_in((root / lock).read_text(encoding="utf-8"))
        if not found:
            raise SystemExit(f"audit: {lock} pins nothing")
        pins |= found
    return pins


def faults(reports: list[dict], wanted: set[Pin], accepted: dict[str, str]) -> list[str]:
    """Return what is wrong: vulnerabilities, and whatever shows that not all has been looked at."""
    looked_at: dict[Pin, list[dict]] = {}
    for report in reports:
        for one in report["dependencies"]:
            if "vulns" in one:
                looked_at[_normal(one["name"]), one["version"]] = one["vulns"]
    found = [f"{name} {version} was not looked up" for name, version in sorted(wanted - looked_at.keys())]
    if not looked_at.get(CANARY):
        found.append(f"{' '.join(CANARY)}, which is vulnerable, is not reported so: the audit sees nothing")
    left = dict(accepted)
    for pin in sorted(wanted & looked_at.keys()):
        for vulnerability in looked_at[pin]:
            names = {vulnerability["id"], *vulnerability.get("aliases", ())}
            if known := names & accepted.keys():
                for name in known:
                    left.pop(name, None)
            else:
                mended = ", ".join(vulnerability.get("fix_versions", ())) or "no version yet"
                found.append(f"{' '.join(pin)} has {vulnerability['id']}; mended in: {mended}")
    found += [f"{name} is accepted in {ACCEPTED.name}, but is not found any more: strike it" for name in left]
    return found


def rounds(pins: set[Pin]) -> list[list[Pin]]:
    """Part the pins so that no part has two versions of one package, which a lock has for two platforms."""
    parts: list[dict[str, str]] = []
    for name, version in sorted(pins):
        part = next((part for part in parts if name not in part), None)
        if part is None:
            parts.append(part := {})
        part[name] = version
    return [list(part.items()) for part in parts]


def ask(pins: list[Pin], audit: Path, folder: Path) -> dict:
    """Return pip-audit's report; it ends with status 1 where it finds something, too."""
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{name}=={version}\n" for name, version in pins), encoding="utf-8")
    command = [
        str(audit),
        "--requirement",
        str(requirements),
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
    ]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SystemExit(f"audit: pip-audit looked at nothing, so nothing is known: {said}") from None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    wanted = pinned(ROOT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        tools = folder / "venv/bin"
        install = [
            str(tools / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PIP_AUDIT,
        ]
        if subprocess.run(install).returncode != 0:
            raise SystemExit(f"audit: {PIP_AUDIT} could not be installed, so nothing is known")
        reports = [ask(part, tools / "pip-audit", folder) for part in rounds(wanted | {CANARY})]
    found = faults(reports, wanted, json.loads(ACCEPTED.read_text(encoding="utf-8")))
    if found:
        raise SystemExit("\n  ".join(["audit: not all is well:", *found]))
    print(f"audit: {len(wanted)} packages looked up, none with a known vulnerability that is not accepted")


if __name__ == "__main__":
    sys.exit(main())
