"""Memory and speed of bringing data in: peak resident size of `prepare` and of one pass, from 1,000 to 1,000,000 rows.

    python benchmarks/data_memory.py                        # CSV and JSON Lines, 1e3 to 1e6 rows
    python benchmarks/data_memory.py --rows 1000 100000 --formats csv parquet

Each case runs in a process of its own; the peak is the kernel's (`ru_maxrss`), the imports are included.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORDS = [f"word{number}" for number in range(5000)]


def generated(rows: int) -> Iterator[dict[str, str]]:
    source = random.Random(0)
    for number in range(rows):
        yield {
            "id": str(number),
            "text": " ".join(source.choices(WORDS, k=source.randint(5, 25))),
            "label": f"class {source.randrange(20)}",
        }


def write(path: Path, rows: int) -> None:
    with path.open("w", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.DictWriter(file, ["id", "text", "label"])
            writer.writeheader()
            writer.writerows(generated(rows))
        elif path.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in generated(rows))
        else:
            file.write("[" + ",\n".join(json.dumps(row) for row in generated(rows)) + "]")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(path: str, folder: str) -> None:
    from leantune.data.dataset import prepare

    imported, start = peak_mib(), time.perf_counter()
    dataset = prepare(path, folder)
    prepared, seconds = peak_mib(), time.perf_counter() - start
    start = time.perf_counter()
    count = sum(len(chunk) for examples in dataset.splits.values() for chunk in examples.chunks())
    passed = time.perf_counter() - start
    print(
        json.dumps(
            {"rows": count, "imported": imported, "prepared": prepared, "passed": peak_mib(), "seconds": seconds, "pass_seconds": passed}
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--formats", nargs="+", default=["csv", "jsonl"], choices=["csv", "jsonl", "json"])
    parser.add_argument("--measure", nargs=2, metavar=("FILE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    print("format       rows   file MiB   imports MiB   peak MiB   peak after a pass   prepare s   rows/s   pass s")
    for ending in options.formats:
        for rows in options.rows:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"data.{ending}"
                write(path, rows)
                command = [sys.executable, __file__, "--measure", str(path), str(Path(folder) / "out")]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(
                    f"{ending:6} {rows:10,} {path.stat().st_size / 2**20:10.1f} {found['imported']:13.0f} {found['prepared']:10.0f} "
                    f"{found['passed']:19.0f} {found['seconds']:11.2f} {rows / found['seconds']:8,.0f} {found['pass_seconds']:8.2f}"
                )


if __name__ == "__main__":
    main()
