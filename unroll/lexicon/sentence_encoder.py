"""Pieces of words -> the vector of a text: a BERT, its weights as safetensors.

A transformer. It runs where word vectors are prepared, never where a network predicts.

Axes: B texts, L pieces, H components, N heads, D components of a head.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from unroll import files
from unroll.failures import Refusal


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
        states_BLH = (
            self.weights["embeddings.word_embeddings.weight"][pieces_BL]
            + self.weights["embeddings.position_embeddings.weight"][: pieces_BL.shape[1]]
            + self.weights["embeddings.token_type_embeddings.weight"][0]
        )
        states_BLH = self._normalised("embeddings.LayerNorm", states_BLH)
        for layer in range(self.layers):
            states_BLH = self._layer(f"encoder.layer.{layer}", states_BLH)
        return functional.normalize(states_BLH.mean(dim=1), dim=1)

    def _layer(self, name: str, states_BLH: Tensor) -> Tensor:
        attended_BLH = self._linear(f"{name}.attention.output.dense", self._attended(name, states_BLH))
        states_BLH = self._normalised(f"{name}.attention.output.LayerNorm", attended_BLH + states_BLH)
        inner_BLF = functional.gelu(self._linear(f"{name}.intermediate.dense", states_BLH))
        outer_BLH = self._linear(f"{name}.output.dense", inner_BLF)
        return self._normalised(f"{name}.output.LayerNorm", outer_BLH + states_BLH)

    def _attended(self, name: str, states_BLH: Tensor) -> Tensor:
        query_BNLD, key_BNLD, value_BNLD = (
            self._linear(f"{name}.attention.self.{role}", states_BLH)
            .unflatten(2, (self.heads, -1))
            .transpose(1, 2)
            for role in ("query", "key", "value")
        )
        mixed_BNLD = functional.scaled_dot_product_attention(query_BNLD, key_BNLD, value_BNLD)
        return mixed_BNLD.transpose(1, 2).flatten(2)

    def _linear(self, name: str, states_BLI: Tensor) -> Tensor:
        return functional.linear(states_BLI, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _normalised(self, name: str, states_BLH: Tensor) -> Tensor:
        weight_H, bias_H = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(states_BLH, weight_H.shape, weight_H, bias_H, self.epsilon)
