"""The table of what was tried, from the reports of pytest's runs."""

from pathlib import Path

import pytest
from clone import ROOT

from unroll import files

HEAD = """# Faults and bad inputs that were tried

`make torture` tries them all again and writes this file. A line that is not right says WRONG.
"""


class Table:
    """A plugin that gathers a row a test and writes the table as they come: what has been tried is not lost.

    The rows are kept beside it, so that a later run adds its own and puts those of the same tests anew.
    """

    def __init__(self, path: Path, kept: Path) -> None:
        self.path, self.kept = path, kept
        self.rows: dict[str, dict[str, str]] = files.read_json(kept) if kept.exists() else {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        row = {name: str(value) for name, value in report.user_properties}
        if report.failed or not row.get("did"):
            row["did"] = f"WRONG: {_why(report)}" if report.failed else "WRONG: it told nothing"
        row["seconds"] = f"{report.duration:.1f}"
        self.rows[report.nodeid] = row
        files.write_json(self.kept, self.rows)
        files.write_text(self.path, self.as_markdown())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write(self.as_markdown())

    def as_markdown(self) -> str:
        sections: dict[str, list[dict[str, str]]] = {}
        for nodeid in sorted(self.rows):
            row = self.rows[nodeid]
            sections.setdefault(row.get("section", nodeid), []).append(row)
        lines = [HEAD]
        for section, rows in sections.items():
            lines += [f"## {section}", "", "| tried | what it did | s |", "| --- | --- | ---: |"]
            lines += [
                f"| {_cell(row.get('tried', ''))} | {_cell(row['did'])} | {row['seconds']} |" for row in rows
            ]
            lines.append("")
        return "\n".join(lines)


def _cell(text: str) -> str:
    """One line of Markdown that shows the text as it is, but for where this clone lies."""
    text = text.replace(f"{ROOT}/", "")
    shown = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
    for special in "\\`*<|":
        shown = shown.replace(special, f"\\{special}")
    return shown


def _why(report: pytest.TestReport) -> str:
    """The first line that pytest marks as the error, else the last of all."""
    lines = report.longreprtext.strip().splitlines() or ["failed"]
    return next((line.removeprefix("E").strip() for line in lines if line.startswith("E ")), lines[-1])
