"""Whether the values of a peer are those of the engine, where their conventions are the same."""

import csv
import math
from collections import defaultdict
from datetime import datetime

import job
import numpy as np

#: Largest relative difference of values of one convention. The lines of MACD are differences of prices: theirs is of the price.
EXACT = 1e-9
#: The same where the beginnings differ and only their traces are left.
FADED = 1e-7
#: The same where a peer keeps sums that run on through the whole file, and rounds with each bar.
ROUNDED = 1e-7
#: What is left of a beginning when values are compared from there on.
TRACE = 1e-9
MACD = ("macd_line", "macd_signal", "macd_hist")
EMA = ("ema_50", "ema_200")
RSI = ("rsi_14", "rsi_21")

FIRST_VALUE = "its exponential means begin with the first value, the engine's with the mean of the first n"
FIRST_GAIN = "its means of gains and losses begin with the first value, the engine's with the mean of the first n"
OWN_START = "its fast mean begins as soon as it can, the engine's with the slow one"

#: By peer: columns whose beginning is another, and why. All others are the same from the first bar on.
BEGINNINGS = {
    "pandas": {},
    "polars": {},
    "talipp": dict.fromkeys(MACD, OWN_START),
    "backtrader": dict.fromkeys(MACD, OWN_START),
    "vectorbt": {**dict.fromkeys(MACD + EMA, FIRST_VALUE), **dict.fromkeys(RSI, FIRST_GAIN)},
    "nautilus": {**dict.fromkeys(MACD + EMA, FIRST_VALUE), **dict.fromkeys(RSI, FIRST_GAIN)},
}
#: By peer: columns from sums that run on.
RUNNING_SUMS = {"vectorbt": ("bb_upper", "bb_lower")}
#: What is left of a beginning after each bar.
LEFT = {
    **dict.fromkeys(MACD, 1 - 2 / 27),
    "ema_50": 1 - 2 / 51,
    "ema_200": 1 - 2 / 201,
    "rsi_14": 1 - 1 / 14,
    "rsi_21": 1 - 1 / 21,
}


def faded_after(column):
    """Bars after which nothing but a trace is left of the beginning of a column."""
    return math.ceil(math.log(TRACE) / math.log(LEFT[column])) + 100


def written(path):
    """Cells of a file that the engine wrote, by name; a value that is not ready is NaN."""
    cells = defaultdict(lambda: {column: [] for column in ("ts", *job.COLUMNS)})
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            cell = cells[f"{row['symbol']}:{row['timeframe']}"]
            cell["ts"].append(moment(row["ts"]))
            for column in job.COLUMNS:
                cell[column].append(float(row[column] or "nan"))
    return {name: {column: np.asarray(values) for column, values in cell.items()} for name, cell in cells.items()}


def moment(text):
    """Unix milliseconds of a stamp."""
    return int(text) if text.isdigit() else round(datetime.fromisoformat(text).timestamp() * 1_000)


class Verdict:
    """What a comparison has found."""

    def __init__(self):
        #: By column: values compared, and the largest difference.
        self.compared = defaultdict(int)
        self.worst = defaultdict(float)
        self.faults = []

    def cell(self, peer, name, ours, theirs):
        """Compares a cell."""
        bars = len(ours["ts"])
        # Where the file ends within a bar, the engine has none: it is not over.
        if len(theirs["ts"]) == bars + 1:
            theirs = {column: values[:bars] for column, values in theirs.items()}
        if not np.array_equal(ours["ts"], theirs["ts"]):
            self.faults.append(f"{name}: {len(theirs['ts'])} bars, other than the engine's {bars}")
            return
        for column in job.COLUMNS:
            self.column(peer, name, column, ours, theirs)

    def column(self, peer, name, column, ours, theirs):
        mine, other = ours[column], theirs[column]
        begins_apart = column in BEGINNINGS[peer]
        if begins_apart:
            skipped = faded_after(column)
            mine, other = mine[skipped:], other[skipped:]
        if not np.array_equal(np.isnan(mine), np.isnan(other)):
            self.faults.append(f"{name} {column}: ready at other bars")
            return
        ready = ~np.isnan(mine)
        if not ready.any():
            return
        scale = ours["price"][-len(mine) :] if column in MACD else mine
        difference = np.abs(mine - other)[ready] / np.maximum(np.abs(scale[ready]), 1e-300)
        self.compared[column] += int(ready.sum())
        self.worst[column] = max(self.worst[column], float(difference.max()))
        limit = FADED if begins_apart else ROUNDED if column in RUNNING_SUMS.get(peer, ()) else EXACT
        if difference.max() > limit:
            bar = int(np.flatnonzero(ready)[difference.argmax()])
            self.faults.append(f"{name} {column}: apart by {difference.max():.1e}, most at bar {bar} of those compared")

    def lines(self, peer):
        """What is to be said of it."""
        apart, summed = BEGINNINGS[peer], RUNNING_SUMS.get(peer, ())
        same = [column for column in job.COLUMNS if column not in apart and column not in summed]
        yield f"{peer}: {len(same)} columns from the first bar on, {self.found(same)}"
        if summed:
            yield f"{peer}: its sums run on through the file and round with each bar; {', '.join(summed)}: {self.found(summed)}"
        for reason in dict.fromkeys(apart.values()):
            columns = [column for column in apart if apart[column] == reason]
            from_bars = ", ".join(f"{column} from bar {faded_after(column)}" for column in columns)
            yield f"{peer}: {reason}; {from_bars} on: {self.found(columns)}"
        for fault in self.faults:
            yield f"{peer}: DIFFERS: {fault}"

    def found(self, columns):
        """Number and largest difference of the values of some columns."""
        values = sum(self.compared[column] for column in columns)
        return f"{values:,} values, apart by {max(self.worst[column] for column in columns):.1e} at most"

    def nothing_compared(self):
        """Columns of which no value was compared, which says nothing about them."""
        return [column for column in job.COLUMNS if not self.compared[column]]


def compare(peer, ours, theirs):
    """Compares the cells of a peer with the engine's."""
    verdict = Verdict()
    for name, cell in ours.items():
        verdict.cell(peer, name, cell, theirs[name])
    missing = verdict.nothing_compared()
    if missing and not verdict.faults:
        verdict.faults.append(f"no value to compare of {', '.join(missing)}: the file is too short")
    return verdict


def loaded(path):
    """Cells that a peer wrote."""
    cells = defaultdict(dict)
    with np.load(path) as arrays:
        for key in arrays.files:
            name, column = key.split("/")
            cells[name][column] = arrays[key]
    return cells
