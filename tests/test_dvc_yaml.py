"""dvc.yaml says of each stage all that it depends on, and no more."""

import re
from pathlib import Path

import pytest
from closure import code_of
from ruamel.yaml import YAML

from unroll.serving.closure import import_closure

ROOT = Path(__file__).resolve().parents[1]
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def program_of(stage: str) -> str:
    """Return the file of `stages` that it runs: students are trained and evaluated as others are."""
    return {"distil": "train", "evaluate_taught": "evaluate"}.get(stage, stage)


def listed(entries: list) -> list[str]:
    """Entries are paths, or one-key maps from a path to its settings."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_that_a_stage_depends_on_is_all_that_it_imports(stage):
    code = {path for path in STAGES[stage]["deps"] if path.startswith(("stages/", "unroll"))}
    assert code == code_of(ROOT / f"stages/{program_of(stage)}.py", ROOT)


@pytest.mark.parametrize(
    ("record", "stages"),
    [
        ("text.json", {"download", "preprocess", "vocabulary", "vectors", "tutor"}),
        ("training.json", {"tutor", "train", "distil", "evaluate", "evaluate_taught"}),
        ("floor.json", {"floor"}),
        ("results.json", {"ensemble", "evaluate", "evaluate_taught", "compare", "report"}),
    ],
)
def test_what_decides_bits_beside_data_and_code_is_a_dependency(record, stages):
    """So DVC's run-cache never restores what was made under another profile."""
    path = f"data/environment/{record}"
    assert {stage for stage in STAGES if path in STAGES[stage]["deps"]} == stages


def test_the_page_depends_on_all_that_it_is_made_of():
    assert {path.name for path in (ROOT / "unroll/report").glob("page.*")} == {
        "page.css",
        "page.html.j2",
        "page.js",
        "page.py",
    }
    assert "unroll/report" in STAGES["report"]["deps"]


def test_a_package_stands_for_its_files_where_all_of_them_are_imported(tmp_path):
    for package in ("unroll", "unroll/whole", "unroll/whole/inner", "unroll/part"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for name in ("whole/one", "whole/inner/two", "part/three", "part/four"):
        (tmp_path / f"unroll/{name}.py").touch()
    (tmp_path / "entry.py").write_text(
        "from unroll.whole import one\nimport unroll.whole.inner.two\nfrom unroll.part.three import x\n"
    )
    assert code_of(tmp_path / "entry.py", tmp_path) == {
        "entry.py",
        "unroll/__init__.py",
        "unroll/whole",
        "unroll/part/__init__.py",
        "unroll/part/three.py",
    }


def test_the_closure_sees_imports_within_functions(tmp_path):
    (tmp_path / "unroll").mkdir()
    (tmp_path / "entry.py").write_text("def main():\n    from unroll import inner\n")
    (tmp_path / "unroll/inner.py").write_text("import unroll.deeper\n")
    (tmp_path / "unroll/deeper.py").write_text("import os\n")
    assert import_closure(tmp_path / "entry.py", tmp_path) == {
        "entry.py",
        "unroll/inner.py",
        "unroll/deeper.py",
    }


def test_every_stage_file_is_a_stage_and_at_most_80_lines_long():
    files = sorted((ROOT / "stages").glob("[!_]*.py"))
    assert {file.stem for file in files} == set(map(program_of, STAGES))
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 80, file.name


def test_only_the_hub_module_imports_datasets_and_only_the_tracker_and_what_it_packs_mlflow():
    for package, owners in (("datasets", {"hub.py"}), ("mlflow", {"imports.py", "served.py"})):
        pattern = re.compile(rf"^\s*(import|from) {package}\b", re.MULTILINE)
        importers = {
            path.name
            for folder in ("unroll", "stages")
            for path in (ROOT / folder).rglob("*.py")
            if pattern.search(path.read_text(encoding="utf-8"))
        }
        assert importers == owners


def test_the_library_never_imports_a_stage_nor_a_stage_another():
    for path in [*(ROOT / "unroll").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        assert not re.search(r"^\s*(import|from) stages", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("stage", STAGES)
def test_a_command_is_fixed_but_for_the_axes_that_dvc_quotes(stage):
    """`${item}` is quoted for the shell, `${item.corpus}` and all else is pasted."""
    matrix = " ${item}" if "matrix" in STAGES[stage] else ""
    assert STAGES[stage]["cmd"] == f"python -m stages.{program_of(stage)}{matrix}"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if "matrix" in STAGES[stage]])
def test_every_axis_stands_in_a_path_which_dvc_refuses_to_make_of_a_mapping(stage):
    """The keys of a mapping would be pasted into the command as they are."""
    paths = " ".join(listed(STAGES[stage]["deps"]) + listed(STAGES[stage]["outs"]))
    for axis in STAGES[stage]["matrix"]:
        assert f"${{item.{axis}}}" in paths


@pytest.mark.parametrize("stage", ["tutor", "train", "distil"])
def test_training_does_not_depend_on_the_test_split(stage):
    data = [path for path in STAGES[stage]["deps"] if path.startswith("data/")]
    assert "data/vocabulary/${item.corpus}/train" in data
    assert "data/vocabulary/${item.corpus}" not in data
    assert not [path for path in data if "test" in path]


def test_what_a_worker_makes_is_kept_in_the_cache_and_what_people_read_in_git():
    uncached = {
        next(iter(entry))
        for stage in STAGES.values()
        for kind in ("outs", "metrics", "plots")
        for entry in stage.get(kind, [])
        if not isinstance(entry, str) and not next(iter(entry.values())).get("cache", True)
    }
    assert uncached == {"reports/comparison.csv", "reports/comparison.md", "reports/pairs.csv"}
    ignored = (ROOT / "reports/.gitignore").read_text(encoding="utf-8").splitlines()
    assert all(f"!{Path(path).name}" in ignored for path in uncached)


def test_no_two_stages_write_into_one_folder():
    outs = [
        path
        for stage in STAGES.values()
        for kind in ("outs", "metrics", "plots")
        for path in listed(stage.get(kind, []))
    ]
    for path in outs:
        assert not [other for other in outs if other != path and other.startswith(f"{path}/")]
