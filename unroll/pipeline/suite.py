"""Which suite `make repro` runs, and how the choice gets into params.yaml with all else untouched."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from unroll.corpora.hub import HUB_SECONDS, hub_answers, hub_endpoint, mirror_folder
from unroll.failures import Refusal
from unroll.files import write_text
from unroll.params import Selection

AUTO, KEEP = "auto", "keep"


def choose(wanted: str, suites: dict[str, Selection]) -> tuple[str, str]:
    """Return the suite's name and why.

    Raises:
        Refusal: `wanted` is no suite.
    """
    if wanted == KEEP:
        return KEEP, "you asked for `select` as it stands"
    if wanted in suites:
        return wanted, "you asked for it"
    if wanted != AUTO:
        known = ", ".join([AUTO, KEEP, *suites])
        raise Refusal(f"there is no suite {wanted!r}: choose one of {known} (params.yaml, suites)")
    mirror = mirror_folder()
    if mirror is not None:
        return "full", f"UNROLL_MIRROR names {mirror}"
    if hub_answers():
        return "full", f"the Hub answers ({hub_endpoint()})"
    return "starter", f"the Hub does not answer within {HUB_SECONDS} s and UNROLL_MIRROR is not set"


def write_selection(path: Path, selection: Selection) -> bool:
    """Set the three lists under `select:` and change no other character; tell whether anything changed.

    Raises:
        Refusal: params.yaml has no `select:` with three lists, or shares them with another section.
    """
    before = text = path.read_text(encoding="utf-8")
    edits = []
    select = _child(YAML().compose(text), "select")
    for key, values in selection.model_dump().items():
        node = _child(select, key)
        if not isinstance(node, SequenceNode):
            raise Refusal(f"{path}: select.{key} must be a list")
        if [str(value) for value in values] != [item.value for item in node.value]:
            edits.append((node, f"[{', '.join(map(str, values))}]"))
    for node, flow in sorted(edits, key=lambda edit: -edit[0].start_mark.index):
        start, end = node.start_mark.index, _end(node, text)
        text = text[:start] + flow + text[end:]
    if edits:
        if _all_but_select(text) != _all_but_select(before):
            raise Refusal(f"{path}: select shares a list with another section (& and *): write it out")
        write_text(path, text)
    return bool(edits)


def _all_but_select(text: str) -> dict | None:
    try:
        document = YAML(typ="safe").load(text)
    except YAMLError:  # the edit took away the list that another section names
        return None
    return {key: value for key, value in document.items() if key != "select"}


def _child(node: Node | None, key: str) -> Node | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _end(node: SequenceNode, text: str) -> int:
    """A block list's own mark lies behind the comments and empty lines that follow it."""
    if node.flow_style or not node.value:
        return node.end_mark.index
    return node.value[-1].end_mark.index
