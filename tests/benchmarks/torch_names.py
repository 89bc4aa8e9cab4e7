"""The names and shapes of torchvision's and timm's own networks. Runs where both are installed.

`python torch_names.py FOLDER` writes `names.csv` (library, model, arrays, SHA-256 of the sorted lines `name shape`),
and those lines themselves for two models, to be read.
"""

import hashlib
import sys
from pathlib import Path

import timm
import torch
import torchvision

MODELS = {
    "torchvision": [
        *(f"efficientnet_b{n}" for n in range(8)),
        "efficientnet_v2_s",
        "mobilenet_v2",
        "resnet18",
        "resnet50",
    ],
    "timm": [
        *(f"tf_efficientnet_b{n}" for n in range(9)),
        "tf_efficientnet_l2",
        *(f"tf_efficientnetv2_b{n}" for n in range(4)),
        *(f"tinynet_{letter}" for letter in "abcde"),
        "efficientnet_b0",
        "mobilenetv1_100",
        "mobilenetv2_100",
        "resnet18",
        "resnet50",
    ],
}
LISTED = {
    ("torchvision", "efficientnet_b0"),
    ("timm", "tf_efficientnetv2_b0"),
}


def lines(library: str, model: str) -> list[str]:
    """`name shape` of every array but the counters, sorted. Shapes alone: no memory is taken."""
    with torch.device("meta"):
        network = timm.create_model(model) if library == "timm" else torchvision.models.get_model(model, weights=None)
    state = network.state_dict()
    shaped = (f"{name} {'x'.join(map(str, array.shape))}" for name, array in state.items() if array.ndim)
    return sorted(shaped)


def main(folder: str) -> None:
    """Every model."""
    rows = [
        f"# torchvision {torchvision.__version__.partition('+')[0]}, timm {timm.__version__}",
        "library,model,arrays,sha256",
    ]
    for library, models in MODELS.items():
        for model in models:
            found = lines(library, model)
            text = "\n".join(found)
            rows.append(f"{library},{model},{len(found)},{hashlib.sha256(text.encode()).hexdigest()}")
            if (library, model) in LISTED:
                Path(folder, f"{library}-{model}.txt").write_text(text + "\n", encoding="utf-8")
    Path(folder, "names.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
