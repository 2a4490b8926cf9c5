"""What SECURITY.md promises of the code and of what is fetched."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shipped import SHIPPED

from unroll import catalogue
from unroll.corpora.sources import HubSource, PypiSource
from unroll.lexicon.vectors import InstalledSource, PackageFile

ROOT = Path(__file__).resolve().parents[1]
CODE = [
    path for folder in ("unroll", "stages", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
CALLS = {"eval", "exec", "os.system", "os.popen", "torch.load", "torch.save", "extractall", "load_module"}
UNPICKLING = {"read_pickle", "to_pickle", "Unpickler"}
SWITCHES = (
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION",
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION",
)


def dangers(source: str) -> Iterator[str]:
    """Yield what a file does that may run what it reads, reach a shell, or listen to strangers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            )
            yield from (name for name in names if name.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.split(".")[-1]
            if called in CALLS or last in ("extractall", *UNPICKLING):
                yield called
            for keyword in node.keywords:
                value = keyword.value
                open_to_all = isinstance(value, ast.Constant) and value.value is False
                if keyword.arg == "shell" or (keyword.arg == "allow_pickle" and not open_to_all):
                    yield f"{keyword.arg}={ast.unparse(value)}"
            named = {keyword.arg for keyword in node.keywords}
            if called in ("np.load", "numpy.load", "np.save", "numpy.save") and "allow_pickle" not in named:
                yield f"{called} without allow_pickle=False"
        elif isinstance(node, ast.Constant) and node.value in ("0.0.0.0", "::"):
            yield str(node.value)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_here_runs_what_it_reads_or_listens_to_strangers(path):
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "import os; os.system('x')",
        "torch.load(path, weights_only=True)",
        "eval(text)",
        "exec(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=wanted)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "import yaml",
        "tar.extractall(folder)",
        "pd.read_pickle(path)",
        "serve(host='0.0.0.0')",
    ],
)
def test_the_test_above_would_see_it(line):
    assert list(dangers(line))


def test_eval_mode_of_a_model_is_no_danger():
    assert list(dangers("model.eval()\nnp.load(path, allow_pickle=False)\n")) == []


# --- servers ----------------------------------------------------------------------------------------


def test_the_page_of_mlflow_is_for_this_machine_alone_and_its_switches_are_off():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    [command] = [line for line in makefile.splitlines() if "mlflow ui" in line]
    assert "--host 127.0.0.1" in command
    for switch in SWITCHES:
        assert f"{switch}=false" in command


def test_mlflow_is_imported_with_its_switches_off():
    listing = ";".join(f"print(os.environ['{switch}'])" for switch in SWITCHES)
    done = subprocess.run(
        [sys.executable, "-c", f"import os, unroll.tracking.imports; {listing}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["false"] * 3, done.stderr


def test_what_a_user_gives_to_make_is_quoted_for_the_shell(tmp_path):
    named = [("repro", "SUITE"), ("repro", "JOBS"), ("ui", "PORT"), ("try", "PORT")]
    for target, name in [*named, ("search", "NAME"), ("search", "JOBS")]:
        done = subprocess.run(
            ["make", "--dry-run", "--old-file=.venv/installed", target, f"{name}=x; touch PWNED"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert "'x; touch PWNED'" in done.stdout, done.stdout + done.stderr


# --- what is fetched --------------------------------------------------------------------------------

WHOLE = catalogue.load(ROOT / "params.yaml")


@pytest.mark.parametrize("name", SHIPPED["corpora"])
def test_every_corpus_is_pinned(name):
    source = WHOLE.corpora[name].source
    if isinstance(source, HubSource):
        for repository in filter(None, (source, source.fallback)):
            # A branch moves: what it held is then told by the digests of its splits.
            pinned = re.fullmatch("[0-9a-f]{40}", repository.revision)
            assert pinned or repository.sha256.keys() == repository.files.keys()
            assert repository.rows.keys() == repository.files.keys()
    else:
        assert isinstance(source, PypiSource)
        assert source.archive_sha256 and len(source.sha256) == len(source.rows) == 3


@pytest.mark.parametrize("name", SHIPPED["vectors"])
def test_all_shipped_vectors_are_pinned(name):
    source = WHOLE.vectors[name]
    assert isinstance(source, InstalledSource)
    files = [value for _, value in source if isinstance(value, PackageFile)]
    assert source.version and files and all(file.sha256 for file in files)


def test_every_package_of_the_locks_has_a_hash():
    for name in sorted(path.name for path in ROOT.glob("requirements*.lock")):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        packages = [line for line in text.splitlines() if line[:1].isalnum()]
        assert packages and all("==" in line and "--hash=sha256:" in line for line in packages), name
        assert f"--require-hashes -r {name}" in (ROOT / "Makefile").read_text(encoding="utf-8")
