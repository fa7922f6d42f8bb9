"""pandas for the bars, TA-Lib for the indicators."""

import frames
import job
import ta


def work(path, clock):
    table = frames.read(path)
    clock.read()
    cells = {}
    for symbol, base in frames.by_symbol(table).items():
        for timeframe, bars in frames.by_timeframe(base).items():
            close = bars["close"].to_numpy()
            values = ta.indicators(close, bars["volume"].to_numpy())
            cells[symbol, timeframe] = lambda bars=bars, close=close, values=values: {
                "ts": frames.starts(bars),
                **dict(zip(job.COLUMNS, (close, *values))),
            }
    return cells


if __name__ == "__main__":
    job.run(work)
