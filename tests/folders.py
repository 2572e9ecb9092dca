"""What a folder holds, to compare it with what it held before."""

import hashlib
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Relative name -> bytes of every file below, hidden and unfinished ones too."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def hashes(folder: Path) -> dict[str, str]:
    """As `contents`, with the SHA-256 of the bytes: a difference prints shorter."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items()}
