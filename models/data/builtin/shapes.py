"""Drawn images of any size whose classes differ in fine texture, in arrangement of parts and in count.

Eight classes: every combination of three properties with two values each, so that a network has to tell all three.

* Texture: the parts are hatched, rising or falling, with lines `PITCH` pixels apart at `NATIVE_PX`. A network that sees
  the image much smaller sees grey: this needs resolution.
* Arrangement: three parts stand around the middle, clockwise disc, square, ring or disc, ring, square, the disc on top,
  or up to `TURN` beside it. No part tells by itself; they have to be seen together, over half the width of the image:
  this needs depth, for the receptive field.
* Count: a few dots or more lie around. All have to be found and summed up beside everything else: this needs width.

Positions, angles, sizes, colours and noise are random. An image is a function of its number and size alone. Mirroring
one gives an image of another class: recipes for this set do without `flip`. Double precision and uniform numbers only,
so that every machine rounds to the same bytes.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset, Split

NATIVE_PX = 48
PITCH = 4.0  # pixels at NATIVE_PX from line to line: 2.7 at 32 px, where pixels still tell line from gap, 1.3 at 16 px
TRAIN, VALIDATION, TEST = 6144, 1024, 1024  # images; with 4,096 many trainings memorize them instead
DOTS = (3, 5)  # of the two counts: 2 and 4 are told by 8 channels as well, of 3 and 4 many trainings are not sure
HATCHINGS, ORDERS = ("rising", "falling"), ("disc-square-ring", "disc-ring-square")
CLASS_NAMES = tuple(f"{hatching} {order} {dots}" for hatching in HATCHINGS for order in ORDERS for dots in DOTS)
CLASSES = len(CLASS_NAMES)
TURN = 1.7  # radians; at 1.2 where a part stands tells most of the order, at pi it is too hard for so few images
NOISE = 8.0  # standard deviation in grey levels: hides nothing, and keeps two images from being equal
SPREAD = math.sqrt(4 / 12)  # standard deviation of four uniform numbers' sum
STREAM = 0x5A  # second word of the seeds, which keeps other uses of small numbers apart

Field = NDArray[np.float64]


def load() -> Dataset:
    """The built-in set: three splits at the native size, drawn anew in each process (seconds)."""
    splits, first = [], 0
    for count in (TRAIN, VALIDATION, TEST):
        numbers = range(first, first + count)
        images = np.stack([draw(number, NATIVE_PX) for number in numbers])
        splits.append(Split(images, np.array([number % CLASSES for number in numbers], np.int32)))
        first += count
    return Dataset("shapes", CLASSES, *splits)


def draw(number: int, px: int) -> NDArray[np.uint8]:
    """Image `number` at px by px pixels: (px, px, 3). Its class is `number % 8`."""
    label = number % CLASSES
    falling, mirrored, many = label // 4, label // 2 % 2, label % 2
    random = np.random.default_rng([number, STREAM])
    x, y = _grid(px)
    paper = random.uniform(150, 235, 3)
    ink = random.uniform(0, 90, 3)
    hatched = _hatching(x, y, random, -1 if falling else 1, px)[..., None]
    image = np.broadcast_to(paper, (px, px, 3)).copy()
    places = _places(random, -1 if mirrored else 1)
    radius = random.uniform(0.11, 0.135)
    for (across, down), distance in zip(places, (_disc, _square, _ring), strict=True):
        covered = _covered(distance(x - across, y - down, radius), px)
        image += covered[..., None] * hatched * (ink - image)
    for across, down, size in _dots(random, places, radius, DOTS[many]):
        image += _covered(_disc(x - across, y - down, size), px)[..., None] * (ink - image)
    grain = NOISE * (random.random((NATIVE_PX, NATIVE_PX, 4)).sum(-1) - 2) / SPREAD  # the same at every size
    nearest = np.arange(px) * NATIVE_PX // px
    image += grain[np.ix_(nearest, nearest)][..., None]
    drawn: NDArray[np.uint8] = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return drawn


def _grid(px: int) -> tuple[Field, Field]:
    """Centres of the pixels from 0 to 1, rightwards and downwards: (1, px) and (px, 1)."""
    centres = (np.arange(px) + 0.5) / px
    return centres[None, :], centres[:, None]


def _covered(distance: Field, px: int) -> Field:
    """Share of each pixel inside, from the signed distance to the edge (negative inside)."""
    return np.clip(0.5 - distance * px, 0, 1)


def _disc(x: Field, y: Field, radius: float) -> Field:
    return np.sqrt(x * x + y * y) - radius


def _square(x: Field, y: Field, radius: float) -> Field:
    return np.maximum(np.abs(x), np.abs(y)) - radius * 0.9


def _hatching(x: Field, y: Field, random: np.random.Generator, sign: int, px: int) -> Field:
    """0 to 1 over the image: a wave across the lines, averaged over each pixel, which is what makes it fade."""
    angle = math.pi / 4 + random.uniform(-0.2, 0.2)
    across, down = math.cos(angle) * NATIVE_PX / PITCH, sign * math.sin(angle) * NATIVE_PX / PITCH  # periods a width
    left = float(np.sinc(across / px) * np.sinc(down / px))
    phase = random.uniform(0, 1)
    lines: Field = 0.55 + 0.45 * left * np.sin(2 * math.pi * (across * x + down * y + phase))
    return lines


def _ring(x: Field, y: Field, radius: float) -> Field:
    ring: Field = np.maximum(_disc(x, y, radius), -_disc(x, y, radius * 0.5))
    return ring


def _places(random: np.random.Generator, sign: int) -> list[tuple[float, float]]:
    """Where disc, square and ring stand, from 0 to 1: clockwise for sign 1."""
    first, apart = random.uniform(-TURN, TURN) - math.pi / 2, random.uniform(0.24, 0.28)
    middle = random.uniform(0.45, 0.55, 2)
    angles = [first + sign * turn * 2 * math.pi / 3 + random.uniform(-0.15, 0.15) for turn in range(3)]
    return [(middle[0] + apart * math.cos(angle), middle[1] + apart * math.sin(angle)) for angle in angles]


def _dots(
    random: np.random.Generator, places: Sequence[tuple[float, float]], radius: float, count: int
) -> Iterator[tuple[float, float, float]]:
    """Centre and radius of each dot; none touches a part, another dot or the border."""
    taken = [(across, down, radius * 1.3) for across, down in places]
    for _ in range(count):
        while True:
            size = random.uniform(0.035, 0.05)
            across, down = random.uniform(size, 1 - size, 2)
            if all(math.hypot(across - a, down - d) > size + r + 0.03 for a, d, r in taken):
                break
        taken.append((across, down, size))
        yield across, down, size
