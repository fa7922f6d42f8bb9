"""Strategies of the existing system, run beside the engine as they are.

A :class:`StrategyRunner` feeds bars to ``TradingStrategy`` objects, asks each for its signals on every new bar, and writes them
to the stream ``external_signals``. An engine that declares their names correlates, follows and publishes them like those of
its own strategies::

    [input]
    external_signals = "external_signals"
    [[strategies.external]]
    name = "my_strategy"

    runner = StrategyRunner(redis.Redis(), {"my_strategy": MyStrategy()}, {"market_data_stream": "1m"})
    runner.run()

or, from a shell::

    python -m wagehood_engine.runner --strategy my_strategy=package.module:MyStrategy --stream market_data_stream=1m
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Deque, Dict, Iterable, List, Mapping, Optional, Tuple

try:
    import numpy
except ImportError:  # optional: without it, arrays are lists
    numpy = None  # type: ignore[assignment]

_LOG = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1)
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "M": 2_592_000_000}
#: What the entries of a stream of bars must have.
_PRICES = ("open", "high", "low", "close", "volume")


class Timeframe(str):
    """A timeframe by its name, which is its ``value`` too."""

    @property
    def value(self) -> str:
        """Its name."""
        return str(self)

    @property
    def interval_ms(self) -> int:
        """Its length, ms; of months 30 days each."""
        return int(self[:-1]) * _UNITS_MS[self[-1]]


@dataclass
class Bar:
    """A closed bar; its time is its begin, UTC without a zone."""

    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass
class MarketData:
    """The bars of a symbol and timeframe, oldest first, as strategies of the existing system take them."""

    symbol: str
    timeframe: Timeframe
    data: List[Bar]
    indicators: Dict[str, Any] = field(default_factory=dict)
    last_updated: Optional[datetime] = None

    def to_arrays(self) -> Dict[str, Any]:
        """By name the values of all bars: arrays of numpy where it is installed, else lists."""
        names = ("timestamp",) + _PRICES
        columns: Dict[str, Any] = {name: [getattr(bar, name) for bar in self.data] for name in names}
        if numpy is not None:
            kinds = {name: float for name in _PRICES}
            columns = {name: numpy.array(own, dtype=kinds.get(name, object)) for name, own in columns.items()}
        return columns

    def get(self, name: str, default: Any = None) -> Any:
        """A value by its name, as of a map."""
        return getattr(self, name, default)


@dataclass
class Counts:
    """What a runner has done so far."""

    bars: int = 0
    #: Signals written.
    written: int = 0
    #: Signals that point neither to buy nor to sell.
    neither: int = 0
    #: Strategies that failed on a bar.
    failed: int = 0
    #: Entries that are no bars, such as frames.
    unread: int = 0


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _moment(value: Any) -> Optional[int]:
    """A time in Unix ms: of a datetime, of Unix seconds or ms, or of ISO 8601; without a zone it is UTC."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if numpy is not None and isinstance(value, numpy.datetime64):
        return int(value.astype("datetime64[ms]").astype("int64"))
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
        return round((value - _EPOCH) / timedelta(milliseconds=1))
    text = str(value)
    try:
        number = float(text)
    except ValueError:
        try:
            return _moment(datetime.fromisoformat(text.replace("Z", "+00:00")))
        except ValueError:
            return None
    # Seconds, ms, µs or ns, by their size.
    scale = next((scale for limit, scale in ((1e11, 1e3), (1e14, 1.0), (1e17, 1e-3)) if abs(number) < limit), 1e-6)
    return round(number * scale)


def _of(signal: Any, name: str) -> Any:
    """A value of a signal, which is an object or a map."""
    return signal.get(name) if isinstance(signal, Mapping) else getattr(signal, name, None)


def _side(signal: Any) -> str:
    kind = _of(signal, "signal_type")
    return str(getattr(kind, "value", kind)).lower()


def own_indicators(strategy: Any, data: MarketData) -> Dict[str, Any]:
    """What a strategy calculates itself with the method of its base class; nothing where it has none."""
    calculate = getattr(strategy, "_calculate_indicators", None)
    return calculate(data) if calculate is not None else {}


class StrategyRunner:
    """Feeds bars to strategies, and writes what they say.

    ``strategies`` are the objects by the names that the engine's configuration declares, ``streams`` the timeframes of the
    streams of bars: an input stream of the engine, or one that it writes, such as ``market_data_5m``. ``factors`` are the names
    in a signal's metadata whose numbers go with it, as declared. ``last_ids`` are the entries that were read last, by stream:
    keep them, and give them to the next runner. A stream without one is read from now on, and what it holds warms the
    windows. The engine takes a signal of a strategy on a bar once, so that reading some twice does no harm.
    """

    def __init__(
        self,
        client: Any,
        strategies: Mapping[str, Any],
        streams: Mapping[str, str],
        into: str = "external_signals",
        window: int = 500,
        factors: Iterable[str] = (),
        indicators: Callable[[Any, MarketData], Dict[str, Any]] = own_indicators,
        last_ids: Optional[Mapping[str, str]] = None,
        maxlen: int = 10_000,
    ) -> None:
        self.client, self.strategies, self.into = client, dict(strategies), into
        self.streams = {name: Timeframe(timeframe) for name, timeframe in streams.items()}
        self.window, self.factors, self.indicators, self.maxlen = window, tuple(factors), indicators, maxlen
        self.counts = Counts()
        self._windows: Dict[Tuple[str, str], Deque[Bar]] = {}
        self._forming: Dict[Tuple[str, str], Bar] = {}
        self.last_ids = dict(last_ids or {})
        for stream in self.streams:
            self._warm(stream)

    def _warm(self, stream: str) -> None:
        """Fills the windows with what a stream holds, up to the entry that was read last."""
        last = self.last_ids.get(stream, "+")
        held = self.client.xrevrange(stream, last, "-", count=self.maxlen)
        for entry_id, entry in reversed(held):
            for key, bar in self._bars(stream, entry_id, entry):
                self._push(key, bar)
        if last == "+":
            self.last_ids[stream] = _text(held[0][0]) if held else "0-0"

    def _bars(self, stream: str, entry_id: Any, entry: Mapping[Any, Any]) -> List[Tuple[Tuple[str, str], Bar]]:
        """The bars that an entry ends, in order. A record that comes before its bar is over waits for the next one."""
        timeframe = self.streams[stream]
        fields = {_text(name): value for name, value in entry.items()}
        try:
            symbol, moment = _text(fields["symbol"]), _moment(_text(fields["timestamp"]))
            values = [float(fields[name]) for name in _PRICES]
        except (KeyError, ValueError):
            self.counts.unread += "heartbeat" not in fields
            return []
        if moment is None:
            self.counts.unread += 1
            return []
        key = (symbol, str(timeframe))
        bar = Bar(_EPOCH + timedelta(milliseconds=moment), *values)
        ready: List[Tuple[Tuple[str, str], Bar]] = []
        waiting = self._forming.pop(key, None)
        if waiting is not None and waiting.timestamp < bar.timestamp:
            ready.append((key, waiting))
        skew_ms = min(1_000, timeframe.interval_ms // 10)
        if int(_text(entry_id).split("-")[0]) < moment + timeframe.interval_ms - skew_ms:
            self._forming[key] = bar
        else:
            ready.append((key, bar))
        return ready

    def _push(self, key: Tuple[str, str], bar: Bar) -> bool:
        """Adds a bar to its window; false for one that is not newer than the newest."""
        window = self._windows.setdefault(key, deque(maxlen=self.window))
        if window and bar.timestamp <= window[-1].timestamp:
            return False
        window.append(bar)
        return True

    def _said(self, key: Tuple[str, str]) -> List[Dict[str, str]]:
        """What the strategies say of the newest bar of a window."""
        bars, found = list(self._windows[key]), []
        newest = bars[-1].timestamp
        bar_ts = _moment(newest)
        for name, strategy in self.strategies.items():
            data = MarketData(key[0], Timeframe(key[1]), list(bars), {}, newest)
            try:
                data.indicators = self.indicators(strategy, data)
                signals = strategy.generate_signals(data, data.indicators) or []
                own = [signal for signal in signals if _moment(_of(signal, "timestamp")) == bar_ts]
                sides = [signal for signal in own if _side(signal) in ("buy", "sell")]
                self.counts.neither += len(own) - len(sides)
                if sides:
                    best = max(sides, key=lambda signal: float(_of(signal, "confidence")))
                    found.append(self._entry(name, key, best, bar_ts))
            except Exception:  # a strategy that fails must not take the others with it
                self.counts.failed += 1
                _LOG.exception("%s failed on %s %s at %s", name, key[0], key[1], newest)
        return found

    def _entry(self, name: str, key: Tuple[str, str], signal: Any, bar_ts: Optional[int]) -> Dict[str, str]:
        metadata = _of(signal, "metadata") or {}
        factors = {own: float(metadata[own]) for own in self.factors if own in metadata}
        return {
            "symbol": key[0],
            "timeframe": key[1],
            "bar_ts": str(bar_ts),
            "strategy": name,
            "side": _side(signal),
            "confidence": repr(float(_of(signal, "confidence"))),
            "factors": json.dumps(factors, separators=(",", ":")),
        }

    def step(self, block_ms: int = 1_000, count: int = 100) -> int:
        """Reads what comes next and writes what the strategies say of it; the number of signals written."""
        found = self.client.xread({name: self.last_ids[name] for name in self.streams}, count=count, block=block_ms or None)
        if isinstance(found, dict):
            found = [(name, entries[0]) for name, entries in found.items()]
        written = 0
        for stream, entries in found or []:
            stream = _text(stream)
            for entry_id, entry in entries:
                for key, bar in self._bars(stream, entry_id, entry):
                    if not self._push(key, bar):
                        continue
                    self.counts.bars += 1
                    for said in self._said(key):
                        self.client.xadd(self.into, said, maxlen=self.maxlen, approximate=True)
                        written += 1
                self.last_ids[stream] = _text(entry_id)
        self.counts.written += written
        return written

    def run(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Goes on and on, as long as ``goes_on`` says so."""
        while goes_on():
            self.step()


def _pair(text: str) -> Tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE")
    return name, value


def _made(path: str) -> Any:
    """An object of the class that ``package.module:Class`` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)()


def main(arguments: Optional[List[str]] = None) -> None:
    """Runs strategies from the command line."""
    import redis

    parser = argparse.ArgumentParser(prog="python -m wagehood_engine.runner", description=__doc__.splitlines()[0])
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", help="URL of the server")
    parser.add_argument("--strategy", action="append", required=True, type=_pair, metavar="NAME=MODULE:CLASS")
    parser.add_argument("--stream", action="append", required=True, type=_pair, metavar="STREAM=TIMEFRAME")
    parser.add_argument("--factor", action="append", default=[], help="name in the metadata that goes with a signal")
    parser.add_argument("--into", default="external_signals", help="stream that the signals go to")
    parser.add_argument("--window", type=int, default=500, help="bars that a strategy sees")
    given = parser.parse_args(arguments)
    strategies = {name: _made(path) for name, path in given.strategy}
    client = redis.Redis.from_url(given.redis)
    runner = StrategyRunner(client, strategies, dict(given.stream), given.into, given.window, given.factor)
    _LOG.info("reads %s for %s", ", ".join(runner.streams), ", ".join(strategies))
    runner.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
