"""A sentence encoder of 8 components in a package, as if it were installed."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from unroll.files import sha256_of
from unroll.lexicon.vectors import EncoderSource, PackageFile

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "lamp",
    "kettle",
    "clock",
    "garden",
    "##s",
    "##shade",
    "test",
    "##word",
]
SETTINGS = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 6,
    "layer_norm_eps": 1e-12,
}
SIZE, INNER = 8, 12
FILES = {"weights": "model.safetensors", "configuration": "config.json", "tokenizer": "tokenizer.json"}


def install(folder: Path, monkeypatch, **others) -> EncoderSource:
    """Put `invented-encoder` 1.0.0 on the path; `others` are fields of its source."""
    monkeypatch.syspath_prepend(folder)
    return lay_out(folder, **others)


def lay_out(folder: Path, **others) -> EncoderSource:
    """Put `invented-encoder` 1.0.0 into a folder that is on the path already."""
    record = folder / "invented_encoder-1.0.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: invented-encoder\nVersion: 1.0.0\n")
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    save_file(weights(), folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    return source_of(folder, **others)


def source_of(folder: Path, **others) -> EncoderSource:
    """Return the source with the sha256 that the package's files have now."""
    files = {name: PackageFile(file=file, sha256=sha256_of(folder / file)) for name, file in FILES.items()}
    fields = {"package": "invented-encoder", "version": "1.0.0", "licence": "none", "citation": "nobody"}
    return EncoderSource(**{"kind": "encoder", "components": 2, **fields, **files, **others})


def tokenizer() -> Tokenizer:
    """Return BERT's, with few pieces; like that of the shipped encoder it pads and cuts short."""
    made = Tokenizer(
        models.WordPiece({piece: place for place, piece in enumerate(PIECES)}, unk_token="[UNK]")
    )
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.enable_padding(length=5)
    made.enable_truncation(5)
    return made


def weights() -> dict[str, torch.Tensor]:
    """Return those of a BERT, drawn."""
    draw = torch.Generator().manual_seed(1)
    shapes = {
        "embeddings.word_embeddings.weight": (len(PIECES), SIZE),
        "embeddings.position_embeddings.weight": (SETTINGS["max_position_embeddings"], SIZE),
        "embeddings.token_type_embeddings.weight": (2, SIZE),
    } | _pair("embeddings.LayerNorm", SIZE)
    for layer in range(SETTINGS["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        for role in ("query", "key", "value"):
            shapes |= _pair(f"{name}.attention.self.{role}", SIZE, SIZE)
        shapes |= _pair(f"{name}.attention.output.dense", SIZE, SIZE)
        shapes |= _pair(f"{name}.attention.output.LayerNorm", SIZE)
        shapes |= _pair(f"{name}.intermediate.dense", INNER, SIZE)
        shapes |= _pair(f"{name}.output.dense", SIZE, INNER) | _pair(f"{name}.output.LayerNorm", SIZE)
    return {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def _pair(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
