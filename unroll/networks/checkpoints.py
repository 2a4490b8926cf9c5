"""Weights and what else must be remembered: safetensors with readable JSON, never a pickle."""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, uint8

from unroll import files
from unroll.failures import Refusal

PACKAGE = Path(__file__).parents[1]
Tensors = dict[str, Tensor]


def save_model(folder: Path, weights: Tensors, document: dict) -> None:
    """Write weights.safetensors and model.json, which holds the sha256 of the weights."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    save_file(on_cpu, folder / "weights.safetensors")
    digest = files.sha256_of(folder / "weights.safetensors")
    files.write_json(folder / "model.json", document | {"weights_sha256": digest})


def load_weights(folder: Path) -> tuple[Tensors, dict]:
    """Return the weights and model.json's document.

    Raises:
        Refusal: a file is missing or damaged, or the weights are not those that model.json was
            written with.
    """
    path = folder / "weights.safetensors"
    again = "Delete the folder and run dvc repro, which restores or retrains it."
    try:
        document = files.read_json(folder / "model.json")
        expected = document["weights_sha256"]
        digest = files.sha256_of(path)
    except FileNotFoundError as error:
        raise Refusal(f"{error.filename} is missing: run dvc repro") from None
    except (ValueError, KeyError, TypeError):
        raise Refusal(f"{folder / 'model.json'} is damaged. {again}") from None
    if digest != expected:
        raise Refusal(f"{path} is damaged: its sha256 is not the one in model.json. {again}")
    try:
        return load_file(path), document
    except SafetensorError as error:
        raise Refusal(f"{path} is not in safetensors format ({error}). {again}") from None


def key_of(document: dict, data: list[Path]) -> str:
    """Name a run by all that decides it: its parameters, its data and the code."""
    content = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    code = sorted(PACKAGE.rglob("*.py"))
    read = [file for folder in data for file in sorted(folder.rglob("*")) if file.is_file()]
    for path in code + read:
        content.update(files.sha256_of(path).encode())
    return content.hexdigest()[:16]


def save_checkpoint(path: Path, parts: dict[str, Tensors], document: dict) -> None:
    """Write the parts' tensors and a JSON document as one file, whole or not at all, with their digest."""
    tensors = {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
    text = json.dumps(document)
    with files.whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={"document": text, "sha256": _digest(tensors, text)})


def load_checkpoint(path: Path, device: str) -> tuple[dict[str, Tensors], dict] | None:
    """Return what save_checkpoint wrote, or None where there is none, or not the very bits that it wrote."""
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 (not a dict)
            metadata = stream.metadata() or {}
    except (FileNotFoundError, SafetensorError):
        return None
    text = metadata.get("document", "")
    if metadata.get("sha256") != _digest(tensors, text):
        return None
    parts: dict[str, Tensors] = {}
    for key, tensor in tensors.items():
        part, name = key.split("/", 1)
        parts.setdefault(part, {})[name] = tensor.to(device)
    return parts, json.loads(text)


def _digest(tensors: Tensors, text: str) -> str:
    content = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(tensors[name].cpu().contiguous().reshape(-1).view(uint8).numpy())
    return content.hexdigest()
