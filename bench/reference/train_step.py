"""A worker that stays alive and times PyTorch steps on request, for paired measurements.

The driver starts one worker per variant, waits for its first line, then asks each in turn, so that all variants meet
the same state of the machine. One JSON object per line on standard output.

    first line   {"ready": true, "mode": ..., "depth": ..., "format": ..., "threads": ..., "torch": ..., ...}
    "run K"      {"ms": [K wall times in milliseconds], "loss": x}    x: the loss of the last step, null if not finite
    "quit"       ends the worker, as does the end of the input
    other lines  {"error": "..."}; the worker goes on

A step of mode "train" is: clear gradients, forward in training mode, cross entropy, backward, one optimizer step (SGD, Nesterov momentum 0.9,
weight decay 5e-4 on every parameter), and reading the loss as a number. A step of mode "inference" is one forward pass in evaluation mode without autograd
and reading one logit; its loss is computed outside the time. The batch is one fixed random batch, already in memory.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from resnet import CifarResNet, blocks_per_stage

MEMORY_FORMATS = {"channels_first": torch.contiguous_format, "channels_last": torch.channels_last}

Step = Callable[[], tuple[float, Callable[[], float]]]
"""Does one step; answers the milliseconds it took and a way to get its loss."""


def positive(text: str) -> int:
    """An integer >= 1 from the command line."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be an integer >= 1, received {text!r}")
    return value


def depth(text: str) -> int:
    """A depth 6n+2 from the command line."""
    value = positive(text)
    try:
        blocks_per_stage(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return value


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; see --help."""
    parser = argparse.ArgumentParser(description="Times training or inference steps of a CIFAR ResNet in PyTorch on request.", allow_abbrev=False)
    parser.add_argument("--mode", choices=("train", "inference"), default="train")
    parser.add_argument("--depth", type=depth, default=20, help="6n+2 (default 20)")
    parser.add_argument("--batch", type=positive, default=128, help="images per step (default 128)")
    parser.add_argument("--image", type=positive, default=32, help="height and width in pixels (default 32)")
    parser.add_argument("--channels", type=positive, default=3, help="channels of the image (default 3)")
    parser.add_argument("--classes", type=positive, default=10, help="logits (default 10)")
    parser.add_argument("--format", choices=tuple(MEMORY_FORMATS), default="channels_last", help="memory layout of images and kernels")
    parser.add_argument("--threads", type=positive, help="threads inside one operation (default: PyTorch's own choice)")
    parser.add_argument("--seed", type=int, default=1, help="of weights and batch (default 1)")
    return parser.parse_args(argv)


def training_step(model: CifarResNet, images: torch.Tensor, labels: torch.Tensor) -> Step:
    """The step of mode "train"; the model changes with every call."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def step() -> tuple[float, Callable[[], float]]:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        value = loss.item()
        return (time.perf_counter() - start) * 1e3, lambda: value

    return step


def inference_step(model: CifarResNet, images: torch.Tensor, labels: torch.Tensor) -> Step:
    """The step of mode "inference"; the model stays as it is."""
    model.eval()

    def step() -> tuple[float, Callable[[], float]]:
        with torch.inference_mode():
            start = time.perf_counter()
            logits = model(images)
            logits[0, 0].item()
            elapsed = (time.perf_counter() - start) * 1e3
            return elapsed, lambda: F.cross_entropy(logits, labels).item()

    return step


def say(record: dict[str, object]) -> None:
    """One line to the driver, at once."""
    print(json.dumps(record), flush=True)


def answer(line: str, step: Step) -> dict[str, object]:
    """Does what one "run K" line asks for."""
    words = line.split()
    if len(words) != 2 or words[0] != "run" or not words[1].isdecimal() or int(words[1]) < 1:
        return {"error": f"expected 'run K' with an integer K >= 1, or 'quit'; received {line!r}"}
    done = [step() for _ in range(int(words[1]))]
    value = done[-1][1]()
    times = [round(elapsed, 4) for elapsed, _ in done]
    return {"ms": times, "loss": value if math.isfinite(value) else None}


def main() -> None:
    args = parse()
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    layout = MEMORY_FORMATS[args.format]
    model = CifarResNet(args.depth, args.channels, args.classes).to(memory_format=layout)
    images = torch.randn(args.batch, args.channels, args.image, args.image).contiguous(memory_format=layout)
    labels = torch.randint(args.classes, (args.batch,))
    step = (training_step if args.mode == "train" else inference_step)(model, images, labels)
    say({
        "ready": True,
        "mode": args.mode,
        "depth": args.depth,
        "batch": args.batch,
        "image": args.image,
        "channels": args.channels,
        "format": args.format,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "params": sum(parameter.numel() for parameter in model.parameters()),
    })
    for line in sys.stdin:
        line = line.strip()
        if line == "quit":
            return
        if line:
            say(answer(line, step))


if __name__ == "__main__":
    main()
