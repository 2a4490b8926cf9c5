"""Which stages are to run, and which of them need which."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from unroll.failures import Refusal

SERIAL = frozenset({"environment", "report", "track"})
"""Stages that stand for themselves: the first of all, and those that read every other stage's results."""
LEARNING = frozenset({"train", "ensemble", "distil", "evaluate", "evaluate_taught", "floor", "compare"})
"""Stages of models and what comes of them; all others prepare their data, or stand for themselves."""

Graph = dict[str, set[str]]
"""For each stage the stages that it needs."""


@dataclass(frozen=True)
class Survey:
    """All stages in the order of dvc.yaml, and those that are to run."""

    names: list[str]
    stale: Graph
    reported: bool
    """Nothing is stale, and neither is the report of it all."""


def take(root: Path) -> Survey:
    """Ask DVC which stages are to run.

    That is every stage that DVC calls changed, and every stage downstream of one: whether the
    latter really change only DVC can tell, once the former have run.

    Raises:
        Refusal: DVC cannot say, because another one is at work, say.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo
    from ruamel.yaml.error import YAMLError

    # Under one lock, or DVC would read every stage twice.
    try:
        with Repo(str(root)) as repo, lock_repo(repo), _everything_read_once():
            status = set(repo.status())
            graph = repo.index.graph
            stages = {stage.addressing: stage for stage in repo.index.stages}
    except (DvcException, YAMLError) as error:
        raise Refusal(f"dvc status: {error}\npython -m unroll doctor says what is in the way") from None
    changed = status - SERIAL
    # DVC's edges lead from a stage to what it needs.
    stale = {one.addressing for name in changed for one in networkx.ancestors(graph, stages[name])}
    stale = (stale | changed) - SERIAL
    needs = {name: {one.addressing for one in graph.successors(stages[name])} & stale for name in stale}
    return Survey(list(stages), needs, reported=not needs and "report" not in status)


@contextmanager
def _everything_read_once() -> Iterator[None]:
    """Let DVC keep what it has read: it does so anew for every stage.

    Of 500 stages, half the time went into hashing the same 20 files of code and reading params.yaml
    for each of them, and a quarter into what kind of file system a path is on.
    """
    from dvc import output
    from dvc.dependency import param

    with ExitStack() as stack:

        def once(owner: object, name: str, key: Callable) -> None:
            read, known = getattr(owner, name), {}

            def read_once(*arguments: object, **options: object) -> object:
                place = key(*arguments, **options)
                if place not in known:
                    known[place] = read(*arguments, **options)
                return known[place]

            setattr(owner, name, read_once)
            stack.callback(setattr, owner, name, read)

        once(param, "load_path", lambda path, *_, **__: path)
        once(param, "read_param_file", lambda _, path, keys, **__: (path, *(keys or ())))
        once(output.Output, "_get_hash_meta", lambda out: (out.fs_path, out.use_cache, out.IS_DEPENDENCY))
        once(output, "get_cloud_fs", lambda config, **options: tuple(sorted(options.items())))
        yield


def preparation(stale: Graph) -> Graph:
    """Return the part of a survey's graph that prepares data.

    Once it has run, a second survey tells whether the data have changed at all. Without that every
    model downstream would go through DVC, only to find that they have not.
    """
    prepares = {name for name in stale if name.split("@")[0] not in LEARNING}
    return {name: stale[name] & prepares for name in prepares}


def without(stale: Graph, done: Graph) -> Graph:
    """Return what is left of a survey's graph once some of it has run."""
    return {name: needs - done.keys() for name, needs in stale.items() if name not in done}
