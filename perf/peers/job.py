"""What every peer does, and how it is timed.

Bars of one minute come from a file and are made into bars of 5m, 1h and 1d for each symbol. On all four timeframes these are
computed: MACD(12,26,9), RSI(14), RSI(21), EMA(50), EMA(200), Bollinger(20,2) and the mean of 20 volumes.

A peer is a program of its own: `with_NAME.py FILE [--values PATH --cells CELL...]`. It gives `run` a function of the file and a clock
that does the job and returns its cells; a cell is one symbol on one timeframe. The clock runs from there to the last value:
what was imported before is not in it. The file has been read once then, so that it comes from memory. One line of JSON is
printed: seconds until the file was read, and until the last value.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

#: Interval of each timeframe, milliseconds.
TIMEFRAMES = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000}
#: What a cell has of each bar: the price, and the values of the indicators, named as the engine names them.
COLUMNS = (
    "price",
    "macd_line",
    "macd_signal",
    "macd_hist",
    "rsi_14",
    "rsi_21",
    "ema_50",
    "ema_200",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "volume_sma_20",
)


class Clock:
    """Seconds since the job was begun."""

    def __init__(self):
        self.start = time.perf_counter()
        self.read_s = None

    def seconds(self):
        return time.perf_counter() - self.start

    def read(self):
        """Says that the file has been read."""
        self.read_s = self.seconds()


def run(job):
    """Does a job as the command line wants it.

    `job(path, clock)` returns cells by (symbol, timeframe), each a function without arguments that gives a dictionary: `ts`,
    starts of the bars, Unix milliseconds, and the columns, in the order of the bars. They are only called for cells that are
    asked for, after the clock has been stopped.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--values", type=Path)
    parser.add_argument("--cells", nargs="*", default=[])
    options = parser.parse_args()
    options.file.read_bytes()
    clock = Clock()
    cells = job(options.file, clock)
    work_s = clock.seconds()
    if options.values:
        arrays = {}
        for name in options.cells:
            symbol, timeframe = name.split(":")
            for column, values in cells[symbol, timeframe]().items():
                arrays[f"{name}/{column}"] = np.asarray(values, dtype="i8" if column == "ts" else "f8")
        np.savez(options.values, **arrays)
    print(json.dumps({"read_s": clock.read_s, "work_s": work_s, "cells": len(cells)}))
