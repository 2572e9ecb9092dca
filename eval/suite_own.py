"""The record of an encoder that is given as a Python object: its name, and a hash of its code and weights.

Embeddings are kept under the encoder's name. The hash, of methods, numbers, texts, arrays and tensors, makes an object
that was changed another encoder, so that old embeddings are not taken for its own.
"""

import hashlib
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from flickrexif.eval.encoders.record import EncoderRecord

ABOUT = ("__module__", "__doc__", "__firstlineno__")  # attributes of a class that do not change what it does


def own_record(obj: Any, name: str = "") -> EncoderRecord:
    """The object's own record if it has one; else a record under `name`, or the name of its class or function."""
    record = getattr(obj, "record", None)
    if isinstance(record, EncoderRecord):
        return record
    kind = obj if isinstance(obj, FunctionType) else type(obj)
    return EncoderRecord(
        name=name or f"module:{kind.__name__}", family="OWN", backend="module", model=kind.__name__, tag=contents(obj)
    )


def contents(obj: Any) -> str:
    """A hash of an object's code and state, the same in every process."""
    digest = hashlib.sha256()
    for part in _parts(obj):
        digest.update(part + b"\0")
    return digest.hexdigest()[:16]


def _parts(obj: Any) -> Iterator[bytes]:
    if isinstance(obj, FunctionType):
        yield from _code(obj.__code__)
        return
    own = [kind for kind in type(obj).__mro__ if kind.__module__.partition(".")[0] not in ("builtins", "torch")]
    for kind in own:
        for name, value in sorted(vars(kind).items()):
            yield from _value(name, getattr(value, "__func__", value))
    state = {**getattr(obj, "__dict__", {}), **(obj.state_dict() if hasattr(obj, "state_dict") else {})}
    for name, value in sorted(state.items()):
        yield from _value(name, value)


def _code(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        yield from _value("", constant)


def _value(name: str, value: Any) -> Iterator[bytes]:
    """What a value adds to the hash; nothing for types that have no stable contents, such as a file."""
    if isinstance(value, str | bytes | int | float | complex | None):
        yield b"" if name in ABOUT else f"{name}={value!r}".encode()
    elif isinstance(value, FunctionType):
        yield from _value(name, value.__code__)
    elif isinstance(value, CodeType):
        yield name.encode()
        yield from _code(value)
    elif isinstance(value, frozenset | set):  # its order differs between processes
        yield f"{name}={sorted(map(repr, value))}".encode()
    elif isinstance(value, Mapping | tuple | list):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in pairs:
            yield from _value(f"{name}.{key}", item)
    elif hasattr(value, "detach") or hasattr(value, "tobytes"):
        array = value.detach().cpu().float().numpy() if hasattr(value, "detach") else value
        yield name.encode()
        yield array.tobytes()
