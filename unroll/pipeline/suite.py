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
    """Set the lists under `select:` and change no other character; tell whether anything changed.

    A list that may be left out is added where it is missing, as dvc.yaml names it.

    Raises:
        Refusal: params.yaml has no `select:` with lists, or shares them with another section.
    """
    before = text = path.read_text(encoding="utf-8")
    edits = []
    select = _child(YAML().compose(text), "select")
    for key, values in selection.model_dump().items():
        node = _child(select, key)
        flow = f"[{', '.join(map(str, values))}]"
        if node is None and not Selection.model_fields[key].is_required():
            edits.append(_addition(select, key, flow, text))
        elif not isinstance(node, SequenceNode):
            raise Refusal(f"{path}: select.{key} must be a list")
        elif [str(value) for value in values] != [item.value for item in node.value]:
            edits.append((node.start_mark.index, _end(node, text), flow))
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
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


def _addition(select: MappingNode, key: str, flow: str, text: str) -> tuple[int, int, str]:
    """Return the place behind the last list, and what is to stand there."""
    first, last = select.value[0][0], select.value[-1][1]
    end = _end(last, text)
    if select.flow_style:
        return end, end, f", {key}: {flow}"
    end = text.find("\n", end) if "\n" in text[end:] else len(text)
    return end, end, f"\n{' ' * first.start_mark.column}{key}: {flow}"


def _end(node: SequenceNode, text: str) -> int:
    """A block list's own mark lies behind the comments and empty lines that follow it."""
    if node.flow_style or not node.value:
        return node.end_mark.index
    return node.value[-1].end_mark.index
