"""Who is compared: the engine and its peers, each a whole process on one input."""

import gzip
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import job

HERE = Path(__file__).parent
#: A run that takes longer is ended.
LIMIT_S = 1_800


class Failed(Exception):
    """A program that did not end as it should."""


@dataclass(frozen=True)
class Peer:
    """A peer, and what it is asked to do."""

    name: str
    #: What a user would call it.
    title: str
    #: Modules that must be there.
    modules: tuple
    #: Kinds of input that it is measured with.
    inputs: tuple = ("csv.gz",)
    #: Whether it takes bar by bar, as the engine does.
    is_event_driven: bool = False
    #: Whether it is so slow that it gets the beginning of the file alone.
    is_slow: bool = False

    def missing(self):
        """Modules that are not installed."""
        return [module for module in self.modules if util.find_spec(module) is None]


PEERS = (
    Peer("polars", "polars + TA-Lib", ("polars", "talib", "numpy"), ("csv.gz", "csv", "parquet")),
    Peer("pandas", "pandas + TA-Lib", ("pandas", "talib", "numpy")),
    Peer("vectorbt", "vectorbt", ("vectorbt", "pandas", "numpy")),
    Peer("talipp", "talipp", ("talipp", "numpy"), is_event_driven=True),
    Peer("nautilus", "NautilusTrader", ("nautilus_trader", "pandas", "numpy"), is_event_driven=True),
    Peer("backtrader", "backtrader", ("backtrader", "pandas", "numpy"), is_event_driven=True, is_slow=True),
)


def ended(command):
    """Runs a program to its end; its seconds and what it printed."""
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"it was ended after {LIMIT_S} s") from None
    seconds = time.perf_counter() - start
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Failed(f"exit code {done.returncode}: {last}")
    return seconds, done.stdout


def replay(engine, file, folder, *more):
    """Replays a file with the engine on dedicated threads; seconds of the whole process."""
    signals = folder / "signals.jsonl"
    job_of = ["--base", "1m", "--timeframes", ",".join(job.TIMEFRAMES), "--threading", "dedicated"]
    command = [engine, "replay", "--quiet", "--input", file, *job_of, "--signals", signals, *more]
    return ended(list(map(str, command)))[0]


def signals_of(folder):
    """Signals of the last replay."""
    with open(folder / "signals.jsonl", "rb") as file:
        return sum(1 for _ in file)


def work(peer, file, *more):
    """Lets a peer do the job; seconds of the whole process, and what it says of its work."""
    command = [sys.executable, HERE / f"with_{peer.name}.py", file, *more]
    seconds, printed = ended(list(map(str, command)))
    return seconds, json.loads(printed.splitlines()[-1])


class Inputs:
    """The data in each form, made once from the file that is given."""

    def __init__(self, file, folder, slow_rows):
        self.folder = folder
        self.files = {"csv.gz": file}
        with gzip.open(file, "rt") as lines:
            head = next(lines)
            self.first = [head]
            self.rows, self.symbols = 0, set()
            for line in lines:
                self.rows += 1
                self.symbols.add(line.split(",", 2)[1])
                if self.rows <= slow_rows:
                    self.first.append(line)
        self.slow_rows = min(slow_rows, self.rows)

    def file(self, kind):
        """The file of a kind."""
        if kind not in self.files:
            self.files[kind] = self.folder / f"bars.{kind}"
            make = {"csv": self.plain, "parquet": self.parquet, "slow": self.beginning}
            make[kind](self.files[kind])
        return self.files[kind]

    def plain(self, path):
        with gzip.open(self.files["csv.gz"]) as packed, open(path, "wb") as file:
            shutil.copyfileobj(packed, file)

    def parquet(self, path):
        import with_polars

        with_polars.read(self.files["csv.gz"]).write_parquet(path, compression="snappy")

    def beginning(self, path):
        self.files["slow"] = path.with_suffix(".csv.gz")
        with gzip.open(self.files["slow"], "wt") as file:
            file.writelines(self.first)

    def of(self, peer, kind):
        """The file and the number of rows that a peer gets."""
        return (self.file("slow"), self.slow_rows) if peer.is_slow else (self.file(kind), self.rows)
