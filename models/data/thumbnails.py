"""A sprite of examples, one class a row: what a person wants to see of a data set first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLUMNS = 8
ROWS = 32  # classes; more fit on no screen
PX = 64  # at most, a side


def sprite(
    images: NDArray[np.uint8], labels: NDArray[np.int32], classes: Sequence[str], path: Path, colours: int | None = None
) -> dict[str, Any]:
    """Write a PNG of the first few images of each class; tells how it is laid out. `colours`: of a palette, at most."""
    px, shown = min(PX, images.shape[1]), classes[:ROWS]
    sheet = Image.new("RGB", (COLUMNS * px, len(shown) * px), "white")
    for row in range(len(shown)):
        for column, place in enumerate(np.flatnonzero(labels == row)[:COLUMNS]):
            image = np.asarray(images[place])
            picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
            sheet.paste(picture.resize((px, px), Image.Resampling.BILINEAR), (column * px, row * px))
    (sheet if colours is None else sheet.quantize(colours)).save(path, "PNG", optimize=True)
    return {"px": px, "columns": COLUMNS, "rows": len(shown)}
