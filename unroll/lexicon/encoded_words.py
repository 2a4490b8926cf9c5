"""Words -> vectors by a sentence encoder, to which each word is a text.

Axes: X words, L pieces of a word, H components of the encoder, E of the vectors made of them.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from unroll import environment
from unroll.failures import Refusal
from unroll.lexicon.vector_tables import Table
from unroll.lexicon.vectors import EncoderSource

BATCH = 256
Pieces = tuple[int, ...]


def read(name: str, source: EncoderSource, parts: Mapping[str, set[str]]) -> Table:
    """Return the words' vectors: the encoder's, in the principal components of those of "vocabulary".

    The last bits of a product depend on what else is in it. So the parts are encoded one after the
    other, each with those of its words that none before it had: a word changes no vector of an
    earlier part. A word of which the encoder knows no piece, such as most emoji, has no vector.

    Raises:
        Refusal: the package is missing, is not what its sha256 says or no BERT, or the vocabulary has
            too few words.
    """
    environment.pin()
    try:
        return _read(source, parts)
    except Refusal as refusal:
        raise Refusal(f"params.yaml: vectors.{name}: {refusal}") from None


def _read(source: EncoderSource, parts: Mapping[str, set[str]]) -> Table:
    import torch

    from unroll.lexicon.principal_components import PrincipalComponents
    from unroll.lexicon.sentence_encoder import SentenceEncoder

    environment.prepare_torch("cpu", "highest")
    encoder = SentenceEncoder(source.verified(source.weights), source.verified(source.configuration))
    pieces = _cut(source.verified(source.tokenizer), set().union(*parts.values()), encoder.longest)

    def encoded(cut: Iterable[Pieces]) -> tuple[list[Pieces], torch.Tensor]:
        ordered = sorted(cut, key=lambda one: (len(one), one))
        batches = [torch.zeros(0, encoder.size)]
        for _, same_length in groupby(ordered, len):
            batches += map(encoder.encode, torch.tensor(list(same_length)).split(BATCH))
        return ordered, torch.cat(batches)

    known: dict[Pieces, torch.Tensor] = {}
    components = None
    for words in (parts["vocabulary"], *(parts[part] for part in parts if part != "vocabulary")):
        ordered, vectors_XH = encoded({pieces[word] for word in words & pieces.keys()} - known.keys())
        if components is None:
            try:
                components = PrincipalComponents.fit(vectors_XH, source.components, source.scale)
            except ValueError as error:
                raise Refusal(f"of the vocabulary, {error}: name fewer") from None
        known.update(zip(ordered, components.of(vectors_XH), strict=True))
    exact, from_subwords = (
        {word: known[cut].numpy() for word, cut in pieces.items() if (len(cut) == 3) == whole}
        for whole in (True, False)
    )
    return Table(source.components, exact, from_subwords)


def _cut(path: Path, words: set[str], longest: int) -> dict[str, Pieces]:
    """Return the pieces of each word that has one which is known, between the marks of a text's ends."""
    from unroll.lexicon.sentence_encoder import NO_PIECE, tokenizer_of

    tokenizer = tokenizer_of(path)
    tokenizer.enable_truncation(longest)
    unknown = tokenizer.token_to_id(NO_PIECE)
    ordered = sorted(words)
    found = {}
    for word, cut in zip(ordered, tokenizer.encode_batch(ordered), strict=True):
        if any(piece != unknown for piece in cut.ids[1:-1]):
            found[word] = tuple(cut.ids)
    return found
