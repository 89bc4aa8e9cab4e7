"""The networks on which PyTorch and we are compared: a stage table for each side, stated apart.

For PyTorch rows of (expansion, kernel, stride, outputs, repeats), with the kind of block where timm names it; or the
name of a library's own model. For us a table that extends a baseline.
"""

from typing import Any

B0 = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3)]
B0 += [(6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
INVERTED = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 3, 2, 32, 3), (6, 3, 2, 64, 4), (6, 3, 1, 96, 3)]
INVERTED += [(6, 3, 2, 160, 3), (6, 3, 1, 320, 1)]
V2_B0 = [(1, 3, 1, 16, 1, "cn"), (4, 3, 2, 32, 2, "er"), (4, 3, 2, 48, 2, "er")]
V2_B0 += [(4, 3, 2, 96, 3, "ir"), (6, 3, 1, 112, 5, "ir"), (6, 3, 2, 192, 8, "ir")]
MOBILENET_V1 = [(1, 3, 1, 64, 1, "dsa"), (1, 3, 2, 128, 2, "dsa"), (1, 3, 2, 256, 2, "dsa")]
MOBILENET_V1 += [(1, 3, 2, 512, 6, "dsa"), (1, 3, 2, 1024, 2, "dsa")]
RESNET_18 = [(64, 2), (128, 2), (256, 2), (512, 2)]
RESNET_50 = [(64, 3), (128, 4), (256, 6), (512, 3)]

# torchvision efficientnet.py, efficientnet_v2_s: no baseline of ours, but a table that a user may write
V2_S = {
    "name": "v2-s",
    "stem": 24,
    "head": 1280,
    "resolution": 384,
    "classes": 1000,
    "stages": [
        {"repeats": 2, "kernel": 3, "stride": 1, "expansion": 1, "width": 24, "block": "fused-mbconv"},
        {"repeats": 4, "kernel": 3, "stride": 2, "expansion": 4, "width": 48, "block": "fused-mbconv"},
        {"repeats": 4, "kernel": 3, "stride": 2, "expansion": 4, "width": 64, "block": "fused-mbconv"},
        {"repeats": 6, "kernel": 3, "stride": 2, "expansion": 4, "width": 128},
        {"repeats": 9, "kernel": 3, "stride": 1, "expansion": 6, "width": 160},
        {"repeats": 15, "kernel": 3, "stride": 2, "expansion": 6, "width": 256},
    ],
}


def _case(name: str, layout: str, baseline: str, px: int, padding: str, epsilon: float, **more: Any) -> dict[str, Any]:
    changed = {"padding": padding, "norm_epsilon": epsilon}
    ours = {**more.pop("table"), **changed} if "table" in more else {"extends": baseline, **changed}
    shared = {"name": name, "layout": layout, "padding": padding, "epsilon": epsilon, "resolution": px, "classes": 1000}
    return {**shared, "ours": ours, **more}


def _b0(name: str, layout: str, px: int, padding: str, epsilon: float, **more: Any) -> dict[str, Any]:
    return _case(name, layout, "efficientnet-b0", px, padding, epsilon, family="efficientnet", rows=B0, **more)


REFERENCE = [
    _b0("b0, symmetric", "torchvision", 224, "symmetric", 1e-5),
    _b0("b3, symmetric", "torchvision", 300, "symmetric", 1e-5, width=1.2, depth=1.4, preset="b3"),
    _b0("b0, same", "timm", 224, "same", 1e-3),
    _b0("b0 at 193 px, same", "timm", 193, "same", 1e-3),
    _b0("b3, same", "timm", 300, "same", 1e-3, width=1.2, depth=1.4, preset="b3"),
    *(
        _case(f"{name}, {padding}", "torchvision", name, 224, padding, 1e-5, family="resnet", block=block, rows=rows)
        for padding in ("symmetric", "same")
        for name, block, rows in (("resnet-18", "basic", RESNET_18), ("resnet-50", "bottleneck", RESNET_50))
    ),
    *(
        _case(
            f"mobilenet-v2, {padding}",
            "torchvision",
            "mobilenet-v2",
            224,
            padding,
            epsilon,
            family="mobilenet_v2",
            rows=INVERTED,
            activation="relu6",
        )
        for padding, epsilon in (("symmetric", 1e-5), ("same", 1e-3))
    ),
    _case(
        "efficientnetv2-b0, same", "timm", "efficientnetv2-b0", 224, "same", 1e-3, family="efficientnetv2", rows=V2_B0
    ),
    _case(
        "mobilenet-v1, same",
        "timm",
        "mobilenet-v1",
        224,
        "same",
        1e-3,
        family="mobilenetv1",
        rows=MOBILENET_V1,
        head=0,
        activation="relu6",
    ),
]

LIBRARIES = [
    _case(f"{library}'s {model}", library, baseline, px, padding, epsilon, library=library, model=model, **more)
    for library, model, baseline, px, padding, epsilon, more in (
        ("torchvision", "efficientnet_b0", "efficientnet-b0", 224, "symmetric", 1e-5, {}),
        ("torchvision", "efficientnet_b3", "efficientnet-b0", 300, "symmetric", 1e-5, {"preset": "b3"}),
        ("torchvision", "efficientnet_v2_s", "", 224, "symmetric", 1e-3, {"table": V2_S}),
        ("torchvision", "mobilenet_v2", "mobilenet-v2", 224, "symmetric", 1e-5, {}),
        ("torchvision", "resnet18", "resnet-18", 224, "symmetric", 1e-5, {}),
        ("torchvision", "resnet50", "resnet-50", 224, "symmetric", 1e-5, {}),
        ("timm", "efficientnet_b0", "efficientnet-b0", 224, "symmetric", 1e-5, {}),
        ("timm", "tf_efficientnet_b0", "efficientnet-b0", 224, "same", 1e-3, {}),
        ("timm", "tf_efficientnet_b3", "efficientnet-b0", 300, "same", 1e-3, {"preset": "b3"}),
        ("timm", "tf_efficientnetv2_b0", "efficientnetv2-b0", 224, "same", 1e-3, {}),
        ("timm", "tinynet_a", "tinynet", 192, "symmetric", 1e-5, {"preset": "a"}),
        ("timm", "mobilenetv1_100", "mobilenet-v1", 224, "symmetric", 1e-5, {}),
        ("timm", "mobilenetv2_100", "mobilenet-v2", 224, "symmetric", 1e-5, {}),
        ("timm", "resnet50", "resnet-50", 224, "symmetric", 1e-5, {}),
    )
]

CASES = [*REFERENCE, *LIBRARIES]
