"""A network of MBConv blocks as plain data, and compound scaling of one. Standard library only.

A description is {"stem", "blocks": [{"inputs", "inner", "outputs", "kernel", "stride", "squeezed"}], "head", "classes",
"resolution", "padding", "epsilon", "kept"}: channels, except for the last four: pixels, `same` or `symmetric`,
BatchNorm's epsilon, and the share of its running statistics that is kept each step.
"""

import math
from collections.abc import Sequence
from typing import Any

Description = dict[str, Any]
Row = tuple[int, int, int, int, int]  # repeats, kernel, stride, expansion, width
SQUEEZE = 0.25  # arXiv 1905.11946, section 4: of a block's input channels
RGB = 3


def describe(stem: int, rows: Sequence[Row], head: int, resolution: int, classes: int, **form: Any) -> Description:
    """The description of a stage table."""
    blocks, inputs = [], stem
    for repeats, kernel, stride, expansion, width in rows:
        for repeat in range(repeats):
            blocks.append(
                {
                    "inputs": inputs,
                    "inner": inputs * expansion,
                    "outputs": width,
                    "kernel": kernel,
                    "stride": stride if repeat == 0 else 1,
                    "squeezed": max(1, int(inputs * SQUEEZE)),
                }
            )
            inputs = width
    return {"stem": stem, "blocks": blocks, "head": head, "resolution": resolution, "classes": classes, **form}


def rounded(width: float) -> int:
    """The multiple of 8 nearest to a width, and never less than 90 % of it (tensorflow/tpu, round_filters)."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


def scaled(table: dict[str, Any], at: Sequence[float], **form: Any) -> Description:
    """A table (the arguments of `describe`) at (alpha, beta, gamma), the resolution as a multiple of 8 pixels."""
    depth, width, resolution = at
    grown = {
        "stem": rounded(table["stem"] * width),
        "rows": [(math.ceil(row[0] * depth), *row[1:4], rounded(row[4] * width)) for row in table["rows"]],
        "head": rounded(table["head"] * width),
        "resolution": round(table["resolution"] * resolution / 8) * 8,
        "classes": table["classes"],
    }
    return describe(**grown, **form)


def macs(network: Description) -> int:
    """Multiply-adds of one image, biases included."""
    size = -(-network["resolution"] // 2)
    total = 9 * RGB * network["stem"] * size**2
    for block in network["blocks"]:
        inputs, inner, outputs, squeezed = (block[name] for name in ("inputs", "inner", "outputs", "squeezed"))
        if inner != inputs:
            total += inputs * inner * size**2
        size = -(-size // block["stride"])
        total += (block["kernel"] ** 2 * inner + inner * outputs) * size**2
        total += 2 * inner * squeezed + inner + squeezed
    last = network["blocks"][-1]["outputs"]
    return total + last * network["head"] * size**2 + network["head"] * network["classes"] + network["classes"]
