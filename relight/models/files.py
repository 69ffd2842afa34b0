"""The files of a part on this machine: whether they are whole, and which weights they are.

Nothing here imports torch.
"""

from __future__ import annotations

import functools
import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

WHOLE_FILE_BYTES = 64 * 2**20
"""Weights up to this size are hashed as a whole; of larger ones, the header and the size."""
_WITHOUT_WEIGHTS = {
    "tokenizer": (("tokenizer_config.json",), ("tokenizer.json", "vocab.json", "spiece.model")),
    "scheduler": (("scheduler_config.json",),),
    "processor": (("preprocessor_config.json",),),
}
"""Files that such a part needs: one of each group."""


def fault(path: Path) -> str | None:
    """What is wrong with a part's folder or file, as far as names and sizes show; None: nothing.

    A folder with weights needs its configuration and all its safetensors, whole; an index names
    the files that belong to it.
    """
    if path.suffix == ".safetensors":
        return _file_fault(path, path.name)
    if not path.is_dir():
        return f"{path.name} is missing"
    for kind, groups in _WITHOUT_WEIGHTS.items():
        if path.name.startswith(kind):
            gaps = [group for group in groups if not any((path / n).is_file() for n in group)]
            return f"{path.name}/{gaps[0][0]} is missing" if gaps else None
    if not (path / "config.json").is_file():
        return f"{path.name}/config.json is missing"
    names = _shards(path) or [file.name for file in path.glob("*.safetensors")]
    if not names:
        return f"{path.name}/*.safetensors is missing"
    faults = (_file_fault(path / name, f"{path.name}/{name}") for name in names)
    return next(filter(None, faults), None)


def identify(paths: Mapping[str, Path]) -> dict[str, str]:
    """What weights these are: {repository: commit} from the hub's cache, else {part: hash}.

    The hash is the SHA-256 of the weights file; of files larger than `WHOLE_FILE_BYTES`, that of
    header and size, marked as such. Parts without weights are left out.
    """
    known = {}
    for name, path in sorted(paths.items()):
        repo, commit = _origin(path)
        files = [path] if path.suffix == ".safetensors" else sorted(path.glob("*.safetensors"))
        if repo:
            known[repo] = commit
        elif files:
            known[name] = _hash_of_all(files)
    return known


def _shards(path: Path) -> list[str]:
    """The weights files that a part's index names, or none without an index."""
    for index in path.glob("*.safetensors.index.json"):
        try:
            named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (OSError, ValueError, KeyError, AttributeError):
            return [index.name]  # which is then found not to be whole
        return sorted(set(named))
    return []


def _file_fault(file: Path, name: str) -> str | None:
    if not file.is_file():
        return f"{name} is missing"
    return None if _is_whole(file) else f"{name} is cut off"


def _is_whole(file: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    header = _header(file)
    try:
        tensors = json.loads(header)
        end = max(
            (t["data_offsets"][1] for name, t in tensors.items() if name != "__metadata__"),
            default=0,
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False
    return file.stat().st_size == 8 + len(header) + end


def _header(file: Path) -> bytes:
    """The JSON header of a safetensors file; empty where it is shorter than it says."""
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        return stream.read(length) if length < file.stat().st_size else b""


def _origin(path: Path) -> tuple[str, str]:
    """(repository, commit) of a path in the hub's cache, else two empty texts."""
    names = path.parts
    for place, name in enumerate(names[:-1]):
        if name == "snapshots" and place and names[place - 1].startswith("models--"):
            repo = names[place - 1].removeprefix("models--").replace("--", "/")
            return repo, names[place + 1]
    return "", ""


def _hash_of_all(files: list[Path]) -> str:
    hashes = []
    for file in files:
        state = file.stat()
        hashes.append(_hash(file, state.st_size, state.st_mtime_ns))
    if len(hashes) == 1:
        return hashes[0]
    named = "".join(f"{file.name} {one}\n" for file, one in zip(files, hashes, strict=True))
    return "sha256 of hashes:" + hashlib.sha256(named.encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def _hash(file: Path, size: int, changed: int) -> str:
    """Remembered while the file's size and time of change stay what they are."""
    if size > WHOLE_FILE_BYTES:
        digest = hashlib.sha256(_header(file) + str(size).encode()).hexdigest()
        return "sha256 of header and size:" + digest
    return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
