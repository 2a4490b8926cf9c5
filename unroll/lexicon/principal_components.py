"""Vectors -> fewer components: those directions in which some of them differ most.

Axes: X vectors, H components, E components that are kept.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PrincipalComponents:
    """Fitted on some vectors, and then the same for all others."""

    mean_H: Tensor
    directions_HE: Tensor

    @classmethod
    def fit(cls, vectors_XH: Tensor, components: int, scale: float) -> "PrincipalComponents":
        """`scale` is what the components of these vectors shall have for their root mean square.

        In float64, and each direction with its largest number positive: an eigenvector has either sign.

        Raises:
            ValueError: so many components are not there: too few vectors, or they do not differ.
        """
        vectors_XH = vectors_XH.double()
        mean_H = vectors_XH.mean(dim=0)
        centred_XH = vectors_XH - mean_H
        variances_H, directions_HH = torch.linalg.eigh(centred_XH.T @ centred_XH / max(len(vectors_XH), 1))
        kept_E = variances_H.flip(0)[:components]
        if len(kept_E) < components or not kept_E[-1] > 1e-12 * kept_E[0]:
            rank = int((variances_H > 1e-12 * variances_H[-1].clamp(min=1e-300)).sum())
            raise ValueError(f"{len(vectors_XH)} vectors have {rank} components, not {components}")
        directions_HE = directions_HH.flip(1)[:, :components]
        largest_E = directions_HE.abs().argmax(dim=0)
        signs_E = directions_HE.gather(0, largest_E.unsqueeze(0)).sign()
        return cls(mean_H, directions_HE * signs_E * (scale / kept_E.mean().sqrt()))

    def of(self, vectors_XH: Tensor) -> Tensor:
        """Return (X, E), float32."""
        return ((vectors_XH.double() - self.mean_H) @ self.directions_HE).float()
