"""How far an exported network may be from the network itself; measured on export, and beyond it refused."""

from typing import Literal

Kind = Literal["float32", "int8"]
"""Of the weights."""
BOUNDS: dict[Kind, float] = {"float32": 1e-5, "int8": 0.05}
"""Of any class's probability in any text. Of 58 trained networks (starter suite, three on tweets, 13 on sst5,
each with its whole test split) the furthest was off by 7.1e-7 in float32, where sums are added up in another
order, and by 0.026 in int8, where nothing but such a measurement says how far rounded weights carry."""
