"""backtrader: a strategy with its indicators on every feed; it makes the bars of the longer timeframes.

A bar has its stamp at its end there, and one that ends on a boundary is the last before it: the bars are stamped a second
before their ends.
"""

import backtrader as bt
import frames
import job
import pandas as pd

STEPS = {"5m": (bt.TimeFrame.Minutes, 5), "1h": (bt.TimeFrame.Minutes, 60), "1d": (bt.TimeFrame.Days, 1)}


class Watching(bt.Strategy):
    """Computes the indicators of all cells and trades nothing."""

    def __init__(self):
        self.cells = {}
        for data in self.datas:
            macd = bt.indicators.MACDHisto(data.close, period_me1=12, period_me2=26, period_signal=9)
            bands = bt.indicators.BollingerBands(data.close, period=20, devfactor=2.0)
            self.cells[data._name] = (
                data,
                (
                    data.close,
                    macd.macd,
                    macd.signal,
                    macd.histo,
                    bt.indicators.RSI(data.close, period=14, safediv=True),
                    bt.indicators.RSI(data.close, period=21, safediv=True),
                    bt.indicators.EMA(data.close, period=50),
                    bt.indicators.EMA(data.close, period=200),
                    bands.top,
                    bands.mid,
                    bands.bot,
                    bt.indicators.SMA(data.volume, period=20),
                ),
            )


def columns(data, lines, interval_ms):
    starts = []
    for number in data.datetime.array:
        end_ms = round(pd.Timestamp(bt.num2date(number)).value / 1e6)
        starts.append((end_ms - 1) // interval_ms * interval_ms)
    values = {}
    for name, line in zip(job.COLUMNS, lines):
        own = line.lines[0] if hasattr(line, "lines") else line
        values[name] = list(own.array)[: len(starts)]
    return {"ts": starts, **values}


def work(path, clock):
    table = frames.read(path)
    clock.read()
    cerebro = bt.Cerebro(stdstats=False)
    for symbol, bars in frames.by_symbol(table).items():
        bars.index = bars.index.tz_localize(None) + pd.Timedelta(seconds=59)
        feed = bt.feeds.PandasData(dataname=bars, timeframe=bt.TimeFrame.Minutes, compression=1)
        cerebro.adddata(feed, name=f"{symbol}:1m")
        for timeframe, (step, count) in STEPS.items():
            cerebro.resampledata(feed, name=f"{symbol}:{timeframe}", timeframe=step, compression=count)
    cerebro.addstrategy(Watching)
    (strategy,) = cerebro.run()
    cells = {}
    for name, (data, lines) in strategy.cells.items():
        symbol, timeframe = name.split(":")
        interval_ms = job.TIMEFRAMES[timeframe]
        cells[symbol, timeframe] = lambda data=data, lines=lines, interval_ms=interval_ms: columns(data, lines, interval_ms)
    return cells


if __name__ == "__main__":
    job.run(work)
