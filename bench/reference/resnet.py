"""The CIFAR ResNets (depth 6n+2) as the papers build them, in PyTorch.

Three stages of n basic blocks with 16, 32 and 64 channels; bias-free 3x3 convolutions padded by 1 on every side;
BatchNorm (eps 1e-5, momentum 0.1: the new value weighs 0.1) after each; global average pooling; one Linear layer to the logits.
Shortcuts are option A: where a stage halves the image, every second pixel is taken and zero channels are appended
AFTER the existing ones, so a shortcut has no parameters.
Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2.
"""

import torch
from torch import nn
from torch.nn import functional as F

STAGE_WIDTHS = (16, 32, 64)


def blocks_per_stage(depth: int) -> int:
    """The n of depth = 6n + 2; any other depth is an error."""
    n, rest = divmod(depth - 2, 6)
    if n < 1 or rest:
        raise ValueError(f"depth must be 6n+2 with n >= 1 (8, 14, 20, 32, 44, 56, 110, ...), received {depth}")
    return n


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A bias-free 3x3 convolution, one pixel of zeros on every side."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)
        self.stride = stride
        self.appended = outputs - inputs

    def shortcut(self, x: torch.Tensor) -> torch.Tensor:
        """Option A: subsample, then append zero channels."""
        if self.stride != 1:
            x = x[:, :, :: self.stride, :: self.stride]
        # F.pad counts from the last axis: (w, w, h, h, channels before, channels after).
        return F.pad(x, (0, 0, 0, 0, 0, self.appended)) if self.appended else x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        return F.relu(out.add_(self.shortcut(x)), inplace=True)


class CifarResNet(nn.Module):
    """[n, channels, h, w] -> logits [n, classes]."""

    def __init__(self, depth: int, channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        n = blocks_per_stage(depth)
        self.conv1 = conv3x3(channels, STAGE_WIDTHS[0])
        self.bn1 = nn.BatchNorm2d(STAGE_WIDTHS[0], eps=1e-5, momentum=0.1)
        blocks: list[nn.Module] = []
        inputs = STAGE_WIDTHS[0]
        for stage, outputs in enumerate(STAGE_WIDTHS):
            for index in range(n):
                blocks.append(BasicBlock(inputs, outputs, 2 if stage > 0 and index == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.predictions = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.blocks(out)
        return self.predictions(out.mean(dim=(2, 3)))
