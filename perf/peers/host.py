"""A description of the host, with the keys that the engine's own runs have. A value that cannot be read is `unknown`."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

UNKNOWN = "unknown"


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return UNKNOWN


def field(path, key):
    """The value behind a key and a colon."""
    found = re.search(rf"^{key}\s*:\s*(.*)$", read(path), re.MULTILINE)
    return found[1].strip() if found else UNKNOWN


def parameter(name):
    """The value of a kernel parameter of this boot."""
    found = re.search(rf"(?:^|\s){name}=(\S+)", read("/proc/cmdline"))
    return found[1] if found else "none"


def revision(folder):
    """The revision of the sources; `+` where they have been changed since."""
    git = ["git", "-C", str(folder)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return UNKNOWN
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout.strip()
    return head.stdout.strip() + ("+" if changed else "")


def facts(name, engine, root):
    """The description; `engine` is the program, whose folder names its profile."""
    cpu = "/sys/devices/system/cpu"
    pages = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    return {
        "clock_source": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "cores": sorted(os.sched_getaffinity(0)),
        "cpu": field("/proc/cpuinfo", "model name"),
        "governor": read(f"{cpu}/cpu0/cpufreq/scaling_governor"),
        "host": name,
        "isolated": read(f"{cpu}/isolated") or "none",
        "kernel": platform.release(),
        "load_before": " ".join(read("/proc/loadavg").split()[:3]),
        "memory": field("/proc/meminfo", "MemTotal"),
        "mhz": field("/proc/cpuinfo", "cpu MHz"),
        "nohz_full": parameter("nohz_full"),
        "profile": engine.parent.name,
        "python": platform.python_version(),
        "rcu_nocbs": parameter("rcu_nocbs"),
        "revision": revision(root),
        "smt": read(f"{cpu}/smt/control"),
        "transparent_hugepages": pages[1] if pages else UNKNOWN,
    }


def versions(packages):
    """Installed versions of packages; those that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass
    return found


def toml(table):
    """A table as lines of TOML, its tables last."""
    own = [f"{key} = {value(item)}" for key, item in table.items() if not isinstance(item, dict)]
    tables = [f"\n[{key}]\n{toml(item)}" for key, item in table.items() if isinstance(item, dict)]
    return "\n".join(own + tables)


def value(item):
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, list):
        return f"[{', '.join(map(value, item))}]"
    if isinstance(item, str):
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(item)
