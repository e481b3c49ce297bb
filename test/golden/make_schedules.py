"""Golden optimizer steps, learning rates and label-smoothed losses, from PyTorch (CPU, float32).

    python test/golden/make_schedules.py      writes schedules.json

All of it is PyTorch's own arithmetic; the formulas beside the values say what they should be, and the learning rates are checked against theirs here.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim import lr_scheduler

from golden_json import write

START = [0.5, -1.25, 2.0, 0.001, 0.0]
GRADIENTS = [
    [0.1, -0.2, 0.3, 0.0, 1.0],
    [0.05, 0.4, -0.3, 0.0, -1.0],
    [-0.2, 0.1, 0.25, 1e-4, 0.5],
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [1.5, -2.0, 0.75, -1e-3, 1e-6],
]
"""One row per step; the zeros of step 3 show what momentum and weight decay do alone."""


# Optimizers

SGD = "g' = g + weightDecay * w; v = momentum * v + g' (v = g' at the first step); w = w - lr * v"
NESTEROV = "g' = g + weightDecay * w; v = momentum * v + g' (v = g' at the first step); w = w - lr * (g' + momentum * v)"
ADAM = (
    "g' = g + weightDecay * w; m = beta1 * m + (1 - beta1) * g'; v = beta2 * v + (1 - beta2) * g'^2; t = 1, 2, ...; "
    "w = w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
)
ADAMW = (
    "w = w * (1 - lr * weightDecay); m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; t = 1, 2, ...; "
    "w = w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
)

Make = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]


def sgd(momentum: float, nesterov: bool, weight_decay: float) -> Make:
    return lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def adam(kind: type[torch.optim.Optimizer], lr: float, weight_decay: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> Make:
    return lambda weights: kind(weights, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


OPTIMIZERS: list[tuple[str, str, Make, list[float] | None]] = [
    ("sgd-nesterov-weight-decay", NESTEROV, sgd(0.9, True, 5e-4), None),
    ("sgd-nesterov", NESTEROV, sgd(0.9, True, 0.0), None),
    ("sgd-momentum-weight-decay", SGD, sgd(0.9, False, 5e-4), None),
    ("sgd-momentum", SGD, sgd(0.9, False, 0.0), None),
    ("sgd-plain", SGD, sgd(0.0, False, 0.0), None),
    ("sgd-plain-weight-decay", SGD, sgd(0.0, False, 0.1), None),
    # v holds gradients, not steps: a new learning rate acts on the whole of v at once.
    ("sgd-nesterov-new-learning-rate", NESTEROV, sgd(0.9, True, 5e-4), [0.1, 0.1, 0.01, 0.01, 0.002]),
    ("adam", ADAM, adam(torch.optim.Adam, 1e-3, 0.0), None),
    ("adam-weight-decay", ADAM, adam(torch.optim.Adam, 1e-2, 0.1), None),
    # A large epsilon tells it from the variant that adds epsilon to sqrt(v) before the bias correction.
    ("adam-large-epsilon", ADAM, adam(torch.optim.Adam, 1e-2, 0.0, (0.8, 0.95), 1e-2), None),
    ("adamw", ADAMW, adam(torch.optim.AdamW, 1e-2, 0.1), None),
    ("adamw-new-learning-rate", ADAMW, adam(torch.optim.AdamW, 1e-2, 0.1), [1e-2, 1e-2, 1e-3, 1e-3, 1e-4]),
]
SLOTS = {"momentum_buffer": "v", "exp_avg": "m", "exp_avg_sq": "v"}


def optimizer_case(name: str, formula: str, make: Make, rates: list[float] | None) -> dict[str, Any]:
    weights = torch.nn.Parameter(torch.tensor(START))
    optimizer = make([weights])
    group = optimizer.param_groups[0]
    options: dict[str, Any] = {"weightDecay": group["weight_decay"]}
    if "momentum" in group:
        options |= {"momentum": group["momentum"], "nesterov": group["nesterov"]}
    else:
        options |= {"beta1": group["betas"][0], "beta2": group["betas"][1], "epsilon": group["eps"]}
    steps = []
    for index, gradient in enumerate(GRADIENTS):
        if rates is not None:
            group["lr"] = rates[index]
        weights.grad = torch.tensor(gradient)
        optimizer.step()
        state = optimizer.state[weights]
        slots = {short: state[key].clone() for key, short in SLOTS.items() if state.get(key) is not None}
        steps.append({"lr": group["lr"], "weights": weights.detach().clone(), "slots": slots})
    return {"name": name, "formula": formula, **options, "steps": steps}


# Learning rates; epochs are 0-based


def multi_step(base: float, milestones: list[int], gamma: float, epoch: int) -> float:
    return base * gamma ** sum(milestone <= epoch for milestone in milestones)


def cosine(base: float, least: float, span: int, epoch: int) -> float:
    return least + (base - least) * (1 + math.cos(math.pi * epoch / span)) / 2


def warmed(base: float, warmup: int, epoch: int, after: Callable[[int], float]) -> float:
    return base * (epoch + 1) / warmup if epoch < warmup else after(epoch - warmup)


WARM = "lr(e) = base * (e + 1) / warmup for e < warmup: the last epoch of the warm-up has the base rate already"


def rates_of(base: float, epochs: int, make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = make(optimizer)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def warm_then(warmup: int, make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]) -> Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]:
    """PyTorch's linear warm-up, then another schedule that starts counting at 0."""

    def build(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
        warm = lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, end_factor=1.0, total_iters=warmup - 1)
        return lr_scheduler.SequentialLR(optimizer, [warm, make(optimizer)], milestones=[warmup])

    return build


def multi_step_case(name: str, base: float, milestones: list[int], gamma: float, epochs: int) -> dict[str, Any]:
    rates = rates_of(base, epochs, lambda optimizer: lr_scheduler.MultiStepLR(optimizer, milestones, gamma))
    expected = [multi_step(base, milestones, gamma, epoch) for epoch in range(epochs)]
    return checked(
        {
            "name": name,
            "formula": "lr(e) = base * gamma^(number of milestones <= e)",
            "base": base, "milestones": milestones, "gamma": gamma, "warmup": 0, "epochs": epochs,
        },
        rates, expected,
    )  # fmt: skip


def warm_multi_step_case(name: str, base: float, milestones: list[int], gamma: float, warmup: int, epochs: int) -> dict[str, Any]:
    """Milestones count from epoch 0 of the whole run, so the scheduler behind the warm-up gets them less `warmup`."""
    shifted = [milestone - warmup for milestone in milestones]
    rates = rates_of(base, epochs, warm_then(warmup, lambda optimizer: lr_scheduler.MultiStepLR(optimizer, shifted, gamma)))
    expected = [warmed(base, warmup, epoch, lambda rest: multi_step(base, shifted, gamma, rest)) for epoch in range(epochs)]
    return checked(
        {
            "name": name,
            "formula": f"{WARM}; then base * gamma^(number of milestones <= e), milestones counted from epoch 0",
            "base": base, "milestones": milestones, "gamma": gamma, "warmup": warmup, "epochs": epochs,
        },
        rates, expected,
    )  # fmt: skip


def cosine_case(name: str, base: float, least: float, warmup: int, epochs: int) -> dict[str, Any]:
    span = epochs - warmup

    def make(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=span, eta_min=least)

    rates = rates_of(base, epochs, warm_then(warmup, make) if warmup else make)
    expected = [warmed(base, warmup, epoch, lambda rest: cosine(base, least, span, rest)) for epoch in range(epochs)]
    after = "lr(e) = min + (base - min) * (1 + cos(pi * (e - warmup) / (epochs - warmup))) / 2; it would reach min at e = epochs, which is not run"
    return checked(
        {"name": name, "formula": f"{WARM}; then {after}" if warmup else after, "base": base, "min": least, "warmup": warmup, "epochs": epochs},
        rates, expected,
    )  # fmt: skip


def checked(case: dict[str, Any], rates: list[float], expected: list[float]) -> dict[str, Any]:
    """PyTorch multiplies its way from epoch to epoch, so the last digits differ from the closed form."""
    worst = max(abs(rate - value) / value for rate, value in zip(rates, expected, strict=True))
    assert worst < 1e-9, f"{case['name']}: formula and PyTorch differ by {worst}"
    return {**case, "rates": rates}


# Losses


def loss_case(name: str, logits: list[list[float]], labels: list[int], smoothing: float) -> dict[str, Any]:
    values = torch.tensor(logits, requires_grad=True)
    targets = torch.tensor(labels)
    each = F.cross_entropy(values, targets, label_smoothing=smoothing, reduction="none").detach()
    mean = F.cross_entropy(values, targets, label_smoothing=smoothing)
    mean.backward()
    return {
        "name": name,
        "smoothing": smoothing,
        "logits": values,
        "labels": labels,
        "losses": each,
        "mean": mean.detach().numpy()[()],
        "meanGradient": values.grad,
    }


def losses() -> list[dict[str, Any]]:
    small = [[1.0, 2.0, 0.5], [0.0, 0.0, 0.0], [-1.5, 0.25, 3.0], [2.0, -2.0, 0.1]]
    wide = torch.randn(4, 10, generator=torch.Generator().manual_seed(1)).mul(2).round(decimals=3).tolist()
    extreme = [[1000.0, 0.0, -1000.0], [90.0, 88.0, -90.0]]
    cases = []
    for smoothing in (0.0, 0.1, 0.3):
        cases.append(loss_case(f"three-classes-{smoothing}", small, [1, 0, 2, 1], smoothing))
        cases.append(loss_case(f"ten-classes-{smoothing}", wide, [3, 9, 0, 5], smoothing))
        # exp(1000) is infinite: only a loss that subtracts the maximum first survives.
        cases.append(loss_case(f"large-logits-{smoothing}", extreme, [0, 1], smoothing))
    return cases


def main() -> None:
    write("schedules.json", {
        "command": "python test/golden/make_schedules.py",
        "torch": torch.__version__,
        "optimizers": {
            "start": START,
            "gradients": GRADIENTS,
            "note": "float32; steps[i] holds the weights and slots after the gradient i; lr is the rate of that step",
            "cases": [optimizer_case(*case) for case in OPTIMIZERS],
        },
        "learningRates": {
            "note": "rates[e] is the learning rate of epoch e, e = 0 .. epochs - 1",
            "cases": [
                multi_step_case("multi-step-paper", 0.1, [60, 120, 160], 0.2, 200),
                multi_step_case("multi-step", 0.1, [3, 6, 8], 0.1, 10),
                warm_multi_step_case("multi-step-warm-up", 0.1, [6, 9], 0.1, 4, 12),
                cosine_case("cosine", 0.1, 0.0, 0, 12),
                cosine_case("cosine-least", 0.1, 0.001, 0, 12),
                cosine_case("cosine-warm-up", 0.1, 0.0, 4, 16),
                cosine_case("cosine-warm-up-least", 0.4, 0.01, 5, 20),
            ],
        },
        "crossEntropy": {
            "formula": "loss = -sum_k q_k * log softmax(logits)_k, q_k = (1 - smoothing) * [k = label] + smoothing / classes; "
            "meanGradient = (softmax(logits) - q) / batch",
            "cases": losses(),
        },
    })  # fmt: skip


if __name__ == "__main__":
    main()
