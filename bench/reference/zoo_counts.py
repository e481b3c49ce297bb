"""Counts parameters and multiply-adds (MACs) of every network of the zoo, by hooks on one forward pass. Prints JSON.

MACs are counted as in count_macs.py: convolutions and Linear layers, one image. Parameters are the trainable ones.
Rows of a network: [layer under our name, MACs, parameters].
"""

import argparse
import json
import sys

import torch
from torch import nn

from count_macs import macs_of
from torch_zoo import NAMES, build, our_name, torchvision, variants

KINDS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)


def count(name: str, variant: str, image: int) -> dict[str, object]:
    """What one network costs per image; nothing is computed, only shapes are followed."""
    classes = 1000 if variant == "imagenet" else 10
    with torch.device("meta"):
        model = build(name, variant, classes)
        rows: list[list[object]] = []

        def watch(path: str, module: nn.Module) -> None:
            def hook(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
                params = sum(parameter.numel() for parameter in module.parameters())
                rows.append([our_name(name, path), macs_of(module, output), params])

            module.register_forward_hook(hook)

        for path, module in model.named_modules():
            if isinstance(module, KINDS):
                watch(path, module)
        with torch.inference_mode():
            model(torch.zeros(1, 3, image, image))
    params = sum(parameter.numel() for parameter in model.parameters())
    if sum(row[2] for row in rows) != params:
        raise AssertionError(f"{name}: a layer with parameters was not watched")
    return {
        "name": name,
        "variant": variant,
        "image": image,
        "classes": classes,
        "macs": sum(row[1] for row in rows),
        "params": params,
        "layers": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Counts MACs and parameters of the zoo.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NETWORK", help="default: all")
    names = parser.parse_args().names
    for name in names:
        if name not in NAMES:
            parser.error(f"no network is named {name}; there are {', '.join(NAMES)}")
    networks = [count(name, variant, image) for name in names for variant, image in variants(name)]
    head = {
        "command": " ".join(["python", "bench/reference/zoo_counts.py", *sys.argv[1:]]),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "unit": "multiply-adds per image; rows are [layer, MACs, trainable parameters]",
    }
    print("\n".join(["{", *(f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()), ' "networks": [']))
    for index, network in enumerate(networks):
        rows = json.dumps(network.pop("layers"))
        figures = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in network.items())
        print(f'  {{ {figures},\n   "layers": {rows} }}{"," if index + 1 < len(networks) else ""}')
    print(" ]\n}")


if __name__ == "__main__":
    main()
