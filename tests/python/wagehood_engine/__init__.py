"""Client of wagehood-engine, for Python.

Three things, each in modules of their own, over a Redis client of redis-py:

- ``ConfigManager``: the engine's watchlist, strategies and settings, by the method names of the existing system;
- ``get_latest_results`` and ``Signals``: what the engine says, newest values and every signal in turn;
  ``to_numpy`` takes frames of signals whole;
- ``StrategyRunner``: strategies of the existing system, whose signals the engine takes for its own.
"""

from .config_manager import (
    AssetConfig,
    ConfigError,
    ConfigManager,
    IndicatorConfig,
    StrategyConfig,
    StrategyTimeframeMatrix,
    SymbolStrategyConfig,
    SystemConfig,
    TimeframeConfig,
    TradingProfile,
)
from .frames import FrameError, Names, to_numpy
from .results import Results, get_latest_results
from .runner import MarketData, StrategyRunner
from .signals import Signal, Signals, signals

__all__ = [
    "AssetConfig",
    "ConfigError",
    "ConfigManager",
    "FrameError",
    "IndicatorConfig",
    "MarketData",
    "Names",
    "Results",
    "Signal",
    "Signals",
    "StrategyConfig",
    "StrategyRunner",
    "StrategyTimeframeMatrix",
    "SymbolStrategyConfig",
    "SystemConfig",
    "TimeframeConfig",
    "TradingProfile",
    "get_latest_results",
    "signals",
    "to_numpy",
]
