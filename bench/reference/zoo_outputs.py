"""Compares the zoo's outputs with PyTorch's: the same random weights, the same images. Prints one JSON object per network.

For each network: draws weights and BatchNorm statistics from a seed, converts the state dict to our layout, lets
bench/zoo-parity.ts compute the logits on the native engine, and compares. Run from the repository's root; needs Node.
Fails where a difference exceeds the tolerance, as a fraction of the largest logit.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from torch_zoo import NAMES, build, our_name, torchvision, variants

TOLERANCE = 1e-4
IMAGES = 2


def randomize(model: nn.Module) -> None:
    """Statistics and biases that a trained network could have: at their defaults, errors in their use would not show."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
            elif isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    module.bias.normal_(0, 0.05)


def converted(name: str, model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Our weights by name. Kernels: [kh, kw, in, out], depthwise [kh, kw, channels, 1], Dense [in, out]."""
    for path, module in model.named_modules():
        layer = our_name(name, path)
        if isinstance(module, nn.Conv2d):
            depthwise = module.groups > 1
            yield (
                (f"{layer}/depthwise_kernel", module.weight.permute(2, 3, 0, 1))
                if depthwise
                else (f"{layer}/kernel", module.weight.permute(2, 3, 1, 0))
            )
        elif isinstance(module, nn.Linear):
            yield f"{layer}/kernel", linear_kernel(model, module)
        elif isinstance(module, nn.BatchNorm2d):
            yield f"{layer}/gamma", module.weight
            yield f"{layer}/beta", module.bias
            yield f"{layer}/moving_mean", module.running_mean
            yield f"{layer}/moving_variance", module.running_var
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            yield f"{layer}/bias", module.bias


def linear_kernel(model: nn.Module, module: nn.Linear) -> torch.Tensor:
    """[in, out]; behind a flattened map PyTorch counts channels first, we count them last."""
    weight = module.weight
    if isinstance(model, (torchvision.models.VGG, torchvision.models.AlexNet)):
        first = next(layer for layer in model.classifier if isinstance(layer, nn.Linear))
        if module is first:
            height, width = model.avgpool.output_size
            weight = weight.reshape(len(weight), -1, height, width).permute(0, 2, 3, 1).flatten(1)
    return weight.T


def write(folder: Path, name: str, variant: str, image: int, seed: int) -> np.ndarray:
    """Writes the exchange files of one network; answers PyTorch's logits."""
    torch.manual_seed(seed)
    classes = 1000 if variant == "imagenet" else 10
    model = build(name, variant, classes)
    randomize(model)
    images = torch.randn(IMAGES, 3, image, image)
    with torch.inference_mode():
        logits = model(images).numpy()
    weights = []
    with (folder / "weights.bin").open("wb") as file:
        for key, value in converted(name, model):
            weights.append({"name": key, "shape": list(value.shape)})
            file.write(value.detach().contiguous().numpy().astype("<f4").tobytes())
    (folder / "images.bin").write_bytes(images.permute(0, 2, 3, 1).contiguous().numpy().astype("<f4").tobytes())
    head = {"arch": name, "variant": variant, "images": [IMAGES, image, image, 3], "classes": classes, "weights": weights}
    (folder / "network.json").write_text(json.dumps(head))
    return logits


def compare(name: str, variant: str, image: int, seed: int) -> bool:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        theirs = write(folder, name, variant, image, seed)
        subprocess.run(["npx", "ts-node", "--transpile-only", "bench/zoo-parity.ts", path], check=True, stdout=subprocess.DEVNULL)
        ours = np.fromfile(folder / "logits.bin", dtype="<f4").reshape(theirs.shape)
    largest = float(np.abs(theirs).max())
    difference = float(np.abs(ours - theirs).max()) / largest
    # A comparison of numbers that are not finite, or all alike, would prove nothing.
    sound = bool(np.isfinite(ours).all() and np.isfinite(theirs).all() and np.ptp(theirs) > 0)
    row = {"name": name, "variant": variant, "image": image, "maxDifference": difference, "largestLogit": largest}
    ok = sound and difference <= TOLERANCE
    print(json.dumps({**row, "ok": ok}), flush=True)
    return ok


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares the zoo's outputs with PyTorch's.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NETWORK", help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in args.names:
        if name not in NAMES:
            parser.error(f"no network is named {name}; there are {', '.join(NAMES)}")
    cases = [(name, *variant) for name in args.names for variant in variants(name)]
    results = [compare(name, variant, image, args.seed) for name, variant, image in cases]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
