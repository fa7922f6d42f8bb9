"""pandas for the bars, TA-Lib for the indicators."""

import frames
import job
import ta


def indicators(bars):
    close = bars["close"].to_numpy()
    return (close, *ta.indicators(close, bars["volume"].to_numpy()))


if __name__ == "__main__":
    job.run(lambda path, clock: frames.cells(path, clock, indicators))
