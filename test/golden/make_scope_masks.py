"""Golden keep sets of a whole network: every criterion x scope x merge x rate, from the formulas, with NumPy alone.

    python test/golden/make_scope_masks.py      writes scope-masks.json

The network: conv0 (3x3, 2 -> 8), conv1 (1x1, 8 -> 6), then a and b (1x1, 6 -> 10 each), which are added up and so form one group with two producers, and head
(Dense, 10 -> 3), whose outputs are the answer and are never removed as filters. A BatchNormalization follows each convolution. Kernels are [height, width, in, out].

Scores, filter j of a kernel being F_j; higher stays; float64 sums over float32 values.
  l1, l2                ||F_j||_p
  fpgm-l2, -l1, -cosine sum over i of the distance of F_i and F_j: Euclidean, sum of absolute differences, 1 - cosine (a zero filter is at distance 0 of all);
                        the differences are taken as such, without the Gram identity
  slimming              |gamma_j| of the BatchNormalization behind
  taylor-filter         mean over the batches of (sum of g w over the filter)^2, g the gradient
  entropy-weights       -sum p ln p, p = |w| / sum |w| over the filter; a zero filter has 0
  entropy-activations   per image the mean of the map; the range over the images in 100 equal bins, the last with its upper end; -sum p ln p of the bins' shares
  apoz                  1 - mean over the batches of the share of zeros
  norm-weight           |w|
  taylor-weight         mean over the batches of (g w)^2
  entropy-weight        -p ln p, p = |w| / sum |w| over the kernel
  lamp                  w_u^2 / sum of w_v^2 over the v of the kernel that go no sooner than u

Merges of a group's producers: sum, mean, max of the scores; score: sum of each producer's scores as shares of their sum; and, or: votes, below.

Scopes. removed = floor(n * rate + 1e-9); of equal scores the higher index goes first, and of equal ones in different groups that of the later group.
  uniform    each group (kernel) loses its own count of its lowest. Votes: each producer names that count of its lowest; `and` removes what all name, `or` what any
             names, those with the most votes first
  global     one list of all groups' merged scores (kernels' scores), without the best unit of each; the count is of all units, and what is among the lowest goes.
             Votes: the lists are the producers'; each names its own that are among the lowest of all
  adaptive   the same with s_u^2 / sum of s_v^2 over the v of the list that go no sooner than u, in place of s_u; lamp's scores are that already
Every group keeps one unit.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from golden_json import flat, write
from make_golden_masks import count_of, l1_of, l2_of, rounded, rows_of

RATES = tuple(step / 10 for step in range(1, 10))
FEWER_RATES = (0.1, 0.3, 0.5, 0.7, 0.9)
SCOPES = ("uniform", "global", "adaptive")
MERGES = ("mean", "sum", "max", "score", "and", "or")
BINS = 100
CLEAR_GAP = 1e-5
"""The lowest kept score and the highest removed one differ by this much of the kept one, or not at all."""

SHAPES = {"conv0": (3, 3, 2, 8), "conv1": (1, 1, 8, 6), "a": (1, 1, 6, 10), "b": (1, 1, 6, 10), "head": (10, 3)}
GROUPS = {"conv0": ("conv0",), "conv1": ("conv1",), "a": ("a", "b")}
ZERO = {"conv0": 3, "a": 4, "b": 7}
"""A filter of the kernel that is zero."""


class UnclearError(Exception):
    """Two scores too close for float32 lie on the two sides of a border, or two rules choose the same: draw other numbers."""


Scores = dict[str, np.ndarray]
Criterion = Callable[["Network", str], np.ndarray]


# Numbers


class Network:
    """Fixed kernels, gammas, gradients of two batches and activations of two batches of 16 images, 2 x 2 pixels each."""

    def __init__(self, seed: int) -> None:
        draw = np.random.Generator(np.random.PCG64(seed))
        self.kernels = {name: drawn_kernel(draw, name) for name in SHAPES}
        widths = {name: SHAPES[name][-1] for name in SHAPES if name != "head"}
        self.gammas = {name: rounded(draw.standard_normal(width) * 0.5 + 0.5) for name, width in widths.items()}
        self.gradients = {name: [rounded(draw.standard_normal(shape)) for _ in range(2)] for name, shape in SHAPES.items()}
        self.activations = {name: drawn_activations(draw, width) for name, width in widths.items()}


def drawn_kernel(draw: np.random.Generator, name: str) -> np.ndarray:
    shape = SHAPES[name]
    size = 1.5 if name == "b" else 1
    kernel = rounded(draw.standard_normal(shape) * draw.uniform(0.4, 1.6, shape[-1]) * size)
    if name in ZERO:
        kernel[..., ZERO[name]] = 0
    return kernel


def drawn_activations(draw: np.random.Generator, width: int) -> list[np.ndarray]:
    """What a ReLU leaves, multiples of 1/64: float32 holds their means exactly. Two batches of [16, 2, 2, width]."""
    columns = []
    while len(columns) < width:
        shift, size = draw.uniform(-0.6, 0.6), draw.uniform(0.5, 2)
        column = np.maximum(np.round(64 * (draw.standard_normal((32, 2, 2)) ** 3 * size + shift)) / 64, 0)
        place = places_of(column)
        if np.abs(place - np.round(place))[(place > 0) & (place < BINS)].min() > 1e-3:
            columns.append(column)
    stacked = np.stack(columns, axis=-1).astype(np.float32)
    return [stacked[:16], stacked[16:]]


def places_of(column: np.ndarray) -> np.ndarray:
    """[images, h, w] -> where each image's mean lies in the range of the filter, in bins."""
    means = column.astype(np.float64).mean(axis=(1, 2))
    return (means - means.min()) / (means.max() - means.min()) * BINS


# Scores


def distance_sums(rows: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    return np.array([sum(0.0 if i == j else distance(rows[i], rows[j]) for i in range(len(rows))) for j in range(len(rows))])


def euclidean(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.square(x - y).sum()))


def manhattan(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs(x - y).sum())


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    lengths = np.sqrt(np.square(x).sum() * np.square(y).sum())
    return 0.0 if lengths == 0 else float(1 - (x @ y) / lengths)


def entropy_of(masses: np.ndarray) -> float:
    total = masses.sum()
    if total == 0:
        return 0.0
    shares = masses[masses > 0] / total
    return float(-(shares * np.log(shares)).sum())


def by_rows(score: Callable[[np.ndarray], np.ndarray]) -> Criterion:
    return lambda network, name: score(rows_of(network.kernels[name]))


def slimming(network: Network, name: str) -> np.ndarray:
    return np.abs(network.gammas[name].astype(np.float64))


def taylor_filter(network: Network, name: str) -> np.ndarray:
    kernel = network.kernels[name].astype(np.float64)
    return np.mean([np.square((kernel * gradient).reshape(-1, kernel.shape[-1]).sum(axis=0)) for gradient in network.gradients[name]], axis=0)


def entropy_activations(network: Network, name: str) -> np.ndarray:
    maps = np.concatenate(network.activations[name])
    scores = []
    for filter_index in range(maps.shape[-1]):
        bins = np.minimum(np.floor(places_of(maps[..., filter_index])), BINS - 1).astype(int)
        scores.append(entropy_of(np.bincount(bins, minlength=BINS).astype(np.float64)))
    return np.array(scores)


def apoz(network: Network, name: str) -> np.ndarray:
    return 1 - np.mean([(batch == 0).mean(axis=(0, 1, 2)) for batch in network.activations[name]], axis=0)


def norm_weight(network: Network, name: str) -> np.ndarray:
    return np.abs(network.kernels[name].astype(np.float64)).reshape(-1)


def taylor_weight(network: Network, name: str) -> np.ndarray:
    kernel = network.kernels[name].astype(np.float64)
    return np.mean([np.square(kernel * gradient) for gradient in network.gradients[name]], axis=0).reshape(-1)


def entropy_weight(network: Network, name: str) -> np.ndarray:
    weights = norm_weight(network, name)
    shares = weights / weights.sum()
    return np.array([0.0 if share == 0 else -share * np.log(share) for share in shares])


def lamp(network: Network, name: str) -> np.ndarray:
    return adaptive_of(norm_weight(network, name))


FILTER_CRITERIA: dict[str, tuple[str, dict[str, str], Criterion]] = {
    "l1": ("norm-filter", {"norm": "l1"}, by_rows(l1_of)),
    "l2": ("norm-filter", {"norm": "l2"}, by_rows(l2_of)),
    "fpgm-l2": ("fpgm", {"distance": "l2"}, by_rows(lambda rows: distance_sums(rows, euclidean))),
    "fpgm-l1": ("fpgm", {"distance": "l1"}, by_rows(lambda rows: distance_sums(rows, manhattan))),
    "fpgm-cosine": ("fpgm", {"distance": "cosine"}, by_rows(lambda rows: distance_sums(rows, cosine))),
    "slimming": ("slimming", {}, slimming),
    "taylor-filter": ("taylor-filter", {}, taylor_filter),
    "entropy-weights": ("entropy-filter", {"entropyOf": "weights"}, by_rows(lambda rows: np.array([entropy_of(np.abs(row)) for row in rows]))),
    "entropy-activations": ("entropy-filter", {"entropyOf": "activations"}, entropy_activations),
    "apoz": ("apoz", {}, apoz),
}
WEIGHT_CRITERIA: dict[str, tuple[str, dict[str, str], Criterion]] = {
    "norm-weight": ("norm-weight", {}, norm_weight),
    "taylor-weight": ("taylor-weight", {}, taylor_weight),
    "entropy-weight": ("entropy-weight", {}, entropy_weight),
    "lamp": ("lamp", {}, lamp),
}


# Choices


def order_of(scores: np.ndarray) -> np.ndarray:
    """Indexes in the order in which they go."""
    return np.lexsort((-np.arange(len(scores)), scores))


def adaptive_of(scores: np.ndarray) -> np.ndarray:
    order = order_of(scores)
    squares = np.square(scores)
    shares = np.zeros(len(scores))
    for place, index in enumerate(order):
        rest = squares[order[place:]].sum()
        shares[index] = 0.0 if rest == 0 else squares[index] / rest
    return shares


class Chooser:
    """Takes the lowest, and remembers how near the nearest border was."""

    def __init__(self, is_adaptive: bool) -> None:
        self.is_adaptive = is_adaptive
        self.margin: float | None = None

    def lowest(self, scores: np.ndarray, count: int) -> list[int]:
        order = order_of(scores)
        if 0 < count < len(scores):
            kept, gone = scores[order[count]], scores[order[count - 1]]
            self.note((kept - gone) / kept if kept > 0 else 0.0)
        return [int(index) for index in order[:count]]

    def note(self, margin: float) -> None:
        if 0 < margin < CLEAR_GAP:
            raise UnclearError(margin)
        self.margin = margin if self.margin is None else min(self.margin, margin)

    def common_counts(self, lists: list[np.ndarray], rate: float) -> list[int]:
        """How many of each list are among the lowest of all but the best of each."""
        entrants = []
        for number, scores in enumerate(lists):
            compared = adaptive_of(scores) if self.is_adaptive else scores
            entrants += [(compared[index], number) for index in order_of(scores)[:-1]]
        wanted = count_of(sum(len(scores) for scores in lists), rate)
        assert wanted <= len(entrants)
        gone = self.lowest(np.array([score for score, _ in entrants]), wanted)
        return [sum(entrants[place][1] == number for place in gone) for number in range(len(lists))]


def merged(members: list[np.ndarray], merge: str) -> np.ndarray:
    if merge == "score":
        return sum(scores / scores.sum() for scores in members)
    return {"sum": np.sum, "mean": np.mean, "max": np.max}[merge](members, axis=0)


def voted(chooser: Chooser, members: list[np.ndarray], counts: list[int], merge: str) -> list[int]:
    votes = np.zeros(len(members[0]), dtype=int)
    for scores, count in zip(members, counts, strict=True):
        votes[chooser.lowest(scores, count)] += 1
    removed = int((votes >= (len(members) if merge == "and" else 1)).sum())
    removed = min(removed, len(votes) - 1)
    if len(members) == 1:
        return chooser.lowest(members[0], removed)
    return [int(index) for index in order_of(-votes)[:removed]]


def filters_removed(chooser: Chooser, scores: Scores, scope: str, merge: str, rate: float) -> list[list[int]]:
    groups = [[scores[name] for name in producers] for producers in GROUPS.values()]
    if merge in ("and", "or"):
        if scope == "uniform":
            counts = [[count_of(len(scores), rate) for scores in members] for members in groups]
        else:
            flat_counts = iter(chooser.common_counts([scores for members in groups for scores in members], rate))
            counts = [[next(flat_counts) for _ in members] for members in groups]
        return [voted(chooser, members, group_counts, merge) for members, group_counts in zip(groups, counts, strict=True)]
    return listed(chooser, [merged(members, merge) for members in groups], scope, rate)


def listed(chooser: Chooser, lists: list[np.ndarray], scope: str, rate: float) -> list[list[int]]:
    counts = [count_of(len(scores), rate) for scores in lists] if scope == "uniform" else chooser.common_counts(lists, rate)
    return [chooser.lowest(scores, min(count, len(scores) - 1)) for scores, count in zip(lists, counts, strict=True)]


def choice(criterion: str, scores: Scores, scope: str, merge: str | None, rate: float) -> dict[str, Any]:
    chooser = Chooser(scope == "adaptive" and criterion != "lamp")
    if merge is None:
        lists = list(scores.values())
        removed = listed(chooser, lists, scope, rate)
    else:
        lists = [scores[producers[0]] for producers in GROUPS.values()]
        removed = filters_removed(chooser, scores, scope, merge, rate)
    kept = ["".join("0" if index in gone else "1" for index in range(len(scores))) for scores, gone in zip(lists, map(set, removed), strict=True)]
    how = {"criterion": criterion, "scope": scope, **({} if merge is None else {"merge": merge}), "rate": rate}
    return {**how, "kept": kept, "margin": None if chooser.margin is None else float(f"{chooser.margin:.3g}")}


def choices_of(network: Network) -> list[dict[str, Any]]:
    filters = [name for name in SHAPES if name != "head"]
    rows = []
    for criterion, (_, _, score) in WEIGHT_CRITERIA.items():
        scores = {name: score(network, name) for name in SHAPES}
        for scope in SCOPES:
            rows += [choice(criterion, scores, scope, None, rate) for rate in RATES]
    for criterion, (_, _, score) in FILTER_CRITERIA.items():
        scores = {name: score(network, name) for name in filters}
        for scope in SCOPES:
            for merge in MERGES:
                rows += [choice(criterion, scores, scope, merge, rate) for rate in (RATES if merge == "mean" else FEWER_RATES)]
    return rows


# The file


def clear_network() -> tuple[int, Network, list[dict[str, Any]]]:
    """The first seed whose borders are all clear and whose choices tell the rules apart."""
    for seed in range(1, 100_000):
        network = Network(seed)
        try:
            rows = choices_of(network)
            check_that_they_differ(rows)
            return seed, network, rows
        except UnclearError:
            continue
    raise AssertionError("no seed makes every border clear")


SAME = {
    ("lamp", "uniform"): ("norm-weight", "uniform"),
    ("lamp", "global"): ("norm-weight", "adaptive"),
    ("lamp", "adaptive"): ("norm-weight", "adaptive"),
    ("entropy-weight", "uniform"): ("norm-weight", "uniform"),
}
"""Rankings that are one by definition; -p ln p grows with p below 1 / e."""


def check_that_they_differ(rows: list[dict[str, Any]]) -> None:
    """No two criteria, scopes or merges choose the same throughout, or the file could not tell them apart."""
    for key, other in SAME.items():
        assert kept_where(rows, key, "criterion", "scope") == kept_where(rows, other, "criterion", "scope")
    for kinds, keys in ((FILTER_CRITERIA, ["criterion"]), (WEIGHT_CRITERIA, ["criterion"]), (SCOPES, ["scope"]), (MERGES, ["merge"])):
        chosen = [repr(kept_where(rows, (kind,), *keys)) for kind in kinds]
        if len(set(chosen)) < len(chosen):
            raise UnclearError(kinds)


def kept_where(rows: list[dict[str, Any]], values: tuple[str, ...], *keys: str) -> list[list[str]]:
    return [row["kept"] for row in rows if row["rate"] in FEWER_RATES and tuple(row.get(key) for key in keys) == values]


def main() -> None:
    seed, network, rows = clear_network()
    margins = [row["margin"] for row in rows]
    print(f"seed {seed}: {len(rows)} choices, {margins.count(0)} with equal scores on both sides of a border, else margins from {min(filter(None, margins))}")
    criteria = {**FILTER_CRITERIA, **WEIGHT_CRITERIA}
    write("scope-masks.json", {
        "command": "python test/golden/make_scope_masks.py",
        "numpy": np.__version__,
        "seed": seed,
        "layout": "kernels, gradients: row-major, float32; activations: [16, 2, 2, out] per batch",
        "rule": "kept: 0/1 per filter of conv0, conv1 and the group of a and b, or per weight of conv0, conv1, a, b and head, row-major",
        "margin": "(lowest kept - highest removed) / lowest kept score, the least of all borders that the choice has; 0: equal scores",
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
        "kernels": {name: flat(kernel) for name, kernel in network.kernels.items()},
        "gammas": {name: flat(gamma) for name, gamma in network.gammas.items()},
        "gradients": {name: [flat(batch) for batch in batches] for name, batches in network.gradients.items()},
        "activations": {name: [flat(batch) for batch in batches] for name, batches in network.activations.items()},
        "criteria": {name: {"method": method, **options} for name, (method, options, _) in criteria.items()},
        "choices": rows,
    })  # fmt: skip


if __name__ == "__main__":
    main()
