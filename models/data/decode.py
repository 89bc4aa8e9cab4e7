"""From the bytes of an image file to RGB pixels of one size, with everything that was odd about it. Needs Pillow."""

import hashlib
import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from models.data import image_record
from models.data.problems import HUGE_PIXELS, Kind

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)
# Formats of photographs and drawings. Pillow knows more, some of which run other programs (EPS) or are obsolete.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    ".gif": "GIF",
    ".webp": "WEBP",
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx"), "JPEG2000"),
}
SAME = {"MPO": "JPEG"}  # several JPEGs behind each other, as some telephones write; the first is the photograph
WHITE = (255, 255, 255, 255)
NO_CONTENT = bytes(32)


@dataclass(frozen=True, slots=True)
class Order:
    """How images are to be decoded: to `px` by `px` pixels, huge and truncated ones only if `kept` names them."""

    px: int
    fit: Fit
    kept: Collection[Kind]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One image: its record, and `px` by `px` RGB bytes, None where it cannot be used."""

    record: bytes
    pixels: bytes | None


class _Unusable(Exception):
    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind: Kind = kind


def decode_file(number: int, path: Path, order: Order) -> Decoded:
    """The image in a file, named by its path. Nothing that a file holds raises."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return _unusable(number, {"corrupt"}, (0, 0), f"cannot be read: {error.strerror or error}")
    return decode_bytes(number, path.name, data, order)


def decode_bytes(number: int, name: str, data: bytes, order: Order) -> Decoded:
    """The image in the bytes of a file of that name (which may have no suffix). Nothing that they hold raises."""
    kinds: dict[Kind, str] = {}
    size = (0, 0)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            size = image.size
            _look(image, name, kinds)
            if "huge" in kinds and "huge" not in order.kept:
                return _unusable(number, kinds, size, kinds["huge"])
            return _finished(number, _rgb(_loaded(image, data, kinds, order)), kinds, order)
    except _Unusable as error:
        kinds[error.kind] = str(error)
    except UnidentifiedImageError:
        kinds["corrupt"] = _what(data)
    except Exception as error:  # noqa: BLE001 a decoder given arbitrary bytes may raise anything; each is an answer
        kinds["corrupt"] = f"{type(error).__name__}: {error}"
    return _unusable(number, kinds, size, "; ".join(kinds.values()))


def decode_pixels(number: int, data: bytes, shape: tuple[int, ...], order: Order) -> Decoded:
    """The image in raw bytes of shape (height, width) or (height, width, 3)."""
    mode = "L" if len(shape) == 2 else "RGB"
    image = Image.frombytes(mode, (shape[1], shape[0]), data)
    return _finished(number, image.convert("RGB"), {}, order)


def header(data: bytes) -> tuple[int, int] | None:
    """Width and height as shown, from the first bytes of a file; None when they do not tell."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.size
    except Exception:  # noqa: BLE001 as above; what is wrong with it is told when it is decoded
        return None


def _look(image: Image.Image, name: str, kinds: dict[Kind, str]) -> None:
    """What can be told before the pixels are decoded."""
    real = SAME.get(image.format or "", image.format or "")
    suffix = PurePath(name).suffix.lower()
    if suffix and SUFFIXES.get(suffix) != real:
        kinds["misnamed"] = f"{real} named {suffix}"
    if image.width * image.height > HUGE_PIXELS:
        kinds["huge"] = f"{image.width} x {image.height} px"
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        kinds["animated"] = f"{getattr(image, 'n_frames', 1)} frames"
    if image.mode != "RGB":
        kinds["non-rgb"] = f"mode {image.mode}"


def _loaded(image: Image.Image, data: bytes, kinds: dict[Kind, str], order: Order) -> Image.Image:
    """The image with its pixels; a truncated one as far as it goes if that is wanted."""
    try:
        image.load()
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        if not _ends_early(data, error):
            raise
        kinds["truncated"] = str(error)
        if "truncated" not in order.kept:
            raise _Unusable("truncated", str(error)) from None
        with _patience():
            again = Image.open(io.BytesIO(data), formats=FORMATS)
            again.load()
            return again
    return image


def _rgb(image: Image.Image) -> Image.Image:
    """Upright, in three channels of 8 bits, without transparency."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _bytes(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        shown = image.convert("RGBA")
        paper = Image.new("RGBA", shown.size, WHITE)
        paper.alpha_composite(shown)
        image = paper
    return image if image.mode == "RGB" else image.convert("RGB")


def _bytes(image: Image.Image) -> Image.Image:
    """Grey values of 16 or 32 bits or floating point as bytes: the range is the narrowest usual one that holds them."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    highest = float(values.max(initial=0))
    full = (
        65535.0 if image.mode.startswith("I;16") else next((f for f in (1.0, 255.0, 65535.0) if highest <= f), highest)
    )
    if image.mode == "I":
        full = max(full, 255.0)
    return Image.fromarray(np.clip(np.rint(values * (255 / full)), 0, 255).astype(np.uint8))


def _finished(number: int, image: Image.Image, kinds: dict[Kind, str], order: Order) -> Decoded:
    size = image.size
    content = hashlib.sha256(b"%d %d " % size + image.tobytes()).digest()
    done = image_record.pack(number, kinds, usable=True, size=size, content=content, detail="; ".join(kinds.values()))
    return Decoded(done, fitted(image, order.px, order.fit).tobytes())


def fitted(image: Image.Image, px: int, fit: Fit) -> Image.Image:
    """px by px: `crop` the centre square, `pad` to a square with black, or `stretch`. Shrinking averages."""
    if fit == "pad":
        return ImageOps.pad(image, (px, px), Image.Resampling.BILINEAR)
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (0, 0, width, height) if fit == "stretch" else (left, top, left + side, top + side)
    return image.resize((px, px), Image.Resampling.BILINEAR, box=box)


def _unusable(number: int, kinds: Collection[Kind], size: tuple[int, int], detail: str) -> Decoded:
    return Decoded(image_record.pack(number, kinds, usable=False, size=size, content=NO_CONTENT, detail=detail), None)


def _ends_early(data: bytes, error: Exception) -> bool:
    """Whether decoding failed because bytes are missing at the end, and not because there are wrong ones."""
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return True
    return data.startswith(b"\x89PNG") and b"IEND" not in data[-32:]


def _what(data: bytes) -> str:
    """What bytes are that are no image we know."""
    if not data:
        return "the file is empty"
    if data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") + 8 > len(data):
        return "the file ends early"
    try:
        data[:512].decode("utf-8")
    except UnicodeDecodeError:
        return "no image format we know"
    return "a text file" if b"\0" not in data[:512] else "no image format we know"


@contextmanager
def _patience() -> Iterator[None]:
    """Pillow fills what is missing of a file with grey."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
