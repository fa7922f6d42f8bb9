"""NautilusTrader: a backtest whose strategy has the indicators; the engine makes the bars of the longer timeframes.

A bar has its stamp at its end there. Its bands are those of (high + low + close) / 3; here they are given the close. Its MACD
has no signal, which is a mean of its own here.
"""

from decimal import Decimal

import frames
import job
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import DataEngineConfig, LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.indicators import (
    BollingerBands,
    ExponentialMovingAverage,
    MovingAverageConvergenceDivergence,
    MovingAverageType,
    RelativeStrengthIndex,
    SimpleMovingAverage,
)
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

#: Decimals of prices and volumes.
DIGITS = 8
STEPS = {"5m": "5-MINUTE", "1h": "1-HOUR", "1d": "1-DAY"}
NAN = float("nan")


def instrument(symbol):
    step = f"{10 ** -DIGITS:.{DIGITS}f}"
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol(symbol), Venue("SIM")),
        raw_symbol=Symbol(symbol),
        base_currency=Currency.from_str("BTC"),
        quote_currency=USD,
        price_precision=DIGITS,
        size_precision=DIGITS,
        price_increment=Price.from_str(step),
        size_increment=Quantity.from_str(step),
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        ts_event=0,
        ts_init=0,
    )


class Cell:
    """The indicators of one symbol on one timeframe, and what they have said."""

    def __init__(self, interval_ms):
        self.interval_ms = interval_ms
        self.macd = MovingAverageConvergenceDivergence(12, 26, MovingAverageType.EXPONENTIAL)
        self.signal = ExponentialMovingAverage(9)
        self.rsi_14 = RelativeStrengthIndex(14, MovingAverageType.WILDER)
        self.rsi_21 = RelativeStrengthIndex(21, MovingAverageType.WILDER)
        self.ema_50, self.ema_200 = ExponentialMovingAverage(50), ExponentialMovingAverage(200)
        self.bands = BollingerBands(20, 2.0)
        self.volume = SimpleMovingAverage(20)
        self.rows = []

    def bar(self, bar):
        """Takes a bar behind the registered indicators."""
        close = bar.close.as_double()
        self.bands.update_raw(close, close, close)
        self.volume.update_raw(bar.volume.as_double())
        if self.macd.initialized:
            self.signal.update_raw(self.macd.value)
        self.rows.append((bar.ts_event, close, *self.values()))

    def values(self):
        line = self.macd.value if self.macd.initialized else NAN
        signal = self.signal.value if self.signal.initialized else NAN
        bands = (self.bands.upper, self.bands.middle, self.bands.lower) if self.bands.initialized else (NAN, NAN, NAN)
        return (
            line,
            signal,
            line - signal,
            100 * self.rsi_14.value if self.rsi_14.initialized else NAN,
            100 * self.rsi_21.value if self.rsi_21.initialized else NAN,
            self.ema_50.value if self.ema_50.initialized else NAN,
            self.ema_200.value if self.ema_200.initialized else NAN,
            *bands,
            self.volume.value if self.volume.initialized else NAN,
        )

    def columns(self):
        ends, *columns = zip(*self.rows)
        starts = [(end // 1_000_000 - 1) // self.interval_ms * self.interval_ms for end in ends]
        return {"ts": starts, **dict(zip(job.COLUMNS, columns))}


class Watching(Strategy):
    """Computes the indicators of all cells and trades nothing."""

    def __init__(self, cells):
        super().__init__(StrategyConfig())
        self.wanted = cells
        self.by_type = {}

    def on_start(self):
        for name, cell in self.wanted.items():
            bar_type = BarType.from_str(name)
            for indicator in (cell.macd, cell.rsi_14, cell.rsi_21, cell.ema_50, cell.ema_200):
                self.register_indicator_for_bars(bar_type, indicator)
            self.subscribe_bars(bar_type)
            self.by_type[bar_type.standard()] = cell

    def on_bar(self, bar):
        self.by_type[bar.bar_type].bar(bar)


def backtest():
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
            data_engine=DataEngineConfig(time_bars_build_with_no_updates=False),
            run_analysis=False,
        )
    )
    engine.add_venue(
        venue=Venue("SIM"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        starting_balances=[Money(1_000_000, USD)],
    )
    return engine


def work(path, clock):
    table = frames.read(path)
    clock.read()
    engine, cells, wanted = backtest(), {}, {}
    for symbol, bars in frames.by_symbol(table).items():
        own = instrument(symbol)
        engine.add_instrument(own)
        base = f"{own.id}-1-MINUTE-LAST-EXTERNAL"
        bars.index += pd.Timedelta(minutes=1)
        engine.add_data(BarDataWrangler(BarType.from_str(base), own).process(bars))
        names = {timeframe: f"{own.id}-{step}-LAST-INTERNAL@1-MINUTE-EXTERNAL" for timeframe, step in STEPS.items()}
        for timeframe, name in {"1m": base, **names}.items():
            cell = wanted[name] = Cell(job.TIMEFRAMES[timeframe])
            cells[symbol, timeframe] = cell.columns
    engine.add_strategy(Watching(wanted))
    engine.run()
    engine.dispose()
    return cells


if __name__ == "__main__":
    job.run(work)
