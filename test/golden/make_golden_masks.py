"""Golden keep sets: which filters and weights each criterion removes, from the formulas, with NumPy alone.

    python test/golden/make_golden_masks.py      writes masks.json

Kernels are HWIO, [height, width, in, out]; filter j is kernel[..., j]. Scores are float64 sums over float32 values.

Our own rule. removed = floor(n * rate + 1e-9); scores ascending; among equal scores the higher index goes first, so the lower index is kept.
  l1, l2    norm of the filter
  fpgm      g(i) = sum over ALL filters j of ||F_i - F_j||_2 (He et al., CVPR 2019, arXiv:1811.00250)
  fpgmMixed floor(n * normRate + 1e-9) filters by l2 first, the rest of the count by g, its sum taken over the survivors only
  weight    |w| of single weights, indexes in row-major HWIO order

The published code's rule ("paper"), R being the fraction that STAYS and every product taken in float64 and cut to an integer.
  sfp        trunc(n * (1 - R)) smallest l2 norms (He et al., IJCAI 2018, arXiv:1808.06866)
  fpgm       R = 1: none by norm, trunc(n * rate) by g
  fpgmMixed  n1 = trunc(n * (1 - R)) by norm, n2 = trunc(n * distanceRate) (of n, not of the survivors) by g over the survivors
There the survivors are listed by ASCENDING NORM, and both sorts keep the order of equal scores (NumPy leaves that order open in the default sort the
published code calls; a stable one is the natural reading): equal norms: the lower index goes first; equal g: the smaller norm goes first.
"""

import math
from typing import Any

import numpy as np

from golden_json import flat, write

RATES = (0.1, 0.3, 0.4, 0.5, 0.9)
NORM_RATE = 0.1
SLACK = 1e-9
CLEAR_GAP = 1e-4
"""Two different scores are at least this far apart, relative to the largest: float32 arithmetic ranks them the same."""


# Scores


def rows_of(kernel: np.ndarray) -> np.ndarray:
    """[kh, kw, in, out] -> one filter per row, [out, kh * kw * in], float64."""
    return kernel.reshape(-1, kernel.shape[-1]).T.astype(np.float64)


def l1_of(rows: np.ndarray) -> np.ndarray:
    return np.abs(rows).sum(axis=1)


def l2_of(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(rows).sum(axis=1))


def distances_of(rows: np.ndarray) -> np.ndarray:
    """Sum of the Euclidean distances to every row; the differences are taken as such, without the Gram identity."""
    gaps = np.sqrt(np.square(rows[:, None, :] - rows[None, :, :]).sum(axis=2))
    # fsum rounds once, so scores that are equal by symmetry come out equal whatever the order of their terms.
    return np.array([math.fsum(gap) for gap in gaps])


# Choices


def count_of(units: int, rate: float) -> int:
    return math.floor(units * rate + SLACK)


def ours(scores: np.ndarray, count: int) -> list[int]:
    """The `count` lowest scores; of equal ones the higher index first. Ascending indexes."""
    order = np.lexsort((-np.arange(len(scores)), scores))
    return sorted(int(index) for index in order[:count])


def margin_of(scores: np.ndarray, removed: list[int]) -> float | None:
    """(lowest kept - highest removed) / highest of all; 0 is a tie across the border, null where there is no border."""
    kept = [index for index in range(len(scores)) if index not in removed]
    if not removed or not kept or scores.max() == 0:
        return None
    return float(f"{(scores[kept].min() - scores[removed].max()) / scores.max():.6g}")


def chosen(scores: np.ndarray, rate: float) -> dict[str, Any]:
    removed = ours(scores, count_of(len(scores), rate))
    return {"removed": removed, "margin": margin_of(scores, removed)}


def chosen_mixed(rows: np.ndarray, rate: float) -> dict[str, Any]:
    total = count_of(len(rows), rate)
    by_norm = ours(l2_of(rows), min(count_of(len(rows), NORM_RATE), total))
    survivors = [index for index in range(len(rows)) if index not in by_norm]
    scores = distances_of(rows[survivors])
    picked = ours(scores, total - len(by_norm))
    by_distance = [survivors[index] for index in picked]
    return {
        "removed": sorted(by_norm + by_distance),
        "byNorm": by_norm,
        "byDistance": by_distance,
        "marginNorm": margin_of(l2_of(rows), by_norm),
        "marginDistance": margin_of(scores, picked),
    }


def paper_choice(rows: np.ndarray, keep_rate: float, distance_rate: float) -> dict[str, Any]:
    """What the published code zeroes in one layer."""
    by_norm_count = math.trunc(len(rows) * (1 - keep_rate))
    by_distance_count = math.trunc(len(rows) * distance_rate)
    order = np.argsort(l2_of(rows), kind="stable")
    by_norm, survivors = order[:by_norm_count], order[by_norm_count:]
    nearest = np.argsort(distances_of(rows[survivors]), kind="stable")[:by_distance_count]
    by_distance = survivors[nearest]
    return {
        "keepRate": keep_rate,
        "distanceRate": distance_rate,
        "removed": sorted(int(index) for index in (*by_norm, *by_distance)),
        "byNorm": sorted(int(index) for index in by_norm),
        "byDistance": sorted(int(index) for index in by_distance),
    }


def paper(rows: np.ndarray, rate: float) -> dict[str, Any]:
    return {
        "sfp": paper_choice(rows, 1 - rate, 0.0),
        "fpgm": paper_choice(rows, 1.0, rate),
        "fpgmMixed": paper_choice(rows, 1 - NORM_RATE, rate - NORM_RATE),
    }


# Kernels (seeds picked so that every two scores are equal or clearly apart, see CLEAR_GAP)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values, 4).astype(np.float32)


def random_kernel(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Gaussian filters of different sizes."""
    draw = np.random.Generator(np.random.PCG64(seed))
    sizes = draw.uniform(0.4, 1.6, shape[-1])
    return rounded(draw.standard_normal(shape) * sizes)


def clustered_kernel(seed: int, shape: tuple[int, ...], crowd: int, size: float) -> np.ndarray:
    """`crowd` near copies of one large filter among small filters that point everywhere, in mixed order.

    The large ones have the largest norms and the nearest neighbours: norms remove the others first, FPGM removes the crowd.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    filters = shape[-1]
    centre = draw.standard_normal(shape[:-1]) * size
    columns = [centre * (1 + 0.02 * draw.standard_normal(shape[:-1])) for _ in range(crowd)]
    columns += [draw.standard_normal(shape[:-1]) * draw.uniform(0.5, 0.9) for _ in range(filters - crowd)]
    order = draw.permutation(filters)
    return rounded(np.stack([columns[index] for index in order], axis=-1))


def column_kernel(columns: list[list[float]]) -> np.ndarray:
    """[1, 1, in, out] with the given filters."""
    return np.array(columns, dtype=np.float32).T.reshape(1, 1, len(columns[0]), len(columns))


def after_a_mask(kernel: np.ndarray, zeroed: list[int]) -> np.ndarray:
    masked = kernel.copy()
    masked[..., zeroed] = 0
    return masked


# Multiples of 1/4 whose squares and sums float32 holds exactly: equal scores are equal in any order of summation.
LINE = column_kernel([[1], [-1], [0], [2], [-2], [3], [-3], [0], [1], [-1]])
TWINS = column_kernel([
    [3, 4], [0, 5], [3, 4], [-3, 4], [0.75, 1], [0.75, 1], [-0.75, 1], [6, 8], [6, 8], [-6, -8],
])  # fmt: skip
# Symmetric about 5, so 6 and 4, 3 and 7, 8 and 2 share their sums of distances but not their norms.
SAME_DISTANCE = column_kernel([[6], [3], [8], [1], [4], [11], [7], [2], [9], [-1]])

CASES: list[tuple[str, str, np.ndarray]] = [
    ("plain-3x3x4x16", "Gaussian filters of different sizes", random_kernel(47, (3, 3, 4, 16))),
    ("plain-1x1x8x10", "ten filters: trunc(10 * (1 - 0.9)) is 0 in the published code, and trunc(10 * (0.3 - 0.1)) is 1", random_kernel(17, (1, 1, 8, 10))),
    ("plain-3x3x3x20", "twenty filters, as a first convolution", random_kernel(29, (3, 3, 3, 20))),
    ("plain-1x1x3x1", "one filter: no rate below 1 removes it", random_kernel(8, (1, 1, 3, 1))),
    ("clustered-3x3x2x12", "six near copies of a large filter among six small ones", clustered_kernel(35, (3, 3, 2, 12), 6, 1.6)),
    ("clustered-1x1x6x10", "seven near copies of a large filter, three small ones", clustered_kernel(54, (1, 1, 6, 10), 7, 1.8)),
    ("clustered-3x3x3x20", "eleven near copies of a large filter among nine small ones", clustered_kernel(45, (3, 3, 3, 20), 11, 1.5)),
    ("masked-3x3x4x16", "plain-3x3x4x16 after a mask: filters 2, 5, 6 and 11 are all zero", after_a_mask(random_kernel(47, (3, 3, 4, 16)), [2, 5, 6, 11])),
    ("all-zero-1x1x2x6", "every filter is zero: only the tie rule decides", np.zeros((1, 1, 2, 6), dtype=np.float32)),
    ("twins-1x1x2x10", "equal norms, equal filters, and filters of equal norm that differ", TWINS),
    ("line-1x1x1x10", "points on a line, symmetric about 0: every score is shared", LINE),
    ("same-distance-1x1x1x10", "different norms, equal sums of distances: the published code's order is by norm, ours by index", SAME_DISTANCE),
]


def assert_clear(name: str, scores: np.ndarray) -> None:
    """Scores are equal, or far enough apart for float32."""
    gaps = np.diff(np.sort(scores)) / max(scores.max(), 1e-30)
    unclear = gaps[(gaps > 0) & (gaps < CLEAR_GAP)]
    assert not len(unclear), f"{name}: scores closer than {CLEAR_GAP}: {unclear}"


def case_of(name: str, note: str, kernel: np.ndarray) -> dict[str, Any]:
    rows = rows_of(kernel)
    scores = {"l1": l1_of(rows), "l2": l2_of(rows), "fpgm": distances_of(rows)}
    for criterion, values in scores.items():
        assert_clear(f"{name} {criterion}", values)
    survivors = np.argsort(scores["l2"], kind="stable")[count_of(len(rows), NORM_RATE) :]
    assert_clear(f"{name} fpgmMixed", distances_of(rows[survivors]))
    weights = np.abs(kernel.astype(np.float64)).reshape(-1)
    rates = []
    for rate in RATES:
        rates.append({
            "rate": rate,
            "filters": count_of(len(rows), rate),
            "weights": count_of(len(weights), rate),
            **{criterion: chosen(values, rate) for criterion, values in scores.items()},
            "fpgmMixed": chosen_mixed(rows, rate),
            "weight": chosen(weights, rate),
            "paper": paper(rows, rate),
        })
        if name.startswith("clustered") and 0.2 < rate < 0.6:
            assert rates[-1]["l2"]["removed"] != rates[-1]["fpgm"]["removed"], f"{name} at {rate}: FPGM and L2 agree"
    return {"name": name, "note": note, "shape": list(kernel.shape), "kernel": flat(kernel), "scores": scores, "rates": rates}


# Sequences of events


def sequence_of(name: str, note: str, kernel: np.ndarray, rate: float, events: int, seed: int) -> dict[str, Any]:
    """Hard pruning by FPGM over several events: score, zero what is chosen, let the others move, score again.

    Zeroed filters stay zero. `removed` is what the scores alone choose at each event; `zero` is every filter that is zero after it.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    rows = []
    zero: list[int] = []
    for event in range(events):
        scores = distances_of(rows_of(kernel))
        assert_clear(f"{name} event {event}", scores)
        removed = ours(scores, count_of(len(scores), rate))
        before = kernel
        zero = sorted({*zero, *removed})
        kernel = after_a_mask(kernel, zero)
        rows.append({"event": event, "kernel": flat(before), "scores": scores, "removed": removed, "margin": margin_of(scores, removed), "zero": zero})
        moved = rounded(kernel + 0.05 * draw.standard_normal(kernel.shape))
        kernel = after_a_mask(moved, zero)
    return {"name": name, "note": note, "shape": list(kernel.shape), "rate": rate, "events": rows}


def sequences() -> list[dict[str, Any]]:
    sticky = sequence_of(
        "chosen-again",
        "filters of similar size: the zeroed ones lie in the middle of the others and are chosen again at every event",
        random_kernel(7, (3, 3, 4, 16)), 0.3, 3, 11,
    )  # fmt: skip
    assert all(event["removed"] == sticky["events"][0]["removed"] for event in sticky["events"])
    crowd = sequence_of(
        "crowd-chosen-next",
        "a crowd larger than what is removed: the zeroed filters are not the nearest to all others any more, so scores alone choose more of the crowd, and the "
        "zero filters become more than the rate asks for unless those removed before are counted first",
        clustered_kernel(5, (3, 3, 2, 12), 9, 1.6), 0.3, 3, 12,
    )  # fmt: skip
    assert crowd["events"][1]["removed"] != crowd["events"][0]["removed"]
    assert len(crowd["events"][1]["zero"]) > count_of(12, 0.3)
    return [sticky, crowd]


def main() -> None:
    traps = [{"n": n, "keepRate": keep, "removed": math.trunc(n * (1 - keep))} for n, keep in ((10, 0.9), (20, 0.9), (10, 0.7), (16, 0.7), (64, 0.9))]
    assert traps[0]["removed"] == 0 and traps[1]["removed"] == 1
    cases = [case_of(*case) for case in CASES]
    by_name = {case["name"]: case for case in cases}
    tied = {row["rate"]: row for row in by_name["same-distance-1x1x1x10"]["rates"]}
    # Filters 0 (6) and 4 (4) tie: by index the published code would take 0, by norm it takes 4.
    assert tied[0.1]["paper"]["fpgm"]["removed"] == [4]
    # Filters 1 (3) and 6 (7) tie for the third place: by norm filter 1, by our rule filter 6.
    assert tied[0.3]["paper"]["fpgm"]["removed"] == [0, 1, 4]
    assert tied[0.3]["fpgm"]["removed"] == [0, 4, 6]
    write("masks.json", {
        "command": "python test/golden/make_golden_masks.py",
        "numpy": np.__version__,
        "layout": "kernel: row-major [height, width, in, out], float32; filter j is kernel[..., j]",
        "rule": "removed = floor(n * rate + 1e-9) lowest scores; among equal scores the higher index is removed first",
        "normRate": NORM_RATE,
        "margin": "(lowest kept score - highest removed score) / highest score; 0: equal scores on both sides of the border; null: no border",
        "clearGap": CLEAR_GAP,
        "paperCounts": traps,
        "cases": cases,
        "sequences": sequences(),
    })  # fmt: skip


if __name__ == "__main__":
    main()
