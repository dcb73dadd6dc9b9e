"""What a soak saw: samples, whether memory grows, and the report with its plot."""

import csv
import ctypes
import gc
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    seconds: float
    resident: int
    accounted: int
    dirs: int
    dir_tombstones: int
    key_tombstones: int
    commit: float


def resident():
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def at_rest():
    """The same when what is free is given back: collected by Python, and by the allocator to the system."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # of glibc
        trim(0)
    return resident()


class Sampler(threading.Thread):
    """Notes twice a second what there is, and how long a commit takes among all that goes on."""

    def __init__(self, store):
        super().__init__(name="sampler", daemon=True)
        self.store, self.samples, self.over = store, [], threading.Event()
        self.probe = store.mkdir("/probe/", {0: 0})
        self.probe.map("/probed/", lambda key, values: [(key, values[0])])

    def run(self):
        start, n = time.monotonic(), 0
        while not self.over.wait(0.5):
            n += 1
            with self.store.update(timeout=60):
                begun = time.perf_counter()
                self.probe[0] = n
            took = time.perf_counter() - begun
            stats = self.store.stats()
            self.samples.append(
                Sample(
                    time.monotonic() - start,
                    resident(),
                    stats.bytes,
                    stats.dirs,
                    stats.dir_tombstones,
                    stats.key_tombstones,
                    took,
                )
            )

    def stop(self):
        self.over.set()
        self.join()


def slope(points):
    """Bytes by which it grows in a minute, over the second half of (seconds, bytes)."""
    half = points[len(points) // 2 :]
    x, y = [seconds / 60 for seconds, _ in half], [size for _, size in half]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread if spread else 0.0


def quantile(values, at):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * at))]


def figures(samples, rests, store, counts, mirrors):
    """Lines of a table. `rests`: (seconds, resident, accounted) at the end of each round."""
    commits = [sample.commit * 1e3 for sample in samples]
    growth = [slope([(rest[0], rest[what]) for rest in rests]) / 1024 for what in (1, 2)]
    return [
        ("minutes", f"{samples[-1].seconds / 60:.1f}"),
        ("commits", f"{store.tick:,}"),
        ("tombstones purged", f"{store.stats().purged:,}"),
        ("most tombstones at once", f"{max(s.dir_tombstones + s.key_tombstones for s in samples):,}"),
        ("rounds, each with a check of all invariants", f"{len(rests):,}"),
        ("mirrors compared with the store", f"{mirrors:,}"),
        *sorted((what, f"{n:,}") for what, n in counts.items()),
        ("resident at rest, after the first round and the last", f"{mib(rests[0][1])}, {mib(rests[-1][1])}"),
        ("its growth in the second half", f"{growth[0]:+.1f} KiB a minute"),
        ("accounted by the store, in the same rests", f"{kib(rests[0][2])}, {kib(rests[-1][2])}"),
        ("its growth in the second half", f"{growth[1]:+.1f} KiB a minute"),
        ("resident, at most", mib(max(sample.resident for sample in samples))),
        ("a commit, median and 99 %", f"{quantile(commits, 0.5):.2f} ms, {quantile(commits, 0.99):.2f} ms"),
    ]


def kib(size):
    return f"{size / 1024:.1f} KiB"


def mib(size):
    return f"{size / (1 << 20):.1f} MiB"


def write(folder, samples, rests, table, title):
    """`soak.csv`, `soak.png` and `soak.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "soak.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample._fields)
        writer.writerows(samples)
    plot(samples, rests, folder / "soak.png", title)
    rows = [f"| {what} | {figure} |" for what, figure in table]
    text = ["# Soak", "", title, "", "| | |", "| --- | --- |", *rows, "", "![over time](soak.png)", ""]
    (folder / "soak.md").write_text("\n".join(text))


def plot(samples, rests, path, title):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    minutes = [sample.seconds / 60 for sample in samples]
    figure, axes = plt.subplots(4, 1, sharex=True, figsize=(9, 10), constrained_layout=True)
    figure.suptitle(title)
    panels = [
        ("resident memory, MiB", [sample.resident / (1 << 20) for sample in samples]),
        ("live directories", [sample.dirs for sample in samples]),
        ("tombstones", [sample.dir_tombstones + sample.key_tombstones for sample in samples]),
        ("a commit, ms", [sample.commit * 1e3 for sample in samples]),
    ]
    for axis, (label, values) in zip(axes, panels, strict=True):
        axis.plot(minutes, values, linewidth=0.8)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        if axis is not axes[3]:
            axis.set_ylim(bottom=0)
    at, left = [rest[0] / 60 for rest in rests], [rest[1] / (1 << 20) for rest in rests]
    axes[0].plot(at, left, "o-", markersize=3, linewidth=0.8, label="at rest, between rounds")
    axes[0].legend(loc="lower right")
    axes[3].set_yscale("log")
    axes[3].set_xlabel("minutes")
    figure.savefig(path, dpi=90)
    plt.close(figure)
