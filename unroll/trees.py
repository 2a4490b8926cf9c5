"""Penn-Treebank style trees with a label on every node: `(3 (2 a) (4 (4 lovely) (2 film)))`."""

import re

LEAF = re.compile(r"\([0-9]+ ([^()]+)\)")
ROOT = re.compile(r"\(([0-9]+) ")
ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}


def tree_tokens(tree: str) -> list[str]:
    """Return the leaves from left to right, the treebank's escapes undone.

    A text that is no tree is split on white space: so a corpus of sentences can stand in for one
    of trees.

    >>> tree_tokens("(2 (2 -LRB-) (3 (2 and\\\\/or) (2 good)))")
    ['(', 'and/or', 'good']
    """
    leaves = LEAF.findall(tree) if ROOT.match(tree) else tree.split()
    return [ESCAPES.get(leaf, leaf.replace("\\/", "/").replace("\\*", "*")) for leaf in leaves]


def tree_label(tree: str) -> int:
    """Return the label of the root.

    Raises:
        ValueError: the text is no tree with a labelled root.
    """
    match = ROOT.match(tree)
    if match is None or tree.count("(") != tree.count(")"):
        raise ValueError(f"not a labelled tree: {tree[:60]!r}")
    return int(match[1])
