"""A worker that stays alive and times the published way to find the filters nearest to all others, for paired measurements.

    python bench/reference/scipy_distance.py <folder> [--rate 0.3]

The folder holds kernels.json, a list of shapes [kh, kw, in, out] (or [in, out]), and kernels.bin, their float32 values one after the other. The lines in and out
are those of train_step.py: a first line {"ready": true, ...}, then {"ms": [...]} for each "run K".

What is timed, layer by layer: the distances of all filters by scipy.spatial.distance.cdist of float32 rows, their sums, argsort, and the lowest share by index.
That is what the code published with FPGM (He et al., CVPR 2019) does after its norm step; the rows are made before the clock starts.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import scipy
from scipy.spatial import distance


def rows_of(folder: pathlib.Path) -> list[np.ndarray]:
    """One filter per row, [out, kh * kw * in] float32, of each kernel."""
    shapes = json.loads((folder / "kernels.json").read_text(encoding="utf-8"))
    values = np.fromfile(folder / "kernels.bin", dtype="<f4")
    rows, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        kernel = values[start : start + size].reshape(-1, shape[-1])
        rows.append(np.ascontiguousarray(kernel.T))
        start += size
    assert start == len(values), f"kernels.bin holds {len(values)} values, kernels.json asks for {start}"
    return rows


def nearest(rows: np.ndarray, rate: float) -> np.ndarray:
    """The filters that go."""
    gaps = distance.cdist(rows, rows, "euclidean")
    sums = np.sum(np.abs(gaps), axis=0)
    return sums.argsort()[: int(len(rows) * rate)]


def say(record: dict[str, object]) -> None:
    print(json.dumps(record), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the choice of filters by scipy's distances on request.", allow_abbrev=False)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rate", type=float, default=0.3)
    options = parser.parse_args()
    kernels = rows_of(options.folder)
    say({"ready": True, "kernels": len(kernels), "numpy": np.__version__, "scipy": scipy.__version__})
    for line in sys.stdin:
        words = line.split()
        if len(words) != 2 or words[0] != "run" or not words[1].isdigit():
            break
        times = []
        for _ in range(int(words[1])):
            start = time.perf_counter()
            removed = [nearest(rows, options.rate) for rows in kernels]
            times.append((time.perf_counter() - start) * 1000)
        say({"ms": times, "removed": sum(map(len, removed)), "first": [sorted(int(index) for index in gone) for gone in removed[:3]]})


if __name__ == "__main__":
    main()
