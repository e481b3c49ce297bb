"""Golden layers forward and backward from PyTorch (CPU, float32), written in this project's layouts.

    python test/golden/make_batch_norm.py      writes batch-norm.json

Images are NHWC, kernels HWIO, [height, width, in, out], both flattened in row-major order. `outputGradient` is the gradient that arrives from above;
the other gradients are what the layer makes of it.
"""

from typing import Any

import torch
from torch.nn import functional as F

from golden_json import flat, write


def nhwc(images: torch.Tensor) -> dict[str, Any]:
    """NCHW as PyTorch holds it -> NHWC."""
    turned = images.detach().permute(0, 2, 3, 1)
    return {"shape": list(turned.shape), "values": flat(turned)}


def hwio(kernel: torch.Tensor) -> dict[str, Any]:
    """OIHW as PyTorch holds it -> HWIO."""
    turned = kernel.detach().permute(2, 3, 1, 0)
    return {"shape": list(turned.shape), "values": flat(turned)}


class Draw:
    """Random numbers of three decimals, so that the file stays readable."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator).mul(scale).add(shift).round(decimals=3)


def backward(output: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Sends a random gradient down and returns it."""
    gradient = draw.normal(*output.shape)
    output.backward(gradient)
    return gradient


# BatchNorm


def batch_norm_case(name: str, images: torch.Tensor, draw: Draw, momentum: float = 0.1, eps: float = 1e-5) -> dict[str, Any]:
    """One training step of the statistics, then evaluation mode with what they became."""
    channels = images.shape[1]
    layer = torch.nn.BatchNorm2d(channels, eps=eps, momentum=momentum)
    with torch.no_grad():
        layer.weight.copy_(draw.normal(channels, scale=0.3, shift=1.0))
        layer.bias.copy_(draw.normal(channels, scale=0.3))
        layer.running_mean.copy_(draw.normal(channels, scale=0.5))
        layer.running_var.copy_(draw.normal(channels, scale=0.3).abs() + 0.5)
    before = {"runningMean": layer.running_mean.clone(), "runningVariance": layer.running_var.clone()}
    x = images.clone().requires_grad_()
    layer.train()
    output = layer(x)
    gradient = backward(output, draw)
    layer.eval()
    per_channel = images.transpose(0, 1).reshape(channels, -1)
    return {
        "name": name,
        "epsilon": eps,
        "momentum": momentum,
        "momentumMeaning": "running = (1 - momentum) * running + momentum * batch; Keras and tfjs call 1 - momentum the momentum",
        "input": nhwc(images),
        "gamma": layer.weight,
        "beta": layer.bias,
        **before,
        "batchMean": per_channel.mean(1),
        "batchVariance": per_channel.var(1, unbiased=False),
        "batchVarianceUnbiased": per_channel.var(1, unbiased=True),
        "output": nhwc(output),
        "runningMeanAfter": layer.running_mean,
        "runningVarianceAfter": layer.running_var,
        "outputGradient": nhwc(gradient),
        "inputGradient": nhwc(x.grad),
        "gammaGradient": layer.weight.grad,
        "betaGradient": layer.bias.grad,
        "evaluation": nhwc(layer(images)),
    }


def batch_norm_cases() -> list[dict[str, Any]]:
    draw = Draw(1)
    scales = torch.tensor([1.0, 3.0, 0.1, 1.0]).reshape(1, 4, 1, 1)
    shifts = torch.tensor([0.0, 2.0, -1.0, 0.5]).reshape(1, 4, 1, 1)
    ordinary = (draw.normal(3, 4, 2, 3) * scales + shifts).round(decimals=3)
    zeroed = draw.normal(2, 3, 2, 2)
    zeroed[:, 1] = 0
    return [
        batch_norm_case("four-channels", ordinary, draw),
        batch_norm_case("keras-defaults", draw.normal(2, 2, 3, 3), draw, momentum=0.01, eps=1e-3),
        # What follows a zeroed filter: the batch variance is 0, so the gradient is multiplied by gamma / sqrt(epsilon).
        batch_norm_case("one-channel-zero", zeroed, draw),
    ]


# Pooling


def pool_case(name: str, images: torch.Tensor, draw: Draw, kind: str, **options: int) -> dict[str, Any]:
    x = images.clone().requires_grad_()
    if kind == "max":
        output = F.max_pool2d(x, options["size"], options["stride"], options["padding"])
    elif kind == "average":
        output = F.avg_pool2d(x, options["size"], options["stride"], options["padding"])
    else:
        output = x.mean(dim=(2, 3), keepdim=True)
    gradient = backward(output, draw)
    return {
        "name": name,
        "kind": kind,
        **options,
        "input": nhwc(images),
        "output": nhwc(output),
        "outputGradient": nhwc(gradient),
        "inputGradient": nhwc(x.grad),
    }


def distinct(draw: Draw, *shape: int) -> torch.Tensor:
    """Images without equal pixels: a tie in a window would leave the gradient's place open."""
    count = torch.Size(shape).numel()
    order = torch.randperm(count, generator=draw.generator)
    return ((order - count / 2) / 10).reshape(shape)


def pool_cases() -> list[dict[str, Any]]:
    draw = Draw(2)
    return [
        pool_case("max-2x2", distinct(draw, 2, 2, 4, 4), draw, "max", size=2, stride=2, padding=0),
        pool_case("max-3x3-overlapping", distinct(draw, 1, 3, 5, 5), draw, "max", size=3, stride=2, padding=0),
        # Padding is minus infinity, never 0: the maximum of a negative window stays negative.
        pool_case("max-3x3-padded", distinct(draw, 1, 2, 6, 6), draw, "max", size=3, stride=2, padding=1),
        pool_case("max-2x2-all-negative", distinct(draw, 1, 2, 4, 4) - 10, draw, "max", size=2, stride=2, padding=0),
        pool_case("max-2x2-odd", distinct(draw, 1, 2, 5, 5), draw, "max", size=2, stride=2, padding=0),
        pool_case("average-2x2", draw.normal(2, 2, 4, 4), draw, "average", size=2, stride=2, padding=0),
        # The subsampling of option-A shortcuts.
        pool_case("average-1x1-stride-2", draw.normal(2, 3, 4, 4), draw, "average", size=1, stride=2, padding=0),
        pool_case("average-1x1-stride-2-odd", draw.normal(1, 2, 5, 5), draw, "average", size=1, stride=2, padding=0),
        pool_case("global-average", draw.normal(2, 3, 3, 2), draw, "global-average"),
    ]


# Convolution


def conv_case(name: str, shape: tuple[int, ...], filters: int, size: int, stride: int, padding: int, draw: Draw) -> dict[str, Any]:
    images = draw.normal(*shape)
    x = images.clone().requires_grad_()
    kernel = draw.normal(filters, shape[1], size, size, scale=0.5).requires_grad_()
    bias = draw.normal(filters, scale=0.5).requires_grad_()
    output = F.conv2d(x, kernel, bias, stride=stride, padding=padding)
    gradient = backward(output, draw)
    return {
        "name": name,
        "stride": stride,
        "padding": padding,
        "input": nhwc(images),
        "kernel": hwio(kernel),
        "bias": bias,
        "output": nhwc(output),
        "outputGradient": nhwc(gradient),
        "inputGradient": nhwc(x.grad),
        "kernelGradient": hwio(kernel.grad),
        "biasGradient": bias.grad,
    }


def conv_cases() -> list[dict[str, Any]]:
    draw = Draw(3)
    return [
        # On an even image 'same' with stride 2 pads 0 before and 1 after: padding 1 on every side gives other numbers.
        conv_case("3x3-stride-2-even", (2, 2, 6, 6), 3, 3, 2, 1, draw),
        conv_case("3x3-stride-2-odd", (1, 2, 5, 5), 3, 3, 2, 1, draw),
        conv_case("3x3-stride-1", (1, 2, 4, 3), 3, 3, 1, 1, draw),
        conv_case("1x1-stride-2", (1, 3, 4, 4), 2, 1, 2, 0, draw),
        conv_case("5x5-stride-1-valid", (1, 1, 6, 6), 2, 5, 1, 0, draw),
        conv_case("7x7-stride-2", (1, 1, 8, 8), 2, 7, 2, 3, draw),
    ]


def main() -> None:
    write("batch-norm.json", {
        "command": "python test/golden/make_batch_norm.py",
        "torch": torch.__version__,
        "layout": "images [batch, height, width, channels], kernels [height, width, in, out], row-major float32; padding: zeros on every side",
        "batchNorm": batch_norm_cases(),
        "pooling": pool_cases(),
        "convolution": conv_cases(),
    })  # fmt: skip


if __name__ == "__main__":
    main()
