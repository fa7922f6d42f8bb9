"""The newest results of a symbol."""

from __future__ import annotations

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
    return wire.read(client, f"{prefix}calculations:{symbol}_complete")


class Results:
    """The newest values of symbols."""

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        self.client, self.prefix = client, prefix

    def get_latest_results(self, symbol: str) -> Optional[Dict[str, Any]]:
        """See :func:`get_latest_results`."""
        return get_latest_results(self.client, symbol, self.prefix)

    def get_timeframe_indicators(self, symbol: str, timeframe: str) -> Optional[Dict[str, Any]]:
        """The indicators of a timeframe, those that are ready."""
        return wire.read(self.client, f"{self.prefix}timeframe_indicators:{symbol}_{timeframe}")

    def get_composite_signal(self, symbol: str) -> Optional[Dict[str, Any]]:
        """What the active signals of a symbol say together."""
        return wire.read(self.client, f"{self.prefix}composite_signals:{symbol}_composite_signal")

    def get_latest_price(self, symbol: str) -> Optional[Dict[str, Any]]:
        """The newest bar."""
        return wire.read(self.client, f"{self.prefix}market_data:latest_price_{symbol}")

    def get_many(self, symbols: Iterable[str]) -> Dict[str, Optional[Dict[str, Any]]]:
        """The newest results of many symbols, in one request."""
        names: List[str] = list(symbols)
        values = self.client.mget([f"{self.prefix}calculations:{name}_complete" for name in names]) if names else []
        read = [None if value is None else wire.decode(wire._bytes(value))[1] for value in values]
        return dict(zip(names, read))
