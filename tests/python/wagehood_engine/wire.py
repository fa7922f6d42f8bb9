"""The forms of values in Redis: JSON, packed or not, and pickles of which nothing but data is taken."""

from __future__ import annotations

import gzip
import io
import json
import pickle
from typing import Any, Optional, Tuple

#: Longest value that is unpacked, bytes.
MAX_BYTES = 64 << 20
_PICKLES = (("PICKLE_GZIP:", True), ("PICKLE:", False), ("GZIP:", True), ("RAW:", False))


class WireError(ValueError):
    """A value that is in no known form, or holds more than data."""


class _Data(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise WireError(f"a pickle that asks for {module}.{name}; only data is taken")

    def persistent_load(self, pid: Any) -> Any:
        raise WireError("a pickle with a persistent id; only data is taken")


def _unpack(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        out = packed.read(MAX_BYTES + 1)
    if len(out) > MAX_BYTES:
        raise WireError(f"a value of more than {MAX_BYTES} bytes")
    return out


def decode(data: bytes) -> Tuple[str, Any]:
    """The form of a value and what it holds; the form goes back into :func:`encode`."""
    if data.startswith(b"JSON_GZIP:"):
        return "JSON_GZIP:", json.loads(_unpack(data[10:]))
    if data.startswith(b"JSON:"):
        return "JSON:", json.loads(data[5:])
    for prefix, packed in _PICKLES:
        if data.startswith(prefix.encode()):
            body = data[len(prefix) :]
            body = _unpack(body) if packed else body
            return prefix, _Data(io.BytesIO(body)).load()
    if data.startswith(b"\x1f\x8b"):
        return "gzip", json.loads(_unpack(data))
    try:
        return "", json.loads(data)
    except ValueError as error:
        raise WireError("a value in no known form") from error


def encode(form: str, value: Any) -> bytes:
    """A value in a form of :func:`decode`."""
    text = json.dumps(value, separators=(",", ":")).encode()
    if form == "JSON_GZIP:":
        return b"JSON_GZIP:" + gzip.compress(text)
    if form == "gzip":
        return gzip.compress(text)
    for prefix, packed in _PICKLES:
        if form == prefix:
            body = pickle.dumps(value, 5)
            return prefix.encode() + (gzip.compress(body) if packed else body)
    return form.encode() + text


def read(client: Any, key: str) -> Optional[Any]:
    """The value of a key; ``None`` where there is none."""
    data = client.get(key)
    return None if data is None else decode(_bytes(data))[1]


def _bytes(data: Any) -> bytes:
    """What a client with ``decode_responses=True`` gives is text."""
    return data.encode() if isinstance(data, str) else data
