"""The encoder written out is the one that others compute, and nothing else is taken for one."""

import json
from pathlib import Path

import pytest
import tiny_encoder
import torch
from safetensors.torch import save_file
from shipped import vectors_of
from tokenizers import Tokenizer
from torch import nn

from unroll.failures import Refusal
from unroll.lexicon.sentence_encoder import SentenceEncoder
from unroll.lexicon.vectors import EncoderSource

PIECES = torch.tensor([[2, 4, 8, 3], [2, 5, 9, 3], [2, 4, 9, 3]])


@pytest.fixture
def encoder(tmp_path, monkeypatch) -> SentenceEncoder:
    tiny_encoder.install(tmp_path, monkeypatch)
    return SentenceEncoder(tmp_path / "model.safetensors", tmp_path / "config.json")


def by_torch(weights: dict[str, torch.Tensor], pieces_BL: torch.Tensor) -> torch.Tensor:
    """Return what torch's own transformer layers make of the same weights."""
    size, heads = tiny_encoder.SIZE, tiny_encoder.SETTINGS["num_attention_heads"]
    layer = nn.TransformerEncoderLayer(
        size,
        heads,
        tiny_encoder.INNER,
        0.0,
        "gelu",
        tiny_encoder.SETTINGS["layer_norm_eps"],
        batch_first=True,
    )
    embedded = weights["embeddings.word_embeddings.weight"][pieces_BL]
    embedded = embedded + weights["embeddings.position_embeddings.weight"][: pieces_BL.shape[1]]
    embedded = embedded + weights["embeddings.token_type_embeddings.weight"][0]
    norm = nn.LayerNorm(size, eps=tiny_encoder.SETTINGS["layer_norm_eps"])
    norm.load_state_dict({part: weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")})
    states = norm(embedded)
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm1": "attention.output.LayerNorm",
        "norm2": "output.LayerNorm",
    }
    for number in range(tiny_encoder.SETTINGS["num_hidden_layers"]):
        own = {name.removeprefix(f"encoder.layer.{number}."): weight for name, weight in weights.items()}
        loaded = {
            f"{to}.{part}": own[f"{name}.{part}"] for to, name in names.items() for part in ("weight", "bias")
        }
        for part in ("weight", "bias"):
            roles = [own[f"attention.self.{role}.{part}"] for role in ("query", "key", "value")]
            loaded[f"self_attn.in_proj_{part}"] = torch.cat(roles)
        layer.load_state_dict(loaded)
        states = layer(states)
    mean = states.mean(dim=1)
    return mean / mean.norm(dim=1, keepdim=True)


def test_the_vectors_are_those_of_torchs_own_layers(encoder):
    found = encoder.encode(PIECES)
    assert found.shape == (3, tiny_encoder.SIZE) and not found.requires_grad
    torch.testing.assert_close(found, by_torch(tiny_encoder.weights(), PIECES).detach())


def test_weights_of_half_precision_are_computed_with_in_float32(tmp_path, encoder):
    save_file(
        {name: one.half() for name, one in tiny_encoder.weights().items()}, tmp_path / "model.safetensors"
    )
    half = SentenceEncoder(tmp_path / "model.safetensors", tmp_path / "config.json")
    assert half.encode(PIECES).dtype == torch.float32
    torch.testing.assert_close(half.encode(PIECES), encoder.encode(PIECES), atol=0.01, rtol=0)


FAULTS = {
    "another kind of network": ({"model_type": "roberta"}, {}, "is not that of a BERT"),
    "another function": ({"hidden_act": "relu"}, {}, "hidden_act is not gelu"),
    "no number of heads": ({"num_attention_heads": None}, {}, "does not fit"),
    "heads that do not divide the size": ({"num_attention_heads": 3}, {}, "does not fit"),
    "more layers than there are": ({"num_hidden_layers": 3}, {}, "does not fit"),
    "a weight of another shape": ({}, {"encoder.layer.1.output.dense.bias": torch.zeros(5)}, "does not fit"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_such_encoder_is_refused(tmp_path, fault):
    settings, weights, said = FAULTS[fault]
    (tmp_path / "config.json").write_text(json.dumps(tiny_encoder.SETTINGS | settings))
    save_file(tiny_encoder.weights() | weights, tmp_path / "model.safetensors")
    with pytest.raises(Refusal, match=said):
        SentenceEncoder(tmp_path / "model.safetensors", tmp_path / "config.json")


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95", b"\xff" * 100])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(json.dumps(tiny_encoder.SETTINGS))
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(Refusal, match=r"model\.safetensors cannot be read"):
        SentenceEncoder(tmp_path / "model.safetensors", tmp_path / "config.json")


# --- the shipped encoder ----------------------------------------------------------------------------


def test_the_shipped_encoder_gives_the_similarities_that_its_authors_print():
    """Those of the first example of the sentence-transformers documentation, to the places given there."""
    encoder, cut = shipped(vectors_of("minilm_256"))
    sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    one, two, three = (encoder.encode(torch.tensor([cut.encode(text).ids]))[0] for text in sentences)
    found = [round(float(left @ right), 4) for left, right in ((one, two), (one, three), (two, three))]
    assert found == [0.6660, 0.1046, 0.1411]


def shipped(source: EncoderSource) -> tuple[SentenceEncoder, Tokenizer]:
    cut = Tokenizer.from_file(str(source.verified(source.tokenizer)))
    cut.no_padding()
    return SentenceEncoder(source.verified(source.weights), Path(source.verified(source.configuration))), cut
