"""Pieces of words -> the vector of a text: a BERT, its weights as safetensors.

A transformer. It runs where word vectors are prepared and where a tutor learns, never where a network
predicts.

Axes: B texts, L pieces, H components, N heads, D components of a head.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from unroll import files
from unroll.failures import Refusal

WORDS = "embeddings.word_embeddings.weight"
"""The vectors of single pieces."""
NO_PIECE = "[UNK]"
"""What stands for text of which the tokenizer knows no piece."""


class SentenceEncoder:
    """BERT (Devlin et al. 2019) whose mean last state, 1 long, is the text (Reimers and Gurevych 2019)."""

    def __init__(self, weights: Path, configuration: Path) -> None:
        """Read the weights.

        Raises:
            Refusal: they are not those of a BERT, or are damaged.
        """
        settings = files.read_json(configuration)
        if not isinstance(settings, dict) or settings.get("model_type") != "bert":
            raise Refusal(f"{configuration} is not that of a BERT, and no other encoder is read")
        if settings.get("hidden_act") != "gelu":
            raise Refusal(f"{configuration}: hidden_act is not gelu, and no other is computed")
        try:
            self.heads, self.epsilon = settings["num_attention_heads"], settings["layer_norm_eps"]
            self.layers = settings["num_hidden_layers"]
            self.longest = settings["max_position_embeddings"]
            self.weights = {name: weight.float() for name, weight in load_file(weights).items()}
            self.size = self.encode(torch.zeros(1, 1, dtype=torch.long)).shape[1]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise Refusal(f"{weights} does not fit {configuration}: {error}") from None
        except Exception as error:  # safetensors has one of its own, by that name
            raise Refusal(f"{weights} cannot be read: {error}") from None

    @torch.inference_mode()
    def encode(self, pieces_BL: Tensor) -> Tensor:
        """Return the texts' vectors, (B, H), of length 1. They have equally many pieces: none is padding."""
        return functional.normalize(self.states(self.weights[WORDS][pieces_BL]).mean(dim=1), dim=1)

    def states(self, words_BLH: Tensor, real_BL: Tensor | None = None, dropout: float = 0.0) -> Tensor:
        """Return the last layer's states, (B, L, H), of texts whose pieces have these vectors.

        `real_BL` is False where there is padding; without it there is none. What is dropped is dropped
        where Devlin et al. 2019 do: after the embedding, and from each part of a layer.
        """
        states_BLH = (
            words_BLH
            + self.weights["embeddings.position_embeddings.weight"][: words_BLH.shape[1]]
            + self.weights["embeddings.token_type_embeddings.weight"][0]
        )
        states_BLH = _dropped(self._normalised("embeddings.LayerNorm", states_BLH), dropout)
        mask_B11L = None if real_BL is None else real_BL[:, None, None, :]
        for layer in range(self.layers):
            states_BLH = self._layer(f"encoder.layer.{layer}", states_BLH, mask_B11L, dropout)
        return states_BLH

    def _layer(self, name: str, states_BLH: Tensor, mask_B11L: Tensor | None, dropout: float) -> Tensor:
        attended_BLH = self._attended(name, states_BLH, mask_B11L)
        attended_BLH = _dropped(self._linear(f"{name}.attention.output.dense", attended_BLH), dropout)
        states_BLH = self._normalised(f"{name}.attention.output.LayerNorm", attended_BLH + states_BLH)
        inner_BLF = functional.gelu(self._linear(f"{name}.intermediate.dense", states_BLH))
        outer_BLH = _dropped(self._linear(f"{name}.output.dense", inner_BLF), dropout)
        return self._normalised(f"{name}.output.LayerNorm", outer_BLH + states_BLH)

    def _attended(self, name: str, states_BLH: Tensor, mask_B11L: Tensor | None) -> Tensor:
        query_BNLD, key_BNLD, value_BNLD = (
            self._linear(f"{name}.attention.self.{role}", states_BLH)
            .unflatten(2, (self.heads, -1))
            .transpose(1, 2)
            for role in ("query", "key", "value")
        )
        mixed_BNLD = functional.scaled_dot_product_attention(query_BNLD, key_BNLD, value_BNLD, mask_B11L)
        return mixed_BNLD.transpose(1, 2).flatten(2)

    def _linear(self, name: str, states_BLI: Tensor) -> Tensor:
        return functional.linear(states_BLI, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _normalised(self, name: str, states_BLH: Tensor) -> Tensor:
        weight_H, bias_H = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(states_BLH, weight_H.shape, weight_H, bias_H, self.epsilon)


def _dropped(states_BLH: Tensor, dropout: float) -> Tensor:
    return functional.dropout(states_BLH, dropout) if dropout else states_BLH


def tokenizer_of(path: Path) -> Tokenizer:
    """Return the tokenizer in a file, which then neither pads a text nor cuts it short.

    Raises:
        Refusal: the file is no tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # no other class is raised
        raise Refusal(f"{path} is no tokenizer: {error}") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
