"""What README.md and the guides link to is there: files, and sections of them."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from clone import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)

TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True)
PAGES = [name for name in TRACKED.stdout.splitlines() if "/" not in name or name.startswith("docs/")]


def prose_of(name: str) -> str:
    return CODE.sub("", (ROOT / name).read_text(encoding="utf-8"))


def anchors_of(text: str) -> set[str]:
    """Return what headings are called in a link: lower case, a hyphen for a space, no other signs."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


def linked_from(name: str) -> set[str]:
    """Return the files in the project that a page links to."""
    targets = [target.partition("#")[0] for target in LINK.findall(prose_of(name)) if "://" not in target]
    return {os.path.normpath(Path(name).parent / target) if target else name for target in targets}


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_links_to_is_there(name):
    assert [path for path in linked_from(name) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_link_to_a_section_leads_to_one(name):
    for target in LINK.findall(prose_of(name)):
        path, _, anchor = target.partition("#")
        if anchor and "://" not in target:
            page = os.path.normpath(Path(name).parent / path) if path else name
            assert anchor in anchors_of(prose_of(page)), target


def test_every_guide_is_reached_from_the_readme():
    reached, ahead = set(), ["README.md"]
    while ahead:
        reached.add(name := ahead.pop())
        ahead += {page for page in linked_from(name) if page in PAGES} - reached
    assert set(PAGES) - reached == set()
