"""Soft filter pruning with the papers' own rule, in PyTorch, on the budget of `npm run study`: does it collapse there too?

    .venv/bin/python bench/reference/soft_pruning.py --data DIR [--epochs 5] [--rate 0.3] [--seed 1]

DIR holds the four IDX files of Fashion-MNIST, .gz or not. A ResNet-20 learns 20,000 images in batches of 64 with SGD (Nesterov momentum 0.9, weight decay
5e-4) and a cosine from 0.1 to 0 over TEN epochs, of which the first --epochs are run. After each, the trunc(n * rate) filters of smallest L2 norm of
every convolution are set to zero: weights only, nothing else, and no gradient is masked (He et al., IJCAI 2018, arXiv:1808.06866).

One line of JSON an epoch: training loss, accuracy on 3,000 held-out images before and after the zeroing, largest filter norm and median of one layer.
"""

import argparse
import gzip
import json
import math
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from resnet import CifarResNet

TRAIN, BATCH, SCHEDULED_EPOCHS, PAD = 20_000, 64, 10, 2
MEAN, DEVIATION = 0.28604, 0.35302


def idx(folder: pathlib.Path, name: str) -> np.ndarray:
    """One IDX file as an array of bytes in its own shape."""
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(rank)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def augmented(images: torch.Tensor) -> torch.Tensor:
    """One random crop and flip for the whole batch: [n, 1, 28, 28]."""
    padded = F.pad(images, (PAD,) * 4, value=-MEAN / DEVIATION)
    y, x = torch.randint(0, 2 * PAD + 1, (2,)).tolist()
    crop = padded[:, :, y : y + images.shape[2], x : x + images.shape[3]]
    return crop.flip(3) if torch.rand(()) < 0.5 else crop


def norms(kernel: torch.Tensor) -> torch.Tensor:
    return kernel.flatten(1).norm(dim=1)


def zero_smallest(convolutions: list[nn.Conv2d], rate: float) -> None:
    for convolution in convolutions:
        kernel = convolution.weight.data
        count = math.trunc(kernel.shape[0] * (1 - (1 - rate)))
        kernel[norms(kernel).argsort()[:count]] = 0


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in zip(images.split(500), labels.split(500)))
    model.train()
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    pixels = torch.from_numpy(idx(args.data, "train-images-idx3-ubyte").copy()).float() / 255
    images = ((pixels - MEAN) / DEVIATION)[:, None]
    labels = torch.from_numpy(idx(args.data, "train-labels-idx1-ubyte").astype(np.int64))
    held_images, held_labels = images[-3_000:], labels[-3_000:]
    model = CifarResNet(20, 1)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = math.ceil(TRAIN / BATCH)
    for epoch in range(args.epochs):
        total = 0.0
        for step, chosen in enumerate(torch.randperm(TRAIN).split(BATCH)):
            progress = (epoch * steps + step) / (SCHEDULED_EPOCHS * steps)
            optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * progress))
            loss = F.cross_entropy(model(augmented(images[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        lengths = norms(convolutions[3].weight.data)
        before = accuracy(model, held_images, held_labels)
        zero_smallest(convolutions, args.rate)
        record = {
            "epoch": epoch,
            "train_loss": round(total / steps, 4),
            "accuracy": round(before, 4),
            "zeroed": round(accuracy(model, held_images, held_labels), 4),
            "largest_norm": round(lengths.max().item(), 2),
            "median_norm": round(lengths.median().item(), 2),
        }
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
