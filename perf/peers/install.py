"""Installs the peers, each by itself: one that cannot be had here is named, and keeps no other away."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main():
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for line in (HERE / "requirements.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        done = subprocess.run([*pip, "-c", str(HERE / "constraints.txt"), line], capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            print(f"skipped: {line} cannot be installed here: {last}")
        elif line.startswith("vectorbt"):
            compile_once(line)


def compile_once(version):
    """Lets vectorbt compile what it computes with, which takes a minute at its first use and is kept."""
    compiled = Path(sys.prefix) / "compiled"
    if compiled.exists() and compiled.read_text() == version:
        return
    sample = HERE.parents[1] / "tests/sample/bars_1m.csv.gz"
    done = subprocess.run([sys.executable, str(HERE / "with_vectorbt.py"), str(sample)], capture_output=True, text=True)
    if done.returncode:
        print(f"{version} does not run here: {(done.stderr.strip().splitlines() or ['it says nothing'])[-1]}")
    else:
        compiled.write_text(version)


main()
