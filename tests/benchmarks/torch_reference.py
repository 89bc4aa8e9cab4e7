"""Networks in PyTorch, written from the public tables: what ours are compared with. Runs where PyTorch is installed.

`python torch_reference.py FOLDER CASES.json` builds each case, fills it with random weights and random running
statistics, and writes `NAME.safetensors` (the state dictionary) and `NAME.io.safetensors` (images, NCHW, logits,
and the logits in float64).
It shares no code with effscale and imports nothing of it: names, shapes, order and padding are stated here anew, after
torchvision's `efficientnet.py`, `mobilenetv2.py` and `resnet.py` and timm's `_efficientnet_blocks.py`.
"""

import json
import math
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional


class Conv(nn.Conv2d):
    """A convolution without bias; `same` pads as TensorFlow does, by the size of the map it gets."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, *, same=False, bias=False):
        padding = 0 if same else (kernel - 1) // 2
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias)
        self.same = same

    def forward(self, x):
        return super().forward(pad_same(x, self.kernel_size[0], self.stride[0]) if self.same else x)


def pad_same(x, kernel, stride, value=0.0):
    """TensorFlow's documentation of SAME: the output has ceil(size / stride) pixels, the odd one goes behind."""
    sides = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        sides += [total // 2, total - total // 2]
    return functional.pad(x, sides, value=value)


class Excite(nn.Module):
    """Squeeze and excite with the names of torchvision (fc1, fc2) or timm (conv_reduce, conv_expand)."""

    def __init__(self, channels, inner, act, names):
        super().__init__()
        self.names, self.act = names, act
        setattr(self, names[0], nn.Conv2d(channels, inner, 1))
        setattr(self, names[1], nn.Conv2d(inner, channels, 1))

    def forward(self, x):
        scale = functional.adaptive_avg_pool2d(x, 1)
        scale = getattr(self, self.names[1])(self.act(getattr(self, self.names[0])(scale)))
        return torch.sigmoid(scale) * x


def unit(inputs, outputs, kernel, stride, groups, form, act=True):
    """Convolution, BatchNorm, activation: torchvision's Conv2dNormActivation."""
    layers = [
        Conv(inputs, outputs, kernel, stride, groups, same=form["same"]),
        nn.BatchNorm2d(outputs, eps=form["epsilon"]),
    ]
    return nn.Sequential(*layers, *([form["act"]()] if act else []))


class MBConv(nn.Module):
    """torchvision efficientnet.py MBConv."""

    def __init__(self, row, inputs, stride, form):
        super().__init__()
        expansion, kernel, _, outputs, _ = row
        inner = inputs * expansion
        layers = [] if expansion == 1 else [unit(inputs, inner, 1, 1, 1, form)]
        layers.append(unit(inner, inner, kernel, stride, inner, form))
        layers.append(Excite(inner, max(1, inputs // 4), form["act"](), ("fc1", "fc2")))
        layers.append(unit(inner, outputs, 1, 1, 1, form, act=False))
        self.block = nn.Sequential(*layers)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x):
        return self.block(x) + x if self.skip else self.block(x)


class InvertedResidual(nn.Module):
    """torchvision mobilenetv2.py InvertedResidual."""

    def __init__(self, row, inputs, stride, form):
        super().__init__()
        expansion, kernel, _, outputs, _ = row
        inner = inputs * expansion
        layers = [] if expansion == 1 else [unit(inputs, inner, 1, 1, 1, form)]
        layers.append(unit(inner, inner, kernel, stride, inner, form))
        layers += [Conv(inner, outputs, 1), nn.BatchNorm2d(outputs, eps=form["epsilon"])]
        self.conv = nn.Sequential(*layers)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x):
        return self.conv(x) + x if self.skip else self.conv(x)


class TimmBlock(nn.Module):
    """The blocks of timm _efficientnet_blocks.py: `cn`, `er`, `ds` and `ir`, as its architecture strings call them."""

    def __init__(self, row, inputs, stride, form):
        super().__init__()
        expansion, kernel, _, outputs, _ = row[:5]
        kind = row[5]
        inner, same, act = inputs * expansion, form["same"], form["act"]()
        norm = lambda channels: nn.BatchNorm2d(channels, eps=form["epsilon"])  # noqa: E731
        gate = Excite(inner, max(1, int(inputs * 0.25)), act, ("conv_reduce", "conv_expand"))
        steps = []
        if kind == "cn":
            self.conv, self.bn1 = Conv(inputs, outputs, kernel, stride, same=same), norm(outputs)
            steps = [self.conv, self.bn1, act]
        elif kind == "er":
            self.conv_exp, self.bn1 = Conv(inputs, inner, kernel, stride, same=same), norm(inner)
            self.conv_pwl, self.bn2 = Conv(inner, outputs, 1), norm(outputs)
            steps = [self.conv_exp, self.bn1, act, self.conv_pwl, self.bn2]
        elif kind in ("ds", "dsa"):
            self.conv_dw, self.bn1 = Conv(inputs, inputs, kernel, stride, inputs, same=same), norm(inputs)
            if form["se"]:
                self.se = gate
            self.conv_pw, self.bn2 = Conv(inputs, outputs, 1), norm(outputs)
            steps = [self.conv_dw, self.bn1, act, *([gate] if form["se"] else []), self.conv_pw, self.bn2]
            steps += [act] if kind == "dsa" else []
        else:
            self.conv_pw, self.bn1 = Conv(inputs, inner, 1), norm(inner)
            self.conv_dw, self.bn2 = Conv(inner, inner, kernel, stride, inner, same=same), norm(inner)
            if form["se"]:
                self.se = gate
            self.conv_pwl, self.bn3 = Conv(inner, outputs, 1), norm(outputs)
            steps = [self.conv_pw, self.bn1, act, self.conv_dw, self.bn2, act]
            steps += [*([gate] if form["se"] else []), self.conv_pwl, self.bn3]
        self.steps = [steps]  # in a list of a list: not registered a second time
        self.skip = stride == 1 and inputs == outputs and kind != "dsa"

    def forward(self, x):
        y = x
        for step in self.steps[0]:
            y = step(y)
        return x + y if self.skip else y


class ResidualBlock(nn.Module):
    """torchvision resnet.py BasicBlock and Bottleneck (the stride on its 3x3)."""

    def __init__(self, inputs, planes, stride, form, bottleneck):
        super().__init__()
        outputs = planes * 4 if bottleneck else planes
        shapes = [(inputs, planes, 1, 1), (planes, planes, 3, stride), (planes, outputs, 1, 1)]
        shapes = shapes if bottleneck else [(inputs, planes, 3, stride), (planes, planes, 3, 1)]
        self.count = len(shapes)
        for number, (before, after, kernel, step) in enumerate(shapes, start=1):
            setattr(self, f"conv{number}", Conv(before, after, kernel, step, same=form["same"]))
            setattr(self, f"bn{number}", nn.BatchNorm2d(after, eps=form["epsilon"]))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            norm = nn.BatchNorm2d(outputs, eps=form["epsilon"])
            self.downsample = nn.Sequential(Conv(inputs, outputs, 1, stride), norm)

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = functional.relu(y) if number < self.count else y
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """conv1, bn1, max pooling, layer1 and so on, fc."""

    def __init__(self, case, form):
        super().__init__()
        self.same = form["same"]
        stem = case.get("stem", 64)
        self.conv1, self.bn1 = Conv(3, stem, 7, 2, same=self.same), nn.BatchNorm2d(stem, eps=form["epsilon"])
        bottleneck = case["block"] == "bottleneck"
        inputs = stem
        self.stages = []
        for number, (planes, repeats) in enumerate(case["rows"], start=1):
            blocks = []
            for place in range(repeats):
                blocks.append(ResidualBlock(inputs, planes, 2 if number > 1 and place == 0 else 1, form, bottleneck))
                inputs = planes * 4 if bottleneck else planes
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
            self.stages.append(f"layer{number}")
        self.fc = nn.Linear(inputs, case["classes"])

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        if self.same:
            x = functional.max_pool2d(pad_same(x, 3, 2, -math.inf), 3, 2)
        else:
            x = functional.max_pool2d(x, 3, 2, 1)
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.fc(x.mean((2, 3)))


class TorchvisionNet(nn.Module):
    """torchvision's EfficientNet, or MobileNetV2 with its blocks numbered through."""

    def __init__(self, case, form):
        super().__init__()
        width, depth = case.get("width", 1.0), case.get("depth", 1.0)
        inverted = case["family"] == "mobilenet_v2"
        inputs = rounded(case.get("stem", 32) * width)
        features = [unit(3, inputs, 3, 2, 1, form)]
        for row in case["rows"]:
            scaled = (*row[:3], rounded(row[3] * width), math.ceil(row[4] * depth))
            blocks = []
            for place in range(scaled[4]):
                kind = InvertedResidual if inverted else MBConv
                blocks.append(kind(scaled, inputs, scaled[2] if place == 0 else 1, form))
                inputs = scaled[3]
            features += blocks if inverted else [nn.Sequential(*blocks)]
        head = rounded(case.get("head", 1280) * width)
        features.append(unit(inputs, head, 1, 1, 1, form))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(head, case["classes"]))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class TimmNet(nn.Module):
    """timm's EfficientNet: conv_stem, blocks, conv_head, classifier. Rows end in the kind of block."""

    def __init__(self, case, form):
        super().__init__()
        width, depth = case.get("width", 1.0), case.get("depth", 1.0)
        inputs = rounded(case.get("stem", 32) * width)
        self.act = form["act"]()
        self.conv_stem, self.bn1 = Conv(3, inputs, 3, 2, same=form["same"]), nn.BatchNorm2d(inputs, form["epsilon"])
        stages = []
        for row in case["rows"]:
            kind = row[5] if len(row) > 5 else ("ds" if row[0] == 1 else "ir")
            scaled = (*row[:3], rounded(row[3] * width), math.ceil(row[4] * depth), kind)
            blocks = []
            for place in range(scaled[4]):
                excited = form | {"se": kind in ("ds", "ir") and case.get("se", True)}
                blocks.append(TimmBlock(scaled, inputs, scaled[2] if place == 0 else 1, excited))
                inputs = scaled[3]
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        head = rounded(case.get("head", 1280) * width) if case.get("head", 1280) else 0
        if head:
            self.conv_head, self.bn2 = Conv(inputs, head, 1), nn.BatchNorm2d(head, form["epsilon"])
        self.classifier = nn.Linear(head or inputs, case["classes"])

    def forward(self, x):
        x = self.blocks(self.act(self.bn1(self.conv_stem(x))))
        if hasattr(self, "conv_head"):
            x = self.act(self.bn2(self.conv_head(x)))
        return self.classifier(x.mean((2, 3)))


def rounded(width):
    """tensorflow/tpu round_filters."""
    new = max(8, int(width + 4) // 8 * 8)
    return new + 8 if new < 0.9 * width else new


def build(case):
    """The network of a case: family, layout, rows, width, depth, classes, padding, epsilon, activation."""
    acts = {"swish": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6}
    form = {
        "same": case["padding"] == "same",
        "epsilon": case["epsilon"],
        "act": acts[case.get("activation", "swish")],
    }
    if case["family"] == "resnet":
        return ResNet(case, form)
    return (TimmNet if case["layout"] == "timm" else TorchvisionNet)(case, form)


def library_model(case):
    """The real thing, with random weights: `library` is torchvision or timm."""
    if case["library"] == "timm":
        import timm

        return timm.create_model(case["model"], pretrained=False, num_classes=case["classes"])
    import torchvision

    return torchvision.models.get_model(case["model"], weights=None, num_classes=case["classes"])


def randomise(network, generator):
    """He-scaled kernels; BatchNorm's scale and offset off their defaults, mostly on the bent part of the activation.

    With scale 1 and offset 0 a deep random network is chaotic: it makes float32's rounding a thousand times larger, and
    PyTorch's logits then differ from its own in float64 by more than 1e-4.
    """

    def uniform(array, low, high):
        array.copy_(torch.rand(array.shape, generator=generator) * (high - low) + low)

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * math.sqrt(2 / fan_in))
            if module.bias is not None:
                uniform(module.bias, -0.3, 0.3)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            uniform(module.weight, 0.3, 0.7)
            uniform(module.bias, 0.2, 1.0)


def calibrate(network, images):
    """Running statistics of the batch, then moved by up to 20 %: maps stay of order 1 through the depth."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    network(images)
    network.eval()
    for norm in norms:
        norm.running_mean.add_(0.2 * norm.running_var.sqrt() * torch.sin(torch.arange(len(norm.running_mean))))
        norm.running_var.mul_(1 + 0.2 * torch.cos(torch.arange(len(norm.running_var))))


def run(case, folder):
    """Write one case. Weights may be rounded to float16 for small files; the network then runs with just these."""
    torch.manual_seed(case.get("seed", 0))
    generator = torch.Generator().manual_seed(case.get("seed", 0))
    network = library_model(case) if "library" in case else build(case)
    images = torch.randn(case.get("batch", 1), 3, case["resolution"], case["resolution"], generator=generator)
    more = torch.randn(max(4, len(images)), 3, case["resolution"], case["resolution"], generator=generator)
    with torch.no_grad():
        randomise(network, generator)
        calibrate(network, more)
        last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
        last.weight.div_(network(more).std())
        if case.get("half"):
            network.half().float()
            images = images.half().float()
        logits = network(images)
    state = OrderedDict((name, value.contiguous()) for name, value in network.state_dict().items())
    if case.get("half"):
        state = {name: value.half() for name, value in state.items() if value.is_floating_point()}
    save_file(state, folder / f"{case['name']}.safetensors")
    stored = images.half() if case.get("half") else images
    with torch.no_grad():
        exact = network.double()(images.double())
    both = {"images": stored, "logits": logits, "exact": exact}
    save_file(both, folder / f"{case['name']}.io.safetensors")


def main(folder, cases):
    """Every case that this machine has the libraries for; the names of those written go to standard output."""
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    for case in json.loads(Path(cases).read_text(encoding="utf-8")):
        try:
            run(case, Path(folder))
        except (ImportError, RuntimeError) as error:
            if "library" not in case:
                raise
            print(f"skipped {case['name']}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        print(case["name"], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
