"""Every signal in turn, from wherever one was."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Deque, Dict, Iterable, Iterator, List, Optional

from . import frames
from .frames import Names

#: Fields that are numbers, whole numbers, true or false, and JSON; all others are texts.
_REALS = (
    "price",
    "confidence",
    "composite_confidence",
    "correlation_strength",
    "priority",
    "calibrated_confidence",
    "win_rate",
    "market_correlation",
    "independent_signals",
)
_INTS = ("bar_ts", "event_ts", "published_ms", "win_rate_n", "calibration_n")
_FLAGS = ("calibrated", "selected", "liquid", "stale", "concentrated")
_JSON = ("supporting", "opposing", "factors")


@dataclass
class Signal:
    """A signal; times are Unix ms."""

    id: str
    signal_id: str
    symbol: str
    timeframe: str
    trading_style: str
    strategy: str
    kind: str
    side: str
    price: float
    confidence: float
    composite_confidence: float
    correlation_strength: float
    priority: float
    bar_ts: int
    event_ts: int
    source_id: str
    supporting: List[Any] = field(default_factory=list)
    opposing: List[Any] = field(default_factory=list)
    factors: Dict[str, Any] = field(default_factory=dict)
    #: Whatever else the entry has: ``win_rate``, ``win_rate_n``, ``calibrated_confidence``, ``selected``, ``stale`` …
    more: Dict[str, Any] = field(default_factory=dict)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


def parse(entry_id: Any, fields: Dict[Any, Any]) -> Signal:
    """A signal out of an entry with fields, or with one field of JSON."""
    packed = fields.get(b"signal") or fields.get("signal")
    if packed is not None:
        return _signal(_text(entry_id), json.loads(packed))
    values: Dict[str, Any] = {}
    for name, value in ((_text(name), _text(value)) for name, value in fields.items()):
        if name in _REALS:
            values[name] = float(value)
        elif name in _INTS:
            values[name] = int(value)
        elif name in _FLAGS:
            values[name] = value == "true"
        elif name in _JSON:
            values[name] = json.loads(value)
        else:
            values[name] = value
    return _signal(_text(entry_id), values)


def _signal(one_id: str, values: Dict[str, Any]) -> Signal:
    names = Signal.__dataclass_fields__
    # Flags are JSON in some forms and texts in others.
    values.update({name: values[name] in (True, "true") for name in _FLAGS if name in values})
    known = {name: value for name, value in values.items() if name in names}
    more = {name: value for name, value in values.items() if name not in names}
    return Signal(id=one_id, more=more, **known)


class Signals:
    """An iterator over the stream of signals, from one on, and on and on.

    It reads every form that ``output.signals_format`` has. ``last_id`` is the signal that was given last: keep it, and give
    it to the next one, which goes on behind it. ``"$"`` begins with what comes from now on, ``"0"`` with the oldest that there
    is. An engine writes each signal once, whatever happens to it; whoever keeps ``last_id`` reads each once.

    The id of a signal is that of its entry; where an entry is a frame of many, its place follows: ``"1751985060123-0:3"``.
    """

    def __init__(
        self,
        client: Any,
        last_id: str = "$",
        stream: str = "signals",
        symbols: Optional[Iterable[str]] = None,
        block_ms: int = 1_000,
        count: int = 100,
    ) -> None:
        # Frames are bytes, which a client that decodes replies would spoil.
        self.client, self.stream = _binary(client), stream
        self.symbols = set(symbols) if symbols is not None else None
        self.block_ms, self.count = block_ms, count
        self._names = Names(self.client)
        self._waiting: Deque[Signal] = deque()
        if last_id == "$":
            newest = self.client.xrevrange(stream, count=1)
            last_id = _text(newest[0][0]) if newest else "0"
        self.last_id = last_id
        # The last entry that was read; the rest of a frame that was left in the middle waits.
        self._entry, _, place = last_id.partition(":")
        if place:
            for entry_id, fields in self.client.xrange(stream, self._entry, self._entry):
                self._take(list(self._unpack(entry_id, fields))[int(place) + 1 :])

    def _unpack(self, entry_id: Any, fields: Dict[Any, Any]) -> Iterator[Signal]:
        frame = fields.get(b"frame")
        if frame is None:
            yield parse(entry_id, fields)
            return
        for place, values in enumerate(frames.signals_of(frame, _text(fields[b"names"]), self._names)):
            yield _signal(f"{_text(entry_id)}:{place}", values)

    def _take(self, found: Iterable[Signal]) -> None:
        self._waiting.extend(one for one in found if self.symbols is None or one.symbol in self.symbols)

    def _fetch(self, wait: Optional[int]) -> bool:
        """Reads on; whether there was anything."""
        found = self.client.xread({self.stream: self._entry}, count=self.count, block=wait or None)
        entries = (found[0][1] if isinstance(found, list) else next(iter(found.values()))[0]) if found else []
        for entry_id, fields in entries:
            self._take(self._unpack(entry_id, fields))
            self._entry = _text(entry_id)
        return bool(entries)

    def read(self, block_ms: Optional[int] = None) -> List[Signal]:
        """The next signals; none where none came in time. ``block_ms`` 0 does not wait."""
        if not self._waiting:
            self._fetch(self.block_ms if block_ms is None else block_ms)
        read = list(self._waiting)
        self._waiting.clear()
        # Behind all of it, also what other symbols have.
        self.last_id = self._entry
        return read

    def __iter__(self) -> Iterator[Signal]:
        return self

    def __next__(self) -> Signal:
        while not self._waiting:
            if self._fetch(self.block_ms) and not self._waiting:
                self.last_id = self._entry
        one = self._waiting.popleft()
        self.last_id = one.id
        return one


def _binary(client: Any) -> Any:
    """The client, or another with its connection that does not decode replies."""
    options = client.connection_pool.connection_kwargs
    if not options.get("decode_responses"):
        return client
    pool = client.connection_pool
    plain = type(pool)(connection_class=pool.connection_class, **{**options, "decode_responses": False})
    return type(client)(connection_pool=plain)


def signals(client: Any, last_id: str = "$", **options: Any) -> Signals:
    """See :class:`Signals`."""
    return Signals(client, last_id, **options)


def to_frame(found: Iterable[Signal]) -> Any:
    """Signals as a frame of pandas, which must be installed: a row each, by the end of the bar."""
    import pandas  # only here: optional

    rows = [{**one.__dict__, **one.more} for one in found]
    frame = pandas.DataFrame(rows).drop(columns=["more"], errors="ignore")
    if len(frame):
        frame.index = pandas.to_datetime(frame["event_ts"], unit="ms", utc=True)
    return frame
