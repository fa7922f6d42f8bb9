"""Every signal in turn, from wherever one was."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Optional

#: Fields that are numbers, whole numbers, true or false, and JSON; all others are texts.
_REALS = (
    "price",
    "confidence",
    "composite_confidence",
    "correlation_strength",
    "priority",
    "calibrated_confidence",
    "win_rate",
)
_INTS = ("bar_ts", "event_ts", "published_ms", "n", "calibration_n")
_FLAGS = ("calibrated", "selected", "liquid", "stale")
_JSON = ("supporting", "opposing", "factors")


@dataclass
class Signal:
    """One entry of the stream of signals; times are Unix ms."""

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
    #: Whatever else the entry has: ``n``, ``win_rate``, ``calibrated_confidence``, ``selected``, ``stale`` …
    more: Dict[str, Any] = field(default_factory=dict)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


def parse(entry_id: Any, fields: Dict[Any, Any]) -> Signal:
    """A signal out of an entry of the stream."""
    known: Dict[str, Any] = {"id": _text(entry_id)}
    more: Dict[str, Any] = {}
    names = Signal.__dataclass_fields__
    for name, value in ((_text(name), _text(value)) for name, value in fields.items()):
        if name in _REALS:
            value = float(value)
        elif name in _INTS:
            value = int(value)
        elif name in _FLAGS:
            value = value == "true"
        elif name in _JSON:
            value = json.loads(value)
        (known if name in names else more)[name] = value
    return Signal(more=more, **known)


class Signals:
    """An iterator over the stream of signals, from an entry on, and on and on.

    ``last_id`` is the entry that was read last: keep it, and give it to the next one, which goes on behind it. ``"$"`` begins
    with what comes from now on, ``"0"`` with the oldest entry that there is. An engine writes each signal once, whatever
    happens to it; whoever keeps ``last_id`` reads each once.
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
        self.client, self.stream, self.last_id = client, stream, last_id
        self.symbols = set(symbols) if symbols is not None else None
        self.block_ms, self.count = block_ms, count
        self._waiting: List[Signal] = []
        if last_id == "$":
            newest = client.xrevrange(stream, count=1)
            self.last_id = _text(newest[0][0]) if newest else "0"

    def read(self, block_ms: Optional[int] = None) -> List[Signal]:
        """The next signals; none where none came in time. ``block_ms`` 0 does not wait."""
        wait = self.block_ms if block_ms is None else block_ms
        found = self.client.xread({self.stream: self.last_id}, count=self.count, block=wait or None)
        entries = (found[0][1] if isinstance(found, list) else next(iter(found.values()))[0]) if found else []
        if entries:
            self.last_id = _text(entries[-1][0])
        read = [parse(entry_id, fields) for entry_id, fields in entries]
        return [one for one in read if self.symbols is None or one.symbol in self.symbols]

    def __iter__(self) -> Iterator[Signal]:
        return self

    def __next__(self) -> Signal:
        while not self._waiting:
            self._waiting = self.read()
        return self._waiting.pop(0)


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
