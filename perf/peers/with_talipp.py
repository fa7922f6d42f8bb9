"""talipp: incremental indicators of plain Python, bar by bar. It makes no bars of longer timeframes: those are made here."""

import csv
import gzip
from datetime import datetime

import job
from talipp.indicators import BB, EMA, MACD, RSI, SMA


class Cell:
    """The indicators of one symbol on one timeframe, and what they have said."""

    def __init__(self):
        self.starts, self.prices = [], []
        self.macd, self.bands = MACD(12, 26, 9), BB(20, 2)
        self.rsi_14, self.rsi_21, self.ema_50, self.ema_200 = RSI(14), RSI(21), EMA(50), EMA(200)
        self.volume = SMA(20)

    def bar(self, start, close, volume):
        self.starts.append(start)
        self.prices.append(close)
        for indicator in (self.macd, self.bands, self.rsi_14, self.rsi_21, self.ema_50, self.ema_200):
            indicator.add(close)
        self.volume.add(volume)

    def values(self):
        def of(indicator, field=None):
            found = (value if field is None or value is None else getattr(value, field) for value in indicator)
            return [float("nan") if value is None else value for value in found]

        columns = (
            self.prices,
            of(self.macd, "macd"),
            of(self.macd, "signal"),
            of(self.macd, "histogram"),
            *map(of, (self.rsi_14, self.rsi_21, self.ema_50, self.ema_200)),
            of(self.bands, "ub"),
            of(self.bands, "cb"),
            of(self.bands, "lb"),
            of(self.volume),
        )
        return {"ts": self.starts, **dict(zip(job.COLUMNS, columns))}


def rows(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as file:
        lines = csv.reader(file)
        next(lines)
        for ts, symbol, _, _, _, close, volume in lines:
            yield int(datetime.fromisoformat(ts).timestamp() * 1_000), symbol, float(close), float(volume)


def work(path, clock):
    records = list(rows(path))
    clock.read()
    cells = {}
    # Start, close and volume of each bar that is open.
    open_bars = {}
    for ts, symbol, close, volume in records:
        for timeframe, interval in job.TIMEFRAMES.items():
            key, start = (symbol, timeframe), ts - ts % interval
            bar = open_bars.get(key)
            if bar and bar[0] == start:
                bar[1], bar[2] = close, bar[2] + volume
                continue
            if bar:
                cells[key].bar(*bar)
            else:
                cells[key] = Cell()
            open_bars[key] = [start, close, volume]
    for key, bar in open_bars.items():
        cells[key].bar(*bar)
    return {key: cell.values for key, cell in cells.items()}


if __name__ == "__main__":
    job.run(work)
