"""What a network may start from: a file of weights in our layout, torchvision's or timm's, or a smaller parent.

Every array of a file must have its place: one that is missing, left over or of another shape is refused by name. Only
the classifier may differ, in its classes: it is then drawn anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidWeights
from models.layers.flat_layout import layout as places_of
from models.scaling.architecture import ScaledArchitecture, WeightLayout
from models.weights import files, growth, torch_layouts
from models.weights.files import WeightFile
from models.weights.torch_layouts import IGNORED, Entry

Weights = NDArray[np.float32]

CLASSIFIER = ("classifier.kernel", "classifier.bias")
NAMED_AT_MOST = 5  # names in a message
# What decides the values of a network, and no shape of its weights
UNSEEN = ("padding", "norm_epsilon", "activation", "stem_stride", "stem_pool")


class Convention(NamedTuple):
    """How the networks of a layout were trained: what the weights mean, and no name or shape in a file tells."""

    padding: str
    norm_epsilon: float
    of: str


_CONVENTIONS: Mapping[str, tuple[Convention, ...]] = {
    # torchvision models/efficientnet.py: B5 to B7 and V2 have norm_layer eps=1e-3
    "torchvision": (
        Convention("symmetric", 1e-5, "torchvision's weights"),
        Convention("symmetric", 1e-3, "its efficientnet_b5 to b7 and efficientnet_v2"),
    ),
    # timm models/efficientnet.py: the tf_ models set pad_type="same" and BN_EPS_TF_DEFAULT
    "timm": (
        Convention("symmetric", 1e-5, "timm's own weights"),
        Convention("same", 1e-3, "its tf_ models, which were trained with TensorFlow"),
    ),
}


@dataclass(frozen=True, slots=True)
class Start:
    """Arrays to start from, by leaf name and complete, and where each came from.

    `taken` from the file as they are, `drawn` at random (a classifier of other classes), `grown` from a smaller parent;
    `sha256` of the whole file. `warnings` are sentences for the user: what the file's arrays cannot tell.
    """

    arrays: dict[str, Weights]
    taken: tuple[str, ...]
    drawn: tuple[str, ...]
    grown: tuple[str, ...]
    sha256: str
    warnings: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON, with numbers of arrays instead of their names."""
        counts = {"taken": len(self.taken), "grown": len(self.grown), "drawn": len(self.drawn)}
        return {"sha256": self.sha256, **counts, "warnings": list(self.warnings)}


def conventions(layout: WeightLayout) -> tuple[Convention, ...]:
    """The padding and BatchNorm epsilon that weights in a layout were trained with, the usual ones first.

    A baseline takes them with `{"extends": "efficientnet-b0", "padding": "symmetric", "norm_epsilon": 1e-5}`. Our own
    files say which network they are of, so that there is nothing to know here.

    >>> conventions("timm")[0].padding, conventions("timm")[1].padding
    ('symmetric', 'same')
    """
    return _CONVENTIONS.get(layout, ())


def save(path: Path, architecture: ScaledArchitecture, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write weights in our layout; answers the file's SHA-256. `load` gives back the very same numbers.

    `InvalidWeights` when the arrays are not that network's.
    """
    return files.write(path, architecture, _fit(arrays, architecture, _identity(architecture), "the network given"))


def load(
    path: Path,
    architecture: ScaledArchitecture,
    *,
    layout: WeightLayout = "effscale",
    grow: bool = False,
    seed: int = 0,
) -> Start:
    """What a network starts from when it starts from this file: complete, checked, in float32.

    With `grow` the file may be of a smaller network of the family, and the network continues it
    (`models.weights.growth`). `seed` draws what the file does not give. `InvalidWeights` says what does not fit, with
    both shapes.
    """
    file = files.read(path)
    if layout == "effscale":
        source = _parent_of_ours(file) if grow else architecture
        table = _identity(source)
    else:
        source = torch_layouts.parent(file.arrays, architecture, layout) if grow else architecture
        table = torch_layouts.entries(source, layout)
    source = _with_classes(source, file, table)
    fitting = _fit(file.arrays, source, table, str(path))
    arrays = growth.grow(source, fitting, architecture, seed) if grow else dict(fitting)
    drawn: tuple[str, ...] = ()
    if source.classes != architecture.classes:
        drawn = CLASSIFIER
        places = places_of(architecture)
        random = places.named(places.initial(seed))
        arrays |= {name: random[name] for name in drawn}
    taken = tuple(sorted(name for name, array in arrays.items() if array is fitting.get(name)))
    grown = tuple(sorted(set(arrays) - set(taken) - set(drawn)))
    warnings = _unseen(file, architecture) if layout == "effscale" else _unconventional(architecture, layout)
    return Start(arrays, taken, drawn, grown, file.sha256, warnings)


def _parent_of_ours(file: WeightFile) -> ScaledArchitecture:
    if file.architecture is None:
        raise InvalidWeights(
            f"{file.path} does not say which network it is of, so nothing can grow from it: a file that effscale wrote "
            "does, and so do torchvision's and timm's names (layout)"
        )
    return file.architecture


def _identity(architecture: ScaledArchitecture) -> tuple[Entry, ...]:
    places = places_of(architecture)
    return tuple(Entry(leaf.name, leaf.name, "vector") for leaf in places.leaves)


def _with_classes(architecture: ScaledArchitecture, file: WeightFile, table: tuple[Entry, ...]) -> ScaledArchitecture:
    """The network with as many classes as the file's classifier has. Its features must still be the network's."""
    bias = file.arrays.get(next(entry.theirs for entry in table if entry.ours == CLASSIFIER[1]))
    if bias is None or bias.ndim != 1 or len(bias) == 0:
        return architecture
    return replace(architecture, classes=len(bias))


def _fit(
    arrays: Mapping[str, NDArray[Any]], architecture: ScaledArchitecture, table: tuple[Entry, ...], where: str
) -> dict[str, Weights]:
    """The arrays under our names and in our shapes, every one of them; `InvalidWeights` when they are not these."""
    places = places_of(architecture)
    shapes = places.shapes
    theirs = {entry.theirs for entry in table}
    found = {name for name in arrays if name.rpartition(".")[2] != IGNORED}
    if missing := sorted(theirs - found):
        raise InvalidWeights(f"{where} lacks {_names(missing)}, which the network has")
    if unknown := sorted(found - theirs):
        raise InvalidWeights(f"{where} holds {_names(unknown)}, for which the network has no place")
    for entry in table:
        shape, needed = arrays[entry.theirs].shape, entry.there(shapes[entry.ours])
        if shape != needed:
            raise InvalidWeights(f"{where}: {entry.theirs} has the shape {shape}, the network needs {needed}")
        _check_numbers(f"{where}: {entry.theirs}", entry, arrays[entry.theirs])
    return {entry.ours: entry.here(arrays[entry.theirs]) for entry in table}


def _check_numbers(which: str, entry: Entry, array: NDArray[Any]) -> None:
    if not np.issubdtype(array.dtype, np.floating):
        raise InvalidWeights(f"{which} holds {array.dtype}, weights are floating-point numbers")
    with np.errstate(over="ignore"):
        finite = bool(np.isfinite(array.astype(np.float32)).all())
    if not finite:
        raise InvalidWeights(f"{which} holds values that are no finite numbers in float32")
    if entry.ours.endswith(".norm.var") and array.min() < 0:
        raise InvalidWeights(f"{which} holds negative variances")


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    return shown if len(names) <= NAMED_AT_MOST else f"{shown} and {len(names) - NAMED_AT_MOST} more"


def _unconventional(architecture: ScaledArchitecture, layout: WeightLayout) -> tuple[str, ...]:
    usual, *others = conventions(layout)
    padding, epsilon = architecture.padding, architecture.norm_epsilon
    if (padding, epsilon) == usual[:2]:
        return ()
    known = [other.of for other in others if (padding, epsilon) == other[:2]]
    verdict = f"right only for {known[0]}" if known else "right for none that is published in this layout"
    warning = (
        f"{usual.of} were trained with padding {usual.padding} and norm_epsilon {usual.norm_epsilon:g}; this network "
        f"has {padding} and {epsilon:g}, which is {verdict}"
    )
    return (warning,)


def _unseen(file: WeightFile, architecture: ScaledArchitecture) -> tuple[str, ...]:
    stored = file.architecture
    if stored is None:
        return (f"{file.path} does not say which network it is of: names and shapes fit, padding and strides may not",)
    both = {name: (getattr(stored, name), getattr(architecture, name)) for name in UNSEEN}
    for number, (old, new) in enumerate(zip(stored.stages, architecture.stages, strict=False), start=1):
        both[f"the stride of stage {number}"] = old.stride, new.stride
    return tuple(
        f"{name} was {old!r} in the network that {file.path} is of and is {new!r} in this one: its maps will differ"
        for name, (old, new) in both.items()
        if old != new
    )
