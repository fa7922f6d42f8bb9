"""The table of a comparison, its goals, and the folder that keeps a run."""

import statistics
from datetime import datetime, timezone

import host

KINDS = {"csv.gz": "CSV, gzip", "csv": "CSV, plain", "parquet": "Parquet, Snappy"}
#: Packages whose versions a run keeps.
PACKAGES = ("polars", "pandas", "ta-lib", "vectorbt", "talipp", "nautilus_trader", "backtrader", "numpy", "numba")
#: Least ratio of work alone to the engine, for polars by kind of input, and of the whole process, for what takes bar by bar.
POLARS_WORK_LEAST = {"csv.gz": 2.5, "csv": 4.0, "parquet": 4.0}
EVENT_DRIVEN_LEAST = 50.0


def seconds(values):
    """Median and range."""
    return f"{statistics.median(values):.3g} s ({min(values):.3g}–{max(values):.3g})"


def times(values):
    return f"× {statistics.median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def table(measured):
    """The rows of all contenders, the engine's first. Medians, and ranges over the rounds."""
    yield "| contender | input | whole process | ours = 1 | work alone | ours = 1 | of it reading |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for kind in dict.fromkeys(one.kind for one in measured):
        runs = [run for one in measured if one.kind == kind for run in one.engine_s]
        yield f"| **wagehood-engine** | {KINDS[kind]} | {seconds(runs)} | 1 | | | |"
    for one in measured:
        part = "" if one.rows == one.all_rows else f", {one.rows:,} bars"
        read = 100 * statistics.median(read / work for read, work in zip(one.read_s, one.work_s))
        yield (
            f"| {one.peer.title} | {KINDS[one.kind]}{part} | {seconds(one.whole_s)} | {times(one.whole())} "
            f"| {seconds(one.work_s)} | {times(one.work())} | {read:.0f} % |"
        )
    yield ""
    if any(one.rows < one.all_rows for one in measured):
        yield "A peer with fewer bars is compared bar for bar: what it takes for one, in what the engine takes for one."
        yield ""


def goals(measured):
    """Each goal with MET or MISSED."""
    for one in measured:
        if one.peer.name == "polars":
            least, found, of = POLARS_WORK_LEAST[one.kind], statistics.median(one.work()), "work alone"
        elif one.peer.is_event_driven:
            least, found, of = EVENT_DRIVEN_LEAST, statistics.median(one.whole()), "whole process"
        else:
            continue
        verdict = "MET   " if found >= least else "MISSED"
        yield f"- {verdict} {one.peer.title}, {KINDS[one.kind]}, {of}: × {found:.3g}, goal ≥ {least:g}"


def write(asked, measured, text, root):
    """Keeps a run in a folder; returns its path."""
    now = datetime.now(timezone.utc)
    folder = asked.runs / f"{now:%Y-%m-%d}-{asked.host}-peers"
    folder.mkdir(parents=True, exist_ok=True)
    described = host.toml(host.facts(asked.host, asked.engine.resolve(), root))
    run = {
        "name": "peers",
        "started": f"{now:%Y-%m-%dT%H:%M:%S}",
        "rounds": asked.rounds,
        "versions": host.versions(PACKAGES),
    }
    for one in measured:
        run[f"{one.peer.name}_{one.kind.replace('.', '_')}"] = {
            "rows": one.rows,
            "engine_s": one.engine_s,
            "whole_s": one.whole_s,
            "work_s": one.work_s,
            "read_s": one.read_s,
        }
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    (folder / "run.toml").write_text(host.toml(run) + "\n")
    (folder / "host.toml").write_text(described + "\n")
    (folder / "summary.md").write_text(
        "# Peers\n\n" + "\n".join(text) + f"\n\n{EXPLAINED}\n\n{versions}.\n\nThe host:\n\n```toml\n{described}\n```\n"
    )
    return folder


EXPLAINED = """Medians over the rounds, with their ranges. All take turns: before each run of a peer the engine replays the same file, and a
ratio is that of two such neighbours. The engine's figure is its whole process with dedicated threads and all that it does
besides: five strategies, signals across timeframes, the file of signals. `work alone` is what a peer takes from the opening of
the file, which is in memory by then, to the last indicator, without the start of Python and its imports."""
