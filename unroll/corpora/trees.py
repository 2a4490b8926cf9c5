"""Penn-Treebank style trees with a label on every node: `(3 (2 a) (4 (4 lovely) (2 film)))`."""

import re

LEAF = re.compile(r"\([0-9]+ ([^()]+)\)")
ROOT = re.compile(r"\(([0-9]+) ")
BRACKET = re.compile(r"[()]")
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


def is_tree(text: str) -> bool:
    """Tell whether the text is one tree in brackets with a label at its root."""
    return ROOT.match(text) is not None and text.count("(") == text.count(")")


def subtrees(tree: str) -> list[str]:
    """Return the tree of every node: of the whole first, then of each part from left to right.

    >>> subtrees("(3 (2 a) (4 (4 lovely) (2 film)))")[2:]
    ['(4 (4 lovely) (2 film))', '(4 lovely)', '(2 film)']
    """
    opened: list[int] = []
    spans = []
    for bracket in BRACKET.finditer(tree):
        if bracket[0] == "(":
            opened.append(bracket.start())
        else:
            spans.append((opened.pop(), bracket.end()))
    return [tree[start:end] for start, end in sorted(spans)]


def tree_text(tree: str) -> str:
    """Return the words of the tree with a space between them."""
    return " ".join(tree_tokens(tree))


def tree_label(tree: str) -> int:
    """Return the label of the root.

    Raises:
        ValueError: the text is no tree with a labelled root.
    """
    if not is_tree(tree):
        raise ValueError(f"not a labelled tree: {tree[:60]!r}")
    return int(ROOT.match(tree)[1])
