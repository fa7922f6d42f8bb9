"""Bars with pandas, as several of the peers take them."""

import job
import numpy as np
import pandas as pd

#: Of each bar of a longer timeframe, from the bars in it.
PARTS = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
#: Names of the timeframes in pandas.
RULES = {"5m": "5min", "1h": "1h", "1d": "1D"}


def read(path):
    """The bars of a file, one row each."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    frame = pd.read_csv(path, dtype=dict.fromkeys(PARTS, "float64"))
    frame["ts"] = pd.to_datetime(frame["ts"], format="%Y-%m-%dT%H:%M:%SZ", utc=True)
    return frame


def by_symbol(frame):
    """The bars of each symbol, by time."""
    return {symbol: part.set_index("ts").drop(columns="symbol") for symbol, part in frame.groupby("symbol")}


def by_timeframe(bars):
    """The bars of one symbol on each timeframe; a span in which nothing was traded has none."""
    longer = {name: bars.resample(rule).agg(PARTS).dropna(subset="open") for name, rule in RULES.items()}
    return {"1m": bars, **longer}


def starts(frame):
    """Starts of the bars, Unix milliseconds."""
    return frame.index.as_unit("ms").asi8


def cells(path, clock, indicators):
    """What `indicators` makes of the bars of each symbol and timeframe: the price, then the columns in their order."""
    table = read(path)
    clock.read()
    found = {}
    for symbol, base in by_symbol(table).items():
        for timeframe, bars in by_timeframe(base).items():
            values = indicators(bars)
            found[symbol, timeframe] = lambda bars=bars, values=values: {
                "ts": starts(bars),
                **{name: np.asarray(column) for name, column in zip(job.COLUMNS, values)},
            }
    return found
