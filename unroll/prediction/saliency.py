"""What each word of a text does for a score: the gradient at its vector, times the vector.

Where a score is linear in the word vectors, as that of a bag which takes their mean, this is exactly what
the word adds to it: all words and the bias are together the score. Elsewhere it is a first-order estimate
(Denil et al. 2014; Ancona et al. 2018), and small where a unit is saturated.

Axes: B rows in the batch, L steps, E components of a word vector, C classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.pooling import Attention
from unroll.networks.words import Words


@dataclass(frozen=True)
class Reading:
    """A batch that a classifier has read as in scoring, from which a score leads back to the words."""

    scores_BC: Tensor
    words_BLE: Tensor
    """The vectors that were read, each place with one of its own."""
    attention_BL: Tensor | None
    """How much each word counts, 0 in the padding, a row together 1; None where pooling has no attention."""

    def saliency(self, classes_B: Tensor) -> Tensor:
        """Return what each word does for its row's score of this class, (B, L), in double precision.

        Above 0 it speaks for the class, below 0 against it; padding has 0. It may be asked for again.
        """
        chosen_B = self.scores_BC.gather(1, classes_B.unsqueeze(1))
        # Rows have nothing to do with each other, so that one sum has the gradients of all.
        (gradient_BLE,) = torch.autograd.grad(chosen_B.sum(), self.words_BLE, retain_graph=True)
        return (gradient_BLE.double() * self.words_BLE.detach().double()).sum(dim=2)


def read(model: Classifier, batch: Batch) -> Reading:
    """Read a batch, with what it takes to ask for gradients afterwards.

    Hooks on the model's own modules see what they compute, so that it cannot drift from what the model does.
    """
    model.eval()
    words: list[Tensor] = []
    weights: list[Tensor] = []

    def each_word_its_own(module: WordEmbedding, inputs: tuple, output: Words) -> Words:
        words.append(output.written_out().detach().requires_grad_())
        return Words.each_its_own(words[0])

    def keep_weights(module: Attention, inputs: tuple, output: Tensor) -> None:
        weights.append(module.weights(*inputs).detach().squeeze(2))

    watched: list[tuple[nn.Module, object]] = [(model.embedding, each_word_its_own)]
    if model.pooling.attention is not None:
        watched.append((model.pooling.attention, keep_weights))
    hooks = [module.register_forward_hook(hook) for module, hook in watched]
    try:
        with torch.enable_grad():
            scores_BC = model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return Reading(scores_BC, words[0], weights[0] if weights else None)
