"""Frames of signals: binary records of fixed length, with their names in a hash."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

_HEADER = struct.Struct("<HHIQII")
_RECORD = struct.Struct("<IHHHHHHqqQQqddddd5dddddIIIHH")
_PEER = struct.Struct("<qdHHHh")
_VERSION = 0x5301
_NO_FILE = 0xFFFFFFFF
#: The bits of ``flags``.
STALE, HAS_N, HAS_CALIBRATED, CALIBRATED, HAS_SELECTED, SELECTED, LIQUID, INCOMPLETE, PEERS_INCOMPLETE, CONCENTRATED = (
    1 << bit for bit in range(10)
)


class FrameError(ValueError):
    """A frame that is damaged, or whose names are gone."""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


class Names:
    """What the numbers in frames mean: a list of names for each hash of them, read again where a frame needs more."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._known: Dict[str, Tuple[List[str], List[int]]] = {}

    def of(self, key: str, needed: int, crc: int) -> List[str]:
        """The names of a hash, of which a frame needs so many, with this checksum."""
        for fresh in (False, True):
            if fresh:
                self._known[key] = self._read(key)
            names, sums = self._known.get(key, ([], [0]))
            if needed < len(sums) and sums[needed] == crc:
                return names
        raise FrameError(f"{key} has not the names that a frame was written with: it was deleted meanwhile")

    def _read(self, key: str) -> Tuple[List[str], List[int]]:
        fields = {_text(number): _text(name) for number, name in self.client.hgetall(key).items()}
        names: List[str] = []
        sums = [0]
        while str(len(names)) in fields:
            names.append(fields[str(len(names))])
            sums.append(zlib.crc32(names[-1].encode() + b"\n", sums[-1]))
        return names, sums

    def layout(self, key: str, record_bytes: int) -> Dict[str, Any]:
        """The description of records of this length, for numpy."""
        text = self.client.hget(key, f"record:{record_bytes}")
        if text is None:
            raise FrameError(f"{key} has no description of records of {record_bytes} bytes")
        return json.loads(text)


def _open(frame: bytes) -> Tuple[int, int, int]:
    """Checks a frame: number of its records, how many names it needs, and their checksum."""
    if len(frame) < _HEADER.size:
        raise FrameError("a frame that is shorter than its header")
    version, count, needed, _, names_crc, crc = _HEADER.unpack_from(frame)
    if version != _VERSION:
        raise FrameError(f"a frame of version {version:#06x}, which this client does not know")
    if zlib.crc32(memoryview(frame)[_HEADER.size :], zlib.crc32(frame[:20])) != crc:
        raise FrameError("a frame whose checksum is wrong")
    body = len(frame) - _HEADER.size
    if not count or body % (64 * count) or body // count < _RECORD.size:
        raise FrameError("a frame whose length is wrong")
    return count, needed, names_crc


def _peers(record: memoryview, place: int, count: int, word: Any) -> List[Dict[str, Any]]:
    peers = []
    for k in range(place, place + count):
        bar_ts, confidence, timeframe, strategy, kind, _ = _PEER.unpack_from(record, _RECORD.size + k * _PEER.size)
        names = {"timeframe": word(timeframe), "strategy": word(strategy), "kind": word(kind)}
        peers.append({**names, "confidence": confidence, "bar_ts": bar_ts})
    return peers


def _signal(record: memoryview, names: List[str]) -> Dict[str, Any]:
    (symbol, timeframe, style, strategy, kind, side, flags, bar_ts, event_ts, source_ms, source_seq, published_ms, *rest) = (
        _RECORD.unpack_from(record)
    )
    price, confidence, composite, correlation, priority = rest[:5]
    factors, (win_rate, calibrated, market, independent, n, learned, source_file, supporting, opposing) = rest[5:10], rest[10:]
    kind_name, *factor_names = names[kind].split(" ")
    found: Dict[str, Any] = {
        "signal_id": f"{names[symbol]}:{names[timeframe]}:{names[strategy]}:{bar_ts}",
        "symbol": names[symbol],
        "timeframe": names[timeframe],
        "trading_style": names[style],
        "strategy": names[strategy],
        "kind": kind_name,
        "side": names[side],
        "price": price,
        "confidence": confidence,
        "composite_confidence": composite,
        "correlation_strength": correlation,
        "priority": priority,
        "bar_ts": bar_ts,
        "event_ts": event_ts,
        "source_id": f"{source_ms}-{source_seq}" if source_file == _NO_FILE else f"{names[source_file]}:{source_ms}",
        "supporting": _peers(record, 0, supporting, lambda number: names[number].split(" ")[0]),
        "opposing": _peers(record, supporting, opposing, lambda number: names[number].split(" ")[0]),
        # JSON has no NaN: none here either.
        "factors": {name: value if value == value else None for name, value in zip(factor_names, factors)},
    }
    if flags & HAS_N:
        if n:
            found["win_rate"] = win_rate
        found["win_rate_n"] = n
    if flags & HAS_CALIBRATED:
        more = {"calibrated_confidence": calibrated, "calibration_n": learned, "calibrated": bool(flags & CALIBRATED)}
        found.update(more)
    if flags & HAS_SELECTED:
        found.update(selected=bool(flags & SELECTED), liquid=bool(flags & LIQUID))
    crossed = {"market_correlation": market, "independent_signals": independent}
    found.update({name: value for name, value in crossed.items() if value == value})
    if flags & CONCENTRATED:
        found["concentrated"] = True
    if flags & (INCOMPLETE | PEERS_INCOMPLETE):
        found["history"] = "incomplete" if flags & INCOMPLETE else "peers_incomplete"
    if flags & STALE:
        found["stale"] = True
    found["published_ms"] = published_ms
    return found


def signals_of(frame: bytes, key: str, names: Names) -> Iterator[Dict[str, Any]]:
    """The signals of a frame, each as its fields by name."""
    count, needed, crc = _open(frame)
    known = names.of(key, needed, crc)
    length = (len(frame) - _HEADER.size) // count
    view = memoryview(frame)
    return (_signal(view[_HEADER.size + k * length :][:length], known) for k in range(count))


def to_numpy(frames: Iterable[bytes], key: str, names: Names) -> Tuple[Any, Optional[Any]]:
    """Frames as one array of records, and the names as an array to look numbers up in: ``names[records["symbol"]]``.

    All frames must have records of one length; numpy must be installed.
    """
    import numpy  # only here: optional

    parts, known, dtype = [], None, None
    for frame in frames:
        count, needed, crc = _open(frame)
        known = names.of(key, needed, crc)
        if dtype is None:
            dtype = _dtype(numpy, names.layout(key, (len(frame) - _HEADER.size) // count)["record"])
        if (len(frame) - _HEADER.size) != count * dtype.itemsize:
            raise FrameError("frames with records of different lengths: the timeframes were changed in between")
        parts.append(numpy.frombuffer(frame, dtype, offset=_HEADER.size))
    if dtype is None:
        return numpy.empty(0), None
    return numpy.concatenate(parts), numpy.array(known)


def _dtype(numpy: Any, fields: List[List[Any]]) -> Any:
    """A description as numpy takes it: lists of the hash become pairs and triples."""
    made = []
    for name, kind, *shape in fields:
        kind = _dtype(numpy, kind) if isinstance(kind, list) else kind
        made.append((name, kind, *(tuple(one) for one in shape)))
    return numpy.dtype(made)
