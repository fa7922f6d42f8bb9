"""The newest results of a symbol."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List, Optional

from . import wire

#: What stands before all keys of the engine, unless its configuration says otherwise.
PREFIX = "wagehood:"


def get_latest_results(client: Any, symbol: str, prefix: str = PREFIX) -> Optional[Dict[str, Any]]:
    """The newest results of a symbol, in whichever form the engine writes them.

    The map has the indicators of the shortest timeframe (``sma_50``, ``rsi_14``, ``macd`` …) and ``signals`` by strategy;
    without ``output.compat`` also ``timeframes`` with the indicators of each. ``None`` where there is nothing: the symbol
    is not calculated, or has had no bar for a while.
    """
    return _value(client, f"{prefix}calculations:{symbol}_complete", f"{prefix}latest:{symbol}", "complete")


def _value(client: Any, key: str, latest: str, field: str) -> Optional[Any]:
    """A value that has a key of its own, or stands in the hash of its symbol (``output.latest_format``)."""
    found = wire.read(client, key)
    if found is None:
        text = client.hget(latest, field)
        found = None if text is None else json.loads(text)
    return found


class Results:
    """The newest values of symbols."""

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        self.client, self.prefix = client, prefix

    def get_latest_results(self, symbol: str) -> Optional[Dict[str, Any]]:
        """See :func:`get_latest_results`."""
        return get_latest_results(self.client, symbol, self.prefix)

    def get_timeframe_indicators(self, symbol: str, timeframe: str) -> Optional[Dict[str, Any]]:
        """The indicators of a timeframe, those that are ready."""
        return self._value(f"timeframe_indicators:{symbol}_{timeframe}", symbol, timeframe)

    def get_composite_signal(self, symbol: str) -> Optional[Dict[str, Any]]:
        """What the active signals of a symbol say together."""
        return self._value(f"composite_signals:{symbol}_composite_signal", symbol, "composite")

    def get_latest_price(self, symbol: str) -> Optional[Dict[str, Any]]:
        """The newest bar."""
        return self._value(f"market_data:latest_price_{symbol}", symbol, "price")

    def get_many(self, symbols: Iterable[str]) -> Dict[str, Optional[Dict[str, Any]]]:
        """The newest results of many symbols, in one request."""
        names: List[str] = list(symbols)
        pipe = self.client.pipeline(transaction=False)
        for name in names:
            pipe.get(f"{self.prefix}calculations:{name}_complete")
            pipe.hget(f"{self.prefix}latest:{name}", "complete")
        found = pipe.execute()
        read = [
            wire.decode(wire._bytes(key))[1] if key is not None else None if text is None else json.loads(text)
            for key, text in zip(found[::2], found[1::2])
        ]
        return dict(zip(names, read))

    def _value(self, key: str, symbol: str, field: str) -> Optional[Any]:
        return _value(self.client, self.prefix + key, f"{self.prefix}latest:{symbol}", field)
