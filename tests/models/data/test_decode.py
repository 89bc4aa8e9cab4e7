"""One image at a time: what comes out is upright RGB, and whatever was odd has a name."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.data import image_record
from models.data.decode import Decoded, Order, decode_bytes, decode_file, decode_pixels
from models.data.problems import HUGE_PIXELS, KINDS
from tests.models.data.conftest import encoded, picture

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")  # of odd files; the decoding processes ignore them too
PX = 12
ORDER = Order(PX, "crop", frozenset())


def kinds(decoded: Decoded) -> set[str]:
    return set(image_record.kinds_of(int(image_record.read(decoded.record)["kinds"][0])))


def pixels(decoded: Decoded, px: int = PX) -> np.ndarray:
    assert decoded.pixels is not None
    return np.frombuffer(decoded.pixels, np.uint8).reshape(px, px, 3)


def test_a_plain_image_comes_out_as_it_is() -> None:
    decoded = decode_bytes(3, "a.png", encoded(picture(1)), ORDER)
    np.testing.assert_array_equal(pixels(decoded), np.asarray(picture(1)))
    (known,) = image_record.read(decoded.record)
    assert (known["number"], known["state"], known["width"], known["height"]) == (3, image_record.USABLE, 12, 12)
    assert kinds(decoded) == set()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_respected(orientation: int) -> None:
    """The file's pixels are turned so that its orientation brings the upright picture back."""
    upright = picture(1, 16).resize((16, 12))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_bytes(0, "a.png", encoded(stored, "PNG", exif=exif), ORDER)
    np.testing.assert_array_equal(pixels(decoded), np.asarray(upright.crop((2, 0, 14, 12))))
    jpeg = decode_bytes(0, "a.jpg", encoded(stored, "JPEG", exif=exif, quality=95), ORDER)
    assert np.abs(pixels(jpeg).astype(int)[:, 6:].mean() - np.asarray(upright)[:, 8:14].mean()) < 8


def grey16() -> bytes:
    values = np.arange(PX * PX, dtype=np.uint16).reshape(PX, PX) * 455
    return encoded(Image.fromarray(values))


def test_sixteen_bits_become_eight_by_scaling() -> None:
    decoded = decode_bytes(0, "a.png", grey16(), ORDER)
    expected = np.rint(np.arange(PX * PX) * 455 / 257).reshape(PX, PX)
    np.testing.assert_allclose(pixels(decoded)[..., 0], expected, atol=1)
    assert kinds(decoded) == {"non-rgb"}


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("L", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("1", "PNG"),
        ("CMYK", "JPEG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("F", "TIFF"),
    ],
)
def test_other_modes_are_converted_and_named(mode: str, form: str) -> None:
    source = picture(1).convert("L").convert(mode) if mode in ("LA", "F") else picture(1).convert(mode)
    decoded = decode_bytes(0, f"a.{form.lower()}", encoded(source, form), ORDER)
    shown = source.convert("RGB") if mode != "F" else source.convert("L").convert("RGB")
    np.testing.assert_allclose(pixels(decoded), np.asarray(shown), atol=50 if form == "JPEG" else 1)
    assert kinds(decoded) == {"non-rgb"}


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (PX, PX), (10, 200, 30, 0))
    assert (pixels(decode_bytes(0, "a.png", encoded(clear), ORDER)) == 255).all()
    palette = Image.new("P", (PX, PX), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    assert (pixels(decode_bytes(0, "a.gif", encoded(palette, "GIF", transparency=1), ORDER)) == 255).all()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(form: str) -> None:
    frames = [picture(i) for i in range(3)]
    data = encoded(
        frames[0],
        form,
        save_all=True,
        append_images=frames[1:],
        duration=100,
        **({"lossless": True} if form == "WEBP" else {}),
    )
    decoded = decode_bytes(0, f"a.{form.lower()}", data, ORDER)
    assert "animated" in kinds(decoded)
    np.testing.assert_allclose(pixels(decoded), np.asarray(frames[0]), atol=40)


def test_several_photographs_in_one_jpeg_are_no_animation() -> None:
    data = encoded(picture(1), "MPO", save_all=True, append_images=[picture(2)])
    assert kinds(decode_bytes(0, "a.jpg", data, ORDER)) == set()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "PPM"])
def test_a_file_that_ends_early_is_no_image_and_no_accident(form: str) -> None:
    data = encoded(picture(1, 64), form)
    for size in (0, 1, 10, 60, len(data) // 2, len(data) * 9 // 10):
        decoded = decode_bytes(0, f"a.{form.lower()}", data[:size], ORDER)
        assert kinds(decoded) & {"truncated", "corrupt"}, (form, size)
        assert decoded.pixels is None
    if form in ("JPEG", "PNG", "BMP"):
        assert kinds(decode_bytes(0, f"a.{form.lower()}", data[: len(data) * 9 // 10], ORDER)) == {"truncated"}


def test_a_truncated_image_can_be_kept_as_far_as_it_goes() -> None:
    data = encoded(picture(1, 64), "JPEG", quality=95)
    decoded = decode_bytes(0, "a.jpg", data[: len(data) * 8 // 10], Order(64, "crop", frozenset({"truncated"})))
    assert kinds(decoded) == {"truncated"}
    whole = decode_bytes(0, "a.jpg", data, Order(64, "crop", frozenset()))
    np.testing.assert_array_equal(pixels(decoded, 64)[:32], pixels(whole, 64)[:32])


def test_names_that_lie_are_told_and_the_content_counts() -> None:
    decoded = decode_bytes(0, "a.jpg", encoded(picture(1), "PNG"), ORDER)
    assert kinds(decoded) == {"misnamed"}
    assert image_record.read(decoded.record)["detail"][0] == b"PNG named .jpg"
    np.testing.assert_array_equal(pixels(decoded), np.asarray(picture(1)))
    assert kinds(decode_bytes(0, "no-suffix", encoded(picture(1), "PNG"), ORDER)) == set()


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "empty"), (b"hello", "a text file"), (b"<svg/>", "a text file"), (b"\0\1\2\3" * 50, "no image format")],
)
def test_what_is_no_image_says_what_it_is(data: bytes, said: str) -> None:
    decoded = decode_bytes(0, "a.png", data, ORDER)
    assert kinds(decoded) == {"corrupt"}
    assert said in image_record.read(decoded.record)["detail"][0].decode()


def test_a_file_that_cannot_be_read_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    for path in (tmp_path / "gone.png", tmp_path):
        assert kinds(decode_file(0, path, ORDER)) == {"corrupt"}


def bomb() -> bytes:
    """A PNG of 100,000 x 100,000 pixels in 100 bytes."""
    body = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", body), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_huge_image_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as in the decoding processes
    decoded = decode_bytes(0, "a.png", bomb(), ORDER)
    assert kinds(decoded) == {"huge"}
    assert HUGE_PIXELS < 100_000**2


@pytest.mark.parametrize(("fit", "left"), [("crop", 2), ("stretch", None), ("pad", None)])
def test_an_image_becomes_square_as_declared(fit: str, left: int | None) -> None:
    wide = picture(1, 16).resize((16, 12), Image.Resampling.NEAREST)
    decoded = pixels(decode_bytes(0, "a.png", encoded(wide), Order(12, fit, frozenset())))  # type: ignore[arg-type]
    if left is not None:
        np.testing.assert_array_equal(decoded, np.asarray(wide)[:, left:14])
    if fit == "pad":
        assert (decoded[0] == 0).all()
        assert (decoded[-1] == 0).all()


def test_bare_pixels_are_grey_or_rgb() -> None:
    grey = np.arange(PX * PX, dtype=np.uint8).reshape(PX, PX)
    np.testing.assert_array_equal(pixels(decode_pixels(0, grey.tobytes(), grey.shape, ORDER)), np.stack([grey] * 3, -1))
    colour = np.asarray(picture(4))
    np.testing.assert_array_equal(pixels(decode_pixels(0, colour.tobytes(), colour.shape, ORDER)), colour)


def test_the_content_is_that_of_the_pixels_not_of_the_file() -> None:
    ways = [encoded(picture(1), "PNG"), encoded(picture(1), "BMP"), encoded(picture(1), "PNG", compress_level=0)]
    contents = {image_record.read(decode_bytes(0, "a", data, ORDER).record)["content"][0].tobytes() for data in ways}
    assert len(contents) == 1
    other = decode_bytes(0, "a", encoded(picture(2)), ORDER)
    assert image_record.read(other.record)["content"][0].tobytes() not in contents


@settings(max_examples=80)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]), st.data())
def test_no_bytes_raise(form: str, data: st.DataObject) -> None:
    good = bytearray(encoded(picture(1, 8), form))
    for _ in range(data.draw(st.integers(0, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    decoded = decode_bytes(7, "a.png", bytes(good[:cut]), ORDER)
    assert image_record.is_whole(decoded.record, 7)
    assert (decoded.pixels is None) == (image_record.read(decoded.record)["state"][0] != image_record.USABLE)


@given(st.integers(0, 2**32 - 1), st.sets(st.sampled_from(KINDS)), st.text(max_size=200), st.booleans())
def test_records_keep_what_they_are_given(number: int, given: set, detail: str, usable: bool) -> None:
    whole = image_record.pack(number, given, usable=usable, size=(3, 5), content=b"\7" * 32, detail=detail)
    (known,) = image_record.read(whole)
    assert len(whole) == image_record.SIZE
    assert image_record.is_whole(whole, number)
    assert (known["number"], known["width"], known["height"]) == (number, 3, 5)
    assert bool(known["state"] == image_record.USABLE) is usable
    assert set(image_record.kinds_of(int(known["kinds"]))) == given
    broken = bytearray(whole)
    broken[17] ^= 1
    assert not image_record.is_whole(bytes(broken), number)
    assert not image_record.is_whole(bytes(image_record.SIZE), number)
    assert not image_record.is_whole(io.BytesIO(whole).read(100), number)
