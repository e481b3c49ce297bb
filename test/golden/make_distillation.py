"""Golden losses of distillation and of the L1 penalty, with their gradients, from PyTorch (CPU, float32).

    python test/golden/make_distillation.py      writes distillation.json

The values are PyTorch's own; each is checked here against the formula in float64 with NumPy.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from golden_json import write

STUDENT = [[1.0, 2.0, 0.5], [0.0, 0.0, 0.0], [-1.5, 0.25, 3.0], [2.0, -2.0, 0.1]]
TEACHER = [[0.5, 3.0, -1.0], [1.0, 0.0, -1.0], [-1.5, 0.25, 3.0], [-4.0, 6.0, 0.0]]
"""The third rows agree; the fourth teacher contradicts both its student and the label."""
LABELS = [1, 0, 2, 0]
FAR = [[1000.0, 0.0, -1000.0], [90.0, 88.0, -90.0], [0.0, 0.0, 0.0], [5.0, 1.0, -5.0]]
"""exp(1000) is infinite: only a loss that subtracts the maximum first survives."""


def log_softmax(values: np.ndarray) -> np.ndarray:
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def by_formula(student: Any, teacher: Any, weight: float, temperature: float, smoothing: float) -> tuple[float, np.ndarray]:
    """Loss and gradient by the logits of the student, in float64."""
    z, v = np.array(student, np.float64), np.array(teacher, np.float64)
    n, classes = z.shape
    q = (1 - smoothing) * np.eye(classes)[LABELS] + smoothing / classes
    log_s, log_t = log_softmax(z / temperature), log_softmax(v / temperature)
    entropy = -(q * log_softmax(z)).sum(axis=1)
    divergence = (np.exp(log_t) * (log_t - log_s)).sum(axis=1)
    loss = ((1 - weight) * entropy + weight * temperature**2 * divergence).mean()
    gradient = (1 - weight) * (np.exp(log_softmax(z)) - q) + weight * temperature * (np.exp(log_s) - np.exp(log_t))
    return float(loss), gradient / n


def distillation_case(name: str, student: Any, teacher: Any, weight: float, temperature: float, smoothing: float = 0.0) -> dict[str, Any]:
    logits = torch.tensor(student, requires_grad=True)
    log_student = F.log_softmax(logits / temperature, dim=1)
    log_teacher = F.log_softmax(torch.tensor(teacher) / temperature, dim=1)
    divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(dim=1)
    entropy = F.cross_entropy(logits, torch.tensor(LABELS), label_smoothing=smoothing)
    loss = (1 - weight) * entropy + weight * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True) * temperature**2
    loss.backward()
    expected, gradient = by_formula(student, teacher, weight, temperature, smoothing)
    assert abs(expected - loss.item()) <= 1e-5 * max(1, abs(expected)), name
    assert np.abs(gradient - logits.grad.numpy()).max() <= 1e-5, name
    return {
        "name": name, "weight": weight, "temperature": temperature, "smoothing": smoothing,
        "student": student, "teacher": teacher, "labels": LABELS,
        "perSample": (divergence * temperature**2).detach(), "loss": loss.detach().numpy()[()], "gradient": logits.grad,
    }  # fmt: skip


def distillation_cases() -> list[dict[str, Any]]:
    draw = torch.Generator().manual_seed(1)
    wide = [torch.randn(4, 10, generator=draw).mul(3).round(decimals=3).tolist() for _ in range(2)]
    return [
        distillation_case("default", STUDENT, TEACHER, 0.5, 4.0),
        distillation_case("temperature-1", STUDENT, TEACHER, 0.5, 1.0),
        distillation_case("temperature-below-1", STUDENT, TEACHER, 0.3, 0.5),
        distillation_case("teacher-alone", STUDENT, TEACHER, 1.0, 2.0),
        distillation_case("smoothed-labels", STUDENT, TEACHER, 0.7, 4.0, 0.1),
        distillation_case("ten-classes", *wide, 0.9, 20.0),
        distillation_case("large-student", FAR, TEACHER, 0.5, 4.0),
        distillation_case("large-teacher", STUDENT, FAR, 0.5, 4.0),
        distillation_case("the-same", TEACHER, TEACHER, 0.5, 4.0),
    ]


def penalty_case() -> dict[str, Any]:
    """PyTorch's gradient of abs is sign, 0 at 0."""
    weights = [torch.tensor([0.5, -0.25, 0.0, 2.0], requires_grad=True), torch.tensor([-1.5, 0.0, 1e-3], requires_grad=True)]
    loss = 0.01 * sum(weight.abs().sum() for weight in weights)
    loss.backward()
    assert abs(loss.item() - 0.01 * 4.251) < 1e-8
    return {"factor": 0.01, "weights": weights, "loss": loss.detach().numpy()[()], "gradients": [weight.grad for weight in weights]}


def main() -> None:
    write("distillation.json", {
        "command": "python test/golden/make_distillation.py",
        "torch": torch.__version__,
        "distillation": {
            "formula": "loss = mean of (1 - weight) * CE(labels, student) + weight * perSample; perSample = T^2 * KL(softmax(teacher / T) || softmax(student / T)); "
            "gradient by the student's logits",
            "cases": distillation_cases(),
        },
        "l1Penalty": {"formula": "loss = factor * sum |w|; gradient = factor * sign(w)", **penalty_case()},
    })  # fmt: skip


if __name__ == "__main__":
    main()
