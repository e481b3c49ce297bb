"""Golden rates of the pruning schedules, with NumPy in double precision, from the papers' own forms.

    python test/golden/make_pruning_schedules.py      writes pruning-schedules.json

Each is stated as in its source, not as the code computes it: the geometric schedule round by round, the polynomial one by steps, the
asymptotic one as a system of equations.
"""

from typing import Any

import numpy as np

from golden_json import write

EVENTS = 8
"""Intervals between the first and the last event; progress is 0/8 .. 8/8."""

RATES = [0.3, 0.5, 0.9]
INITIALS = [0.0, 0.1, 0.25]


def constant(final: float, _initial: float) -> list[float]:
    """Soft filter pruning: the rate after every epoch."""
    return [final] * (EVENTS + 1)


def linear(final: float, initial: float) -> list[float]:
    return np.linspace(initial, final, EVENTS + 1).tolist()


def geometric(final: float, _initial: float) -> list[float]:
    """Each round keeps the same share of what the one before left, and the last has removed the rate."""
    share = (1 - final) ** (1 / EVENTS)
    left, rates = 1.0, [0.0]
    for _ in range(EVENTS):
        left *= share
        rates.append(1 - left)
    return rates


def polynomial(final: float, initial: float) -> list[float]:
    """Zhu and Gupta 2017, eq. 1: s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3, here t_0 = 1000, dt = 50, n = 8."""
    start, interval = 1000, 50
    times = [start + index * interval for index in range(EVENTS + 1)]
    return [final + (initial - final) * (1 - (time - start) / (EVENTS * interval)) ** 3 for time in times]


def asymptotic(final: float, initial: float) -> list[float]:
    """P(e) = a exp(-k e) + b through (0, initial), (1/8, three quarters of the way), (1, final)."""
    early = initial + 0.75 * (final - initial)

    def coefficients(k: float) -> tuple[float, float]:
        return tuple(np.linalg.solve([[1.0, 1.0], [np.exp(-k), 1.0]], [initial, final]))

    low, high = 1.0, 50.0
    for _ in range(200):
        k = (low + high) / 2
        a, b = coefficients(k)
        if a * np.exp(-k / 8) + b < early:
            low = k
        else:
            high = k
    a, b = coefficients(k)
    assert initial > 0 or abs(a * np.exp(-k / 8) + b - 0.75 * final) < 1e-12
    return [float(a * np.exp(-k * index / EVENTS) + b) for index in range(EVENTS + 1)]


CURVES = {"constant": constant, "linear": linear, "geometric": geometric, "polynomial": polynomial, "asymptotic": asymptotic}


def cases() -> list[dict[str, Any]]:
    return [
        {"schedule": name, "final": final, "initial": initial, "rates": curve(final, initial)}
        for name, curve in CURVES.items()
        for final in RATES
        for initial in INITIALS
    ]


def main() -> None:
    write("pruning-schedules.json", {
        "command": "python test/golden/make_pruning_schedules.py",
        "numpy": np.__version__,
        "note": "rates[i] is the rate at progress i / 8",
        "cases": cases(),
    })  # fmt: skip


if __name__ == "__main__":
    main()
