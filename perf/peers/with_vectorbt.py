"""vectorbt: pandas for the bars, and its own indicators, compiled by Numba once and kept.

Its exponential means are those of pandas: they begin with the first value. A mean of Wilder's over n is one over 2n - 1 there.
"""

import frames
import job
import vectorbt as vbt


def indicators(bars):
    close, volume = bars["close"], bars["volume"]
    macd = vbt.MACD.run(close, 12, 26, 9, macd_ewm=True, signal_ewm=True)
    bands = vbt.BBANDS.run(close, 20, alpha=2)
    return (
        close,
        macd.macd,
        macd.signal,
        macd.hist,
        vbt.RSI.run(close, 2 * 14 - 1, ewm=True).rsi,
        vbt.RSI.run(close, 2 * 21 - 1, ewm=True).rsi,
        vbt.MA.run(close, 50, ewm=True).ma,
        vbt.MA.run(close, 200, ewm=True).ma,
        bands.upper,
        bands.middle,
        bands.lower,
        vbt.MA.run(volume, 20).ma,
    )


if __name__ == "__main__":
    job.run(lambda path, clock: frames.cells(path, clock, indicators))
