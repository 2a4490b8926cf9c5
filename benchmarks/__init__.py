"""How fast all of it is, and against what: `make bench`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
