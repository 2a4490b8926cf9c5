"""What a file imports is read from it: its project's files, and the packages of others."""

from pathlib import Path

import pytest

from unroll.serving.closure import import_closure, packages_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "ours/__init__.py": "",
        "ours/entry.py": "import os.path\nimport torch.nn as nn\nfrom ours import near\n",
        "ours/near.py": "def late():\n    from spacy.lang import en\n    import ours.far\n",
        "ours/far.py": "import json, numpy\n",
        "ours/other.py": "import scipy\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_file_that_may_be_loaded_is_found_and_no_other(root):
    found = import_closure(root / "ours/entry.py", root)
    assert found == {"ours/__init__.py", "ours/entry.py", "ours/near.py", "ours/far.py"}


def test_packages_of_others_are_found_by_their_first_name(root):
    found = packages_of(import_closure(root / "ours/entry.py", root), root)
    assert found == {"torch", "spacy", "numpy"}
