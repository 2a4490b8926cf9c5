"""The probability of one word among many, at a price that goes by how rare it is (Grave et al. 2017).

The commonest words have a score each, in the head, which is worked out for every target. All others
are in tails, each of which has one score there for all of its words together; scores of its own are
worked out for its own targets alone, and from the fewer features the rarer its words are.

torch.nn.AdaptiveLogSoftmaxWithLoss is the same function, by which the tests go. It leaves the weights of
a tail without gradients where a batch has no target there, and a tail without features where the states
have few.

Axes: T targets, H features of a state, S words in the head, K tails, N words of a tail, R targets there.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

PARTS = (64, 16, 4)
"""The head has this part of the words; with the tails up to the last but one it is those parts.

So each tail has three times the words of all before it. With one of the shipped corpora, vocabularies of
7,000 to 21,000 words, the commonest 64th makes 56 to 67 % of the texts, the rest of the 16th 14 to 16, that
of the quarter 11 to 17, all others 6 to 13. A training step of 2,048 tokens of tweets, an LSTM of 200
units reading both ways, takes 260 ms on one core of an AMD EPYC; with (16, 4) 340, with one softmax 2,700.
"""
FEWEST = 256
"""Words of the head: what would be less is with the next part. Up to 1,023 words all are in the head, which
is a plain softmax; to divide them would save nothing."""
NARROWING = 2
"""A tail has so many times fewer features than the one before it, the first than the states."""


def cutoffs(words: int) -> list[int]:
    """Return where the head ends and where each tail does; ids are in the order of frequency.

    >>> [cutoffs(words) for words in (30, 8_217, 21_093)]
    [[30], [513, 2054, 8217], [329, 1318, 5273, 21093]]
    """
    return [*(words // part for part in PARTS if words // part >= FEWEST), words]


def narrowed(features: int, tail: int) -> int:
    """Return how many of a state's features a tail goes by, the first being 1."""
    return max(1, features // NARROWING**tail)


class AdaptiveSoftmax(nn.Module):
    """A linear layer and a softmax over words, in parts."""

    def __init__(self, features: int, words: int) -> None:
        super().__init__()
        self.cutoffs = cutoffs(words)
        shortlist, tails = self.cutoffs[0], len(self.cutoffs) - 1
        self.head = nn.Linear(features, shortlist + tails)
        self.tails = nn.ModuleList()
        for tail, (first, end) in enumerate(pairwise(self.cutoffs), start=1):
            fewer = narrowed(features, tail)
            layers = nn.Linear(features, fewer, bias=False), nn.Linear(fewer, end - first, bias=False)
            self.tails.append(nn.Sequential(*layers))

    def forward(self, states_TH: Tensor, targets_T: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses_T, what each target's probability is short of 1 in nats, and right_T.

        Right is a target that the head puts before all else that it scores: a word of a tail never is.
        """
        entries_T, members = targets_T, []
        shortlist = self.cutoffs[0]
        for place, (first, end) in enumerate(pairwise(self.cutoffs)):
            inside_T = (targets_T >= first) & (targets_T < end)
            entries_T = entries_T.masked_fill(inside_T, shortlist + place)
            # How many they are a GPU is asked, and waited for.
            members.append(inside_T.nonzero().squeeze(1))
        scores_TS = self.head(states_TH)
        losses_T = functional.cross_entropy(scores_TS, entries_T, reduction="none")
        for tail, first, places_R in zip(self.tails, self.cutoffs[:-1], members, strict=True):
            scores_RN = tail(states_TH.index_select(0, places_R))
            among_R = functional.cross_entropy(scores_RN, targets_T[places_R] - first, reduction="none")
            losses_T = losses_T.index_add(0, places_R, among_R)
        return losses_T, scores_TS.detach().argmax(dim=1) == targets_T
