"""polars for the bars, on all cores, TA-Lib for the indicators."""

import job
import polars as pl
import ta

PARTS = (
    pl.col("open").first(),
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("close").last(),
    pl.col("volume").sum(),
)


def read(path):
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    numbers = dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)
    frame = pl.read_csv(path, schema_overrides=numbers)
    return frame.with_columns(pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ms"))


def work(path, clock):
    table = read(path)
    clock.read()
    cells = {}
    for timeframe in job.TIMEFRAMES:
        bars = table
        if timeframe != "1m":
            bars = table.group_by_dynamic("ts", every=timeframe, group_by="symbol").agg(*PARTS)
        for (symbol,), own in bars.partition_by("symbol", as_dict=True).items():
            close = own["close"].to_numpy()
            values = ta.indicators(close, own["volume"].to_numpy())
            cells[symbol, timeframe] = lambda own=own, close=close, values=values: {
                "ts": own["ts"].dt.epoch("ms").to_numpy(),
                **dict(zip(job.COLUMNS, (close, *values))),
            }
    return cells


if __name__ == "__main__":
    job.run(work)
