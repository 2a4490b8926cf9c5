"""docs/mlflow-*.png anew: `make ui`, and beside it `python -m benchmarks.mlflow_screenshots CORPUS`.

Needs playwright and a chromium: CHROMIUM names it, /usr/bin/chromium if it does not. What is shown are
scores and parameters; no text of a corpus.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from unroll.tracking.client import Tracker
from unroll.tracking.place import address

PAGE = os.environ.get("MLFLOW_PAGE", "http://127.0.0.1:5000")
VIEWS = {
    "two": (["gru", "bow"], 1000, 1440),
    "five": (["gru", "bigru", "lstm", "bilstm", "birnn"], 1360, 1600),
}
"""The networks of each view, and the width and height of the window in pixels."""


def compare(page: Page, experiment: str, runs: list[str]) -> None:
    """Open the comparison of the runs, with what differs between them and nothing beside it."""
    asked = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps([experiment]))}"
    page.goto(f"{PAGE}/#/compare-runs?{asked}")
    page.get_by_text("Run Name:").wait_for()
    for control in ("Close", "Toggle sidebar"):
        page.get_by_role("button", name=control, exact=True).click()
    for part in ("Parameters", "Metrics"):
        page.get_by_label(f"{part} - Show diff only").click()
    if len(runs) == 2:  # lines between two points say less than the two columns
        page.get_by_text("Visualizations").click()
    else:  # back and forth, and it is drawn anew in the wider page
        page.get_by_text("Scatter Plot").click()
        page.get_by_text("Parallel Coordinates Plot").click()
    page.get_by_text(f"Comparing {len(runs)} Runs").scroll_into_view_if_needed()
    page.wait_for_timeout(3000)


def main(corpus: str) -> None:
    client = Tracker(address()).client
    experiment = client.get_experiment_by_name(corpus).experiment_id
    query = "tags.level = 'network' and tags.state = 'current'"
    ids = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment], query)}
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for view, (names, width, height) in VIEWS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            compare(page, experiment, [ids[name] for name in names])
            page.screenshot(path=Path("docs") / f"mlflow-compare-{view}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
