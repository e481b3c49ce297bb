"""The networks of models/ in PyTorch: torchvision's where it has them, built of its parts where it has not.

A variant is `imagenet` (torchvision's own) or `cifar` (the first two halvings left out, a 3x3 stem; in AlexNet and VGG one
Linear layer behind global average pooling).

Needs, beside requirements.txt: pip install --no-deps torchvision==0.28.0 pillow
"""

import warnings

import torch
from torch import nn

try:
    import torchvision
except RuntimeError:
    # The wheel of the package index is built for GPUs: beside a CPU build of torch its compiled operations do not load, and
    # their shape rules then miss them. No network here uses them, so it is enough that they have a name.
    _operations = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _operations.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision
from torchvision.models import vgg as torchvision_vgg
from torchvision.ops.misc import Conv2dNormActivation

from resnet import CifarResNet, blocks_per_stage

CIFAR_RESNETS = (20, 32, 44, 56, 110)
VGG_DEPTHS = {9: None, 11: "A", 13: "B", 16: "D", 19: "E"}
# VGG-11 without its last stage; not torchvision's.
VGG9 = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M"]
# Filters and stride of MobileNetV1's blocks; not torchvision's.
MOBILENET_V1 = [
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
]

NAMES = [
    *(f"resnet{depth}" for depth in CIFAR_RESNETS),
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    "alexnet",
    *(f"vgg{depth}{suffix}" for depth in VGG_DEPTHS for suffix in ("", "_bn")),
    "mobilenet_v1", "mobilenet_v2", "mnasnet1_0", "squeezenet1_0", "squeezenet1_1",
    "googlenet", "densenet121", "efficientnet_b0",
]


def variants(name: str) -> list[tuple[str, int]]:
    """The variants of a network, each with the height and width of its images."""
    if is_cifar_resnet(name):
        return [("cifar", 32)]
    return [("imagenet", 224), ("cifar", 32)]


def is_cifar_resnet(name: str) -> bool:
    return name in {f"resnet{depth}" for depth in CIFAR_RESNETS}


def our_name(name: str, path: str) -> str:
    """The name under which models/ has the module: its path with '_' for '.', as torchvision's names are mapped."""
    if is_cifar_resnet(name):  # the one twin that numbers its blocks through
        head, *rest = path.split(".")
        if head == "predictions":
            return "fc"
        if head == "blocks" and rest:
            stage, index = divmod(int(rest[0]), blocks_per_stage(int(name.removeprefix("resnet"))))
            return "_".join([f"layer{stage + 1}", str(index), *rest[1:]])
    return path.replace(".", "_")


class MobileNetV1(nn.Module):
    """Howard et al. 2017, table 1, of torchvision's parts."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [Conv2dNormActivation(3, 32, stride=2)]
        inputs = 32
        for outputs, stride in MOBILENET_V1:
            layers.append(nn.Sequential(
                Conv2dNormActivation(inputs, inputs, stride=stride, groups=inputs),
                Conv2dNormActivation(inputs, outputs, kernel_size=1),
            ))
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(inputs, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class WithMean(nn.Module):
    """Features, the mean of each channel, one Linear layer: the CIFAR variant of AlexNet and VGG."""

    def __init__(self, features: nn.Module, inputs: int, classes: int) -> None:
        super().__init__()
        self.features = features
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


def build(name: str, variant: str, classes: int) -> nn.Module:
    """The network in evaluation mode, its weights as PyTorch draws them."""
    if is_cifar_resnet(name):
        return CifarResNet(int(name.removeprefix("resnet")), 3, classes).eval()
    model = large(name, classes)
    return (model if variant == "imagenet" else small(name, model, classes)).eval()


def large(name: str, classes: int) -> nn.Module:
    if name == "mobilenet_v1":
        return MobileNetV1(classes)
    if name.startswith("vgg9"):
        features = torchvision_vgg.make_layers(VGG9, batch_norm=name.endswith("_bn"))
        return torchvision_vgg.VGG(features, num_classes=classes, init_weights=False)
    options: dict[str, object] = {"weights": None, "num_classes": classes}
    if name == "googlenet":
        options |= {"aux_logits": False, "init_weights": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(torchvision.models, name)(**options)


def small(name: str, model: nn.Module, classes: int) -> nn.Module:
    """The CIFAR variant of a network, made of the ImageNet one."""
    if name.startswith("vgg"):
        return WithMean(model.features, 512, classes)
    if name == "alexnet":
        model.features[0] = nn.Conv2d(3, 64, 3, padding=1)
        return WithMean(model.features, 256, classes)
    # The convolution of the stem, by its path, and what else must not halve the map.
    if name.startswith("resnet"):
        model.conv1 = stem(model.conv1)
        model.maxpool = nn.Identity()
    elif name.startswith("squeezenet"):
        model.features[0] = stem(model.features[0])
        model.features[2] = nn.Identity()
    elif name == "googlenet":
        model.conv1.conv = stem(model.conv1.conv)
        model.maxpool1 = nn.Identity()
    elif name == "densenet121":
        model.features.conv0 = stem(model.features.conv0)
        model.features.pool0 = nn.Identity()
    else:
        sequence = model.layers if name == "mnasnet1_0" else model.features
        halving = [module for module in sequence.modules() if isinstance(module, nn.Conv2d) and module.stride == (2, 2)]
        for convolution in halving[:2]:
            convolution.stride = (1, 1)
    return model


def stem(convolution: nn.Conv2d) -> nn.Conv2d:
    """A 3x3 convolution of stride 1 with as many filters."""
    return nn.Conv2d(3, convolution.out_channels, 3, padding=1, bias=convolution.bias is not None)
