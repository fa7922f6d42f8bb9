"""Measures the engine beside what a user might take in its place, in turns, and checks that their indicators agree.

    make peers                              # all of it, in some ten minutes
    make peers PEERS='--rounds 9'           # more rounds
    make peers PEERS='--only polars,talipp' # these peers

Every contender is a whole process. The engine's figure is that of its whole process, with all that it does besides: five
strategies, signals across timeframes, and the file of signals. A peer's is given twice: its whole process, and its work alone,
from the opening of the file, which is in memory by then, to the last indicator. Before each run of a peer the engine replays
the same file; a ratio is that of two such neighbours.
"""

import argparse
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import agree
import contenders
import report
from contenders import PEERS, Failed, Inputs

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Measured:
    """The runs of a peer on one kind of input, each behind one of the engine."""

    peer: object
    kind: str
    #: Rows that the peer got, of all.
    rows: int
    all_rows: int
    engine_s: list = field(default_factory=list)
    whole_s: list = field(default_factory=list)
    work_s: list = field(default_factory=list)
    read_s: list = field(default_factory=list)

    def ratios(self, seconds):
        """Seconds of the peer's runs in those of the engine's, row for row."""
        scale = self.all_rows / self.rows
        return [scale * peer / engine for peer, engine in zip(seconds, self.engine_s)]

    def whole(self):
        return self.ratios(self.whole_s)

    def work(self):
        return self.ratios(self.work_s)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", type=Path, required=True, help="the program, built in release")
    parser.add_argument("--file", type=Path, help="bars [default: crypto_1m.csv.gz in WAGEHOOD_DATA or ../shared/data]")
    parser.add_argument("--rounds", type=int, default=5, help="0 only compares values")
    parser.add_argument("--only", default="", help="names of peers, with commas between")
    parser.add_argument("--slow-rows", type=int, default=10_000, help="rows for a peer that is slow")
    parser.add_argument("--runs", type=Path, help="write the run into a folder of its own there")
    parser.add_argument("--host", default=os.uname().nodename, help="name of this host, in the name of the folder")
    return parser.parse_args()


def data(given):
    """The file of bars, or None where this machine has none."""
    folder = Path(os.environ.get("WAGEHOOD_DATA", ROOT / "../shared/data"))
    file = given or folder / "crypto_1m.csv.gz"
    if file.exists():
        return file.resolve()
    print(f"skipped: there is no {file}; WAGEHOOD_DATA names the folder of recorded data")
    return None


def chosen(only):
    """The peers that are asked for and installed; the others are named."""
    names = only.split(",") if only else [peer.name for peer in PEERS]
    unknown = set(names) - {peer.name for peer in PEERS}
    if unknown:
        sys.exit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(peer.name for peer in PEERS)}")
    found = []
    for peer in (peer for peer in PEERS if peer.name in names):
        missing = peer.missing()
        if missing:
            print(f"skipped: {peer.title}: {', '.join(missing)} is not installed; `make peers` tries to")
        else:
            found.append(peer)
    return found


def values_agree(engine, peers, inputs, folder):
    """Compares the values of all peers with the engine's: lines about them, which are well, and the engine's signals."""
    symbols = sorted(inputs.symbols)
    cells = [f"{symbol}:{timeframe}" for symbol in {symbols[0], symbols[-1]} for timeframe in contenders.job.TIMEFRAMES]

    def ours(name, file):
        path = folder / f"{name}.csv"
        contenders.replay(engine, file, folder, "--indicators", path, "--cells", ",".join(cells))
        return agree.written(path)

    whole = ours("whole", inputs.file("csv.gz"))
    signals = contenders.signals_of(folder)
    beginning = ours("beginning", inputs.file("slow")) if any(peer.is_slow for peer in peers) else {}

    def verdict(peer):
        path = folder / f"{peer.name}.npz"
        try:
            contenders.work(peer, inputs.of(peer, "csv.gz")[0], "--values", path, "--cells", *cells)
        except Failed as failed:
            return [f"{peer.name}: FAILED: {failed}"], False
        found = agree.compare(peer.name, beginning if peer.is_slow else whole, agree.loaded(path))
        return list(found.lines(peer.name)), not found.faults

    # Nothing is timed here.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(verdict, peers))
    return [line for lines, _ in found for line in lines], [well for _, well in found], signals


def measure(engine, peers, inputs, folder, rounds):
    """Runs everything in turns; what was measured, and lines about what was not."""
    measured, notes = [], []
    for peer in peers:
        for kind in peer.inputs:
            file = inputs.file(kind)
            try:
                contenders.replay(engine, file, folder)
            except Failed as failed:
                notes.append(f"skipped: {peer.title} on {kind}: the engine does not read it: {failed}")
                continue
            measured.append(Measured(peer, kind, inputs.of(peer, kind)[1], inputs.rows))
    for turn in range(rounds):
        for one in measured:
            engine_s = contenders.replay(engine, inputs.file(one.kind), folder)
            whole_s, told = contenders.work(one.peer, inputs.of(one.peer, one.kind)[0])
            one.engine_s.append(engine_s)
            one.whole_s.append(whole_s)
            one.work_s.append(told["work_s"])
            one.read_s.append(told["read_s"])
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    return measured, notes


def main():
    asked = options()
    file = data(asked.file)
    if file is None:
        return 0
    peers = chosen(asked.only)
    if not peers:
        print("skipped: no peer is installed; `make peers` installs them")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = Inputs(file, folder, asked.slow_rows)
        agreement, well, signals = values_agree(asked.engine, peers, inputs, folder)
        peers = [peer for peer, fine in zip(peers, well) if fine]
        measured, notes = measure(asked.engine, peers, inputs, folder, asked.rounds) if asked.rounds else ([], [])
    head = f"{file.name}: {inputs.rows:,} bars of one minute, {len(inputs.symbols)} symbols, 1m 5m 1h 1d; "
    text = [head + f"{signals:,} signals of the engine, which no peer has", ""]
    text += report.table(measured) if measured else []
    text += [*report.goals(measured), ""] if measured else []
    text += [*notes, "Values against the engine's, relative differences:", "", *(f"- {line}" for line in agreement)]
    print("\n".join(text))
    if asked.runs and measured:
        print(f"\nwritten: {report.write(asked, measured, text, ROOT)}")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
