"""Counts multiply-adds (MACs) and parameters of the CIFAR ResNets by watching one forward pass. Prints JSON.

A convolution costs (output elements) x (kernel height) x (kernel width) x (input channels / groups) MACs, a Linear layer
(output elements) x (inputs), both for one image. BatchNorm, ReLU, additions and pooling are counted as 0. FLOPs are 2 x MACs.
Parameters are the trainable ones: running statistics of BatchNorm are not among them.
"""

import argparse
import json
import sys

import torch
from torch import nn

from resnet import CifarResNet, blocks_per_stage

# The figures that He et al. 2016 and the filter pruning papers agree on; a network that misses them is not theirs.
PUBLISHED_CONV_MACS = {20: 40_550_400, 32: 68_861_952, 56: 125_485_056, 110: 252_887_040}


def macs_of(module: nn.Module, output: torch.Tensor) -> int:
    """MACs that one layer spent on `output`, [1, ...]."""
    if isinstance(module, nn.Conv2d):
        kernel_height, kernel_width = module.kernel_size
        return output.numel() * kernel_height * kernel_width * module.in_channels // module.groups
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    return 0


def count(depth: int, image: int, channels: int, classes: int) -> dict[str, object]:
    """What one network costs per image."""
    model = CifarResNet(depth, channels, classes).eval()
    layers: list[dict[str, object]] = []

    def watch(name: str, module: nn.Module) -> None:
        def hook(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            layers.append({
                "name": name,
                "kind": type(module).__name__,
                "output": list(output.shape[1:]),
                "macs": macs_of(module, output),
                "params": sum(parameter.numel() for parameter in module.parameters()),
            })

        module.register_forward_hook(hook)

    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
            watch(name, module)
    with torch.inference_mode():
        model(torch.zeros(1, channels, image, image))
    params = sum(parameter.numel() for parameter in model.parameters())
    if sum(layer["params"] for layer in layers) != params:
        raise AssertionError(f"depth {depth}: a layer with parameters was not watched")
    conv_macs = sum(layer["macs"] for layer in layers if layer["kind"] == "Conv2d")
    published = PUBLISHED_CONV_MACS.get(depth)
    if (image, channels) == (32, 3) and published is not None and conv_macs != published:
        raise AssertionError(f"depth {depth}: {conv_macs} convolution MACs, published {published}")
    return {
        "depth": depth,
        "convMacs": conv_macs,
        "macs": sum(layer["macs"] for layer in layers),
        "params": params,
        "convParams": sum(layer["params"] for layer in layers if layer["kind"] == "Conv2d"),
        "batchNormParams": sum(layer["params"] for layer in layers if layer["kind"] == "BatchNorm2d"),
        "convolutions": sum(layer["kind"] == "Conv2d" for layer in layers),
        "layers": layers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Counts MACs and parameters of CIFAR ResNets.", allow_abbrev=False)
    parser.add_argument("--depths", type=int, nargs="+", default=[20, 32, 44, 56, 110])
    parser.add_argument("--image", type=int, default=32)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--classes", type=int, default=10)
    args = parser.parse_args()
    for depth in args.depths:
        try:
            blocks_per_stage(depth)
        except ValueError as error:
            parser.error(f"argument --depths: {error}")
    networks = [count(depth, args.image, args.channels, args.classes) for depth in args.depths]
    head = {
        "command": " ".join(["python", "bench/reference/count_macs.py", *sys.argv[1:]]),
        "torch": torch.__version__,
        "unit": "multiply-adds per image; output shapes are [channels, height, width], or [units]",
        "image": [args.image, args.image, args.channels],
        "classes": args.classes,
    }
    # One line per layer: readable, and a difference shows where it is.
    lines = [f' {json.dumps(key)}: {json.dumps(value)},' for key, value in head.items()]
    print("\n".join(["{", *lines, ' "networks": [']))
    for index, network in enumerate(networks):
        layers = network.pop("layers")
        figures = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in network.items())
        rows = ",\n".join(f"   {json.dumps(layer)}" for layer in layers)
        comma = "," if index + 1 < len(networks) else ""
        print(f'  {{ {figures}, "layers": [\n{rows}\n  ] }}{comma}')
    print(" ]\n}")


if __name__ == "__main__":
    main()
