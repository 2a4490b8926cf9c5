"""The table of what was tried, from the reports of pytest's run."""

from pathlib import Path

import pytest

from unroll import files

HEAD = """# Faults and bad inputs that were tried

`make torture` tries them all again and writes this file. A line that is not right says WRONG.
"""


class Table:
    """A plugin that gathers a row a test, writes them as they come and prints them at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        row = {name: str(value) for name, value in report.user_properties}
        if report.failed or "did" not in row:
            row["did"] = f"WRONG: {_last_line(report)}" if report.failed else "WRONG: it told nothing"
        row["seconds"] = f"{report.duration:.1f}"
        self.rows[report.nodeid] = row
        files.write_text(self.path, self.as_markdown())  # at once: what has been tried is not lost

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
    """One line of Markdown that shows the text as it is."""
    shown = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
    for special in "\\`*<|":
        shown = shown.replace(special, f"\\{special}")
    return shown


def _last_line(report: pytest.TestReport) -> str:
    return (report.longreprtext.strip().splitlines() or ["failed"])[-1]
