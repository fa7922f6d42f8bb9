"""The engine's configuration in Redis, by the method names of the existing system.

Documents are written back in the form in which they were found, without a lifetime, and only where nobody else has changed
them meanwhile. A running engine takes a change within ``redis.config_poll_s``; one that does not hold it refuses, and says why
in its log and on the alert stream.
"""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar

from redis.exceptions import WatchError

from . import wire

T = TypeVar("T")

#: What stands before the names of the documents, unless the engine's configuration says otherwise.
PREFIX = "wagehood:realtime_config:"
_ATTEMPTS = 16


class ConfigError(RuntimeError):
    """A document that cannot be read or written."""


class TradingProfile(Enum):
    """A trading style."""

    DAY_TRADING = "day_trading"
    SWING_TRADING = "swing_trading"
    POSITION_TRADING = "position_trading"

    @classmethod
    def _missing_(cls, value: object) -> Optional["TradingProfile"]:
        """The engine's own names are read too: ``swing`` is ``swing_trading``."""
        return next((one for one in cls if one.value == f"{value}_trading"), None)


@dataclass
class TimeframeConfig:
    """A timeframe of a trading profile."""

    timeframe: str
    update_interval_seconds: int
    lookback_periods: int
    min_data_points: int = 200
    priority: int = 1


@dataclass
class StrategyTimeframeMatrix:
    """On which timeframes a strategy runs."""

    strategy_name: str
    supported_timeframes: List[str]
    optimal_timeframe: str = ""
    trading_profile: TradingProfile = TradingProfile.SWING_TRADING
    min_bars_required: int = 200


@dataclass
class SymbolStrategyConfig:
    """The strategies of one symbol."""

    symbol: str
    enabled_strategies: List[str]
    strategy_overrides: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    trading_profile: Optional[TradingProfile] = None


@dataclass
class IndicatorConfig:
    """A published indicator."""

    name: str
    enabled: bool
    parameters: Dict[str, Any] = field(default_factory=dict)
    update_frequency_seconds: int = 1
    ttl_seconds: int = 300


@dataclass
class StrategyConfig:
    """A strategy. Lists and texts that are ``None`` say nothing, and are not written."""

    name: str
    enabled: bool
    parameters: Dict[str, Any] = field(default_factory=dict)
    required_indicators: List[str] = field(default_factory=list)
    update_frequency_seconds: int = 1
    ttl_seconds: int = 600
    supported_timeframes: Optional[List[str]] = None
    optimal_timeframe: Optional[str] = None
    trading_profile: Optional[TradingProfile] = None
    timeframe_parameters: Dict[str, Dict[str, Any]] = field(default_factory=dict)


@dataclass
class AssetConfig:
    """A symbol of the watchlist. What is ``None`` says nothing, and is not written."""

    symbol: str
    enabled: bool = True
    data_provider: str = ""
    #: A list of names, or a map of names to settings.
    timeframes: Any = None
    priority: float = 1
    asset_type: str = "stock"
    last_updated: Optional[str] = None
    enabled_strategies: Optional[List[str]] = None
    trading_profile: Optional[TradingProfile] = None
    strategy_overrides: Optional[Dict[str, Dict[str, Any]]] = None


@dataclass
class SystemConfig:
    """Settings of the whole system; the engine uses ``redis_streams_maxlen`` and ``enable_alerts``."""

    max_concurrent_calculations: int = 100
    batch_calculation_size: int = 10
    data_update_interval_seconds: int = 1
    calculation_workers: int = 4
    redis_streams_maxlen: int = 10000
    enable_monitoring: bool = True
    enable_alerts: bool = True


def _object(kind: Type[T], value: Dict[str, Any]) -> T:
    """An object of a map; what it does not know it leaves where it is."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    taken = {name: own for name, own in value.items() if name in known}
    if isinstance(taken.get("trading_profile"), str):
        taken["trading_profile"] = TradingProfile(taken["trading_profile"])
    return kind(**taken)


def _map(one: Any, before: Dict[str, Any]) -> Dict[str, Any]:
    """A map of an object, over what the document said of it before."""
    own = {name: value.value if isinstance(value, Enum) else value for name, value in asdict(one).items()}
    return {**before, **{name: value for name, value in own.items() if value is not None}}


def _entries(document: Any, by: str, name: str) -> List[Dict[str, Any]]:
    """The entries of a document, which is a list of maps or a map of maps by name; each says its name."""
    if not document:
        return []
    owns = document.values() if isinstance(document, dict) else document
    if not isinstance(document, (dict, list)) or not all(isinstance(own, dict) for own in owns):
        raise ConfigError(f"{name} is neither a list of objects nor an object of objects; mend the document")
    return [{by: key, **own} for key, own in document.items()] if isinstance(document, dict) else document


def _shaped(entries: List[Dict[str, Any]], like: Any, by: str) -> Any:
    """Entries in the shape of the document that they come from: those of a map say their name only where they did."""
    if not isinstance(like, dict):
        return entries
    keys = {own.get(by, key): key for key, own in like.items()}
    after = {}
    for one in entries:
        key = keys.get(one[by], one[by])
        named = by in like.get(key, {})
        after[key] = {name: value for name, value in one.items() if named or name != by}
    return after


class ConfigManager:
    """Reads and changes the documents of the configuration."""

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        self.client, self.prefix = client, prefix

    # ------------------------------------------------------------------------------------------------ documents

    def read(self, name: str) -> Any:
        """What a document says; ``None`` where there is none."""
        return wire.read(self.client, self.prefix + name)

    def update(self, name: str, change: Callable[[Any], Any], empty: Any) -> Any:
        """Changes a document: ``change`` gets what it says, or ``empty``, and gives what it is to say.

        Nothing is written where it gives the same. Where another writer comes in between, it is asked again.
        """
        key = self.prefix + name
        with self.client.pipeline() as pipe:
            for _ in range(_ATTEMPTS):
                try:
                    pipe.watch(key)
                    data = pipe.get(key)
                    form, before = ("JSON:", empty) if data is None else wire.decode(wire._bytes(data))
                    after = change(wire.json.loads(wire.json.dumps(before)))
                    if after == before and data is not None and pipe.ttl(key) == -1:
                        pipe.unwatch()
                        return after
                    pipe.multi()
                    pipe.set(key, wire.encode(form, after))
                    pipe.execute()
                    return after
                except WatchError:
                    continue
        raise ConfigError(f"{key} is written by others all the time; nothing was changed")

    def _list(self, name: str, by: str, kind: Type[T]) -> List[T]:
        return [_object(kind, one) for one in _entries(self.read(name), by, name)]

    def _change(self, name: str, by: str, change: Callable[[List[Dict[str, Any]]], List[Dict[str, Any]]]) -> None:
        """Changes the entries of a document, which keeps its shape."""
        self.update(name, lambda before: _shaped(change(_entries(before, by, name)), before, by), [])

    def _replace(self, name: str, by: str, items: List[Any]) -> bool:
        """Replaces the entries; settings of one that stays, and that an object does not know, stay with it."""

        def change(before: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
            known = {one.get(by): one for one in before}
            return [_map(one, known.get(getattr(one, by), {})) for one in items]

        self._change(name, by, change)
        return True

    # ------------------------------------------------------------------------------------------------ watchlist

    def get_watchlist(self) -> List[AssetConfig]:
        """The symbols, in order."""
        return self._list("watchlist", "symbol", AssetConfig)

    def update_watchlist(self, assets: List[AssetConfig]) -> bool:
        """Replaces the symbols. What the document says of one that stays, and an asset does not know, stays too."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None).isoformat()
        for asset in assets:
            asset.last_updated = asset.last_updated or now
        return self._replace("watchlist", "symbol", assets)

    def get_enabled_symbols(self) -> List[str]:
        """Names of the symbols that are calculated."""
        return [asset.symbol for asset in self.get_watchlist() if asset.enabled]

    def add_symbol(self, symbol: str, **settings: Any) -> bool:
        """Adds a symbol, or enables it and changes its settings where it is there."""
        new = AssetConfig(symbol, **settings)

        def change(before: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
            for one in before:
                if one.get("symbol") == symbol:
                    one.update({name: _map(new, {})[name] for name in settings if name in _map(new, {})})
                    one["enabled"] = settings.get("enabled", True)
                    return before
            return before + [_map(new, {})]

        self._change("watchlist", "symbol", change)
        return True

    def remove_symbol(self, symbol: str) -> bool:
        """Removes a symbol; ``False`` where it is not there."""
        found = symbol in [asset.symbol for asset in self.get_watchlist()]
        self._change("watchlist", "symbol", lambda all: [one for one in all if one.get("symbol") != symbol])
        return found

    def enable_symbol(self, symbol: str, enabled: bool = True) -> bool:
        """Enables or disables a symbol; ``False`` where it is not there."""
        if symbol not in [asset.symbol for asset in self.get_watchlist()]:
            return False
        return self.add_symbol(symbol, enabled=enabled)

    def get_symbol_strategy_configs(self) -> List[SymbolStrategyConfig]:
        """The strategies of each symbol."""
        return [
            SymbolStrategyConfig(
                asset.symbol, asset.enabled_strategies or [], asset.strategy_overrides or {}, asset.trading_profile
            )
            for asset in self.get_watchlist()
        ]

    def update_symbol_strategy_config(self, symbol: str, config: SymbolStrategyConfig) -> bool:
        """Changes the strategies of a symbol; ``False`` where it is not there."""
        if symbol not in [asset.symbol for asset in self.get_watchlist()]:
            return False
        enabled = next(asset.enabled for asset in self.get_watchlist() if asset.symbol == symbol)
        settings: Dict[str, Any] = {
            "enabled_strategies": config.enabled_strategies,
            "strategy_overrides": config.strategy_overrides,
        }
        if config.trading_profile is not None:
            settings["trading_profile"] = config.trading_profile
        return self.add_symbol(symbol, enabled=enabled, **settings)

    # ------------------------------------------------------------------------------------------------ the others

    def get_indicator_configs(self) -> List[IndicatorConfig]:
        """The indicators."""
        return self._list("indicators", "name", IndicatorConfig)

    def update_indicator_configs(self, indicators: List[IndicatorConfig]) -> bool:
        """Replaces the indicators."""
        return self._replace("indicators", "name", indicators)

    def get_enabled_indicators(self) -> List[IndicatorConfig]:
        """The indicators that are published."""
        return [one for one in self.get_indicator_configs() if one.enabled]

    def get_strategy_configs(self) -> List[StrategyConfig]:
        """The strategies."""
        return self._list("strategies", "name", StrategyConfig)

    def update_strategy_configs(self, strategies: List[StrategyConfig]) -> bool:
        """Replaces the strategies."""
        return self._replace("strategies", "name", strategies)

    def get_enabled_strategies(self) -> List[StrategyConfig]:
        """The strategies that run."""
        return [one for one in self.get_strategy_configs() if one.enabled]

    def get_timeframe_configs(self) -> Dict[TradingProfile, List[TimeframeConfig]]:
        """The timeframes of each profile."""
        by, found = "timeframe", self.read("timeframe_configs") or {}
        return {
            TradingProfile(name): [_object(TimeframeConfig, one) for one in _entries(own, by, name)]
            for name, own in found.items()
        }

    def update_timeframe_configs(self, configs: Dict[TradingProfile, List[TimeframeConfig]]) -> bool:
        """Replaces the timeframes of the profiles."""
        by = "timeframe"

        def change(before: Dict[str, Any]) -> Dict[str, Any]:
            names = {TradingProfile(name): name for name in before}
            after = {}
            for profile, own in configs.items():
                name = names.get(profile, profile.value)
                known = {one.get(by): one for one in _entries(before.get(name), by, name)}
                after[name] = _shaped([_map(one, known.get(one.timeframe, {})) for one in own], before.get(name), by)
            return after

        self.update("timeframe_configs", change, {})
        return True

    def get_strategy_matrix(self) -> List[StrategyTimeframeMatrix]:
        """On which timeframes each strategy runs."""
        return self._list("strategy_matrix", "strategy_name", StrategyTimeframeMatrix)

    def update_strategy_matrix(self, matrix: List[StrategyTimeframeMatrix]) -> bool:
        """Replaces that."""
        return self._replace("strategy_matrix", "strategy_name", matrix)

    def get_system_config(self) -> Optional[SystemConfig]:
        """The settings of the whole system; ``None`` where there are none."""
        found = self.read("system")
        return _object(SystemConfig, found) if found else None

    def update_system_config(self, config: SystemConfig) -> bool:
        """Replaces them."""
        self.update("system", lambda before: _map(config, before), {})
        return True

    def get_configuration_summary(self) -> Dict[str, Any]:
        """What there is, in numbers and names."""
        watchlist, system = self.get_watchlist(), self.get_system_config()
        indicators, strategies = self.get_indicator_configs(), self.get_strategy_configs()
        on = [asset.symbol for asset in watchlist if asset.enabled]
        names = {one.name for one in indicators if one.enabled}, {one.name for one in strategies if one.enabled}
        return {
            "watchlist": {"total_symbols": len(watchlist), "enabled_symbols": len(on), "symbols": on},
            "indicators": {
                "total_indicators": len(indicators),
                "enabled_indicators": len(names[0]),
                "indicator_names": sorted(names[0]),
            },
            "strategies": {
                "total_strategies": len(strategies),
                "enabled_strategies": len(names[1]),
                "strategy_names": sorted(names[1]),
            },
            "system": asdict(system) if system else None,
        }
