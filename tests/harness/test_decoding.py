"""Image files to pixels: known by content, whole, of a size that can be meant, and the right way up."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from hpe_bench import SampleError
from hpe_bench.decoding import MAX_PIXELS, decode
from hpe_bench.images import ImageFile

KINDS = {
    "jpeg": ("JPEG", {"quality": 95}),
    "progressive": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {}),
    "lossless": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "gif": ("GIF", {}),
    "tiff": ("TIFF", {}),
    "lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "ppm": ("PPM", {}),
    "jpeg2000": ("JPEG2000", {}),
}


def picture(width: int = 60, height: int = 40) -> Image.Image:
    """Smooth, and unlike itself in every turn."""
    y, x = np.mgrid[:height, :width]
    grey = 200 * x / width + 40 * y / height
    return Image.fromarray(np.stack([grey, grey[::-1], 255 - grey], -1).astype(np.uint8))


def saved(image: Image.Image, kind: str, **more) -> bytes:
    out = io.BytesIO()
    form, settings = KINDS[kind]
    image.save(out, form, **settings, **more)
    return out.getvalue()


def by_opencv(content: bytes) -> np.ndarray:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(content, np.uint8), flags)[..., ::-1]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_a_file_says_nothing_of_what_it_is(tmp_path, kind):
    content = saved(picture(), kind)
    for name in ("one.jpg", "one.png", "ONE.JPG", "one.heic", "one"):
        (tmp_path / name).write_bytes(content)
        image = ImageFile(tmp_path / name).pixels()
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - np.asarray(picture())).mean() < 8


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gif"])
def test_a_sound_image_has_the_pixels_that_opencv_gives_it(kind):
    content = saved(picture(), kind)
    np.testing.assert_array_equal(decode(content, "x"), by_opencv(content))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_is_cut_anywhere_is_refused_by_its_name(kind):
    content = saved(picture(), kind)
    cuts = [len(content) - 1, *np.linspace(1, len(content) - 1, 30).astype(int)]
    if kind == "gif":  # its last byte says that it ends, and no pixel
        cuts = [cut for cut in cuts if cut < len(content) - 2]
    for cut in cuts:
        with pytest.raises(SampleError, match=r"^photo\.x: "):
            decode(content[:cut], "photo.x")


@pytest.mark.parametrize("oriented", [False, True])
@pytest.mark.parametrize("kind", ["jpeg", "progressive"])
def test_a_jpeg_that_was_cut_and_given_an_end_is_refused(kind, oriented):
    content = saved(picture(), kind)
    start = content.rindex(b"\xff\xda") + 20
    for cut in np.linspace(start, len(content) - 20, 12).astype(int):
        with pytest.raises(SampleError, match="damaged"):
            decode(content[:cut] + b"\xff\xd9", "photo.jpg", oriented)


@pytest.mark.parametrize(
    "trailer",
    [
        b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 300,
        saved(picture(), "jpeg"),
        b"\0" * 5000,
        b"\xff\xd8\xff\xe0 half of another",
    ],
    ids=["motion photo", "second picture", "zeros", "half a picture"],
)
def test_what_stands_behind_a_whole_jpeg_changes_nothing(trailer):
    content = saved(picture(), "jpeg")
    np.testing.assert_array_equal(decode(content + trailer, "x"), by_opencv(content))


def test_zeros_before_the_end_marker_of_a_jpeg_are_no_damage():
    content = saved(picture(), "jpeg")
    padded = content[:-2] + b"\0" * 7 + content[-2:]
    np.testing.assert_array_equal(decode(padded, "x"), by_opencv(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\0" * 900, "zeros"),
        (b"<!DOCTYPE html><html><title>404 not\x1b[31m found</title>", r"web page \('404 not\[31m found'\).*browser"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 71200\n",
            "pointer to 71,200 bytes.*lfs pull",
        ),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 90, "MP4 video"),
        (b'{"error": "quota"}', "JSON"),
        (b"\0\x05\x16\7\0\2\0\0Mac OS X", "macOS"),
        (b"v/1\x01\2\0\0\0", "OpenEXR.*convert"),
        (bytes([7, 200, 3, 251]) * 40, "known"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(content, said):
    with pytest.raises(SampleError, match=f"^photo.jpg: .*{said}") as caught:
        decode(content, "photo.jpg")
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def huge(kind: str, side: int) -> bytes:
    """A sound image whose header was changed to claim a square of that side."""
    if kind == "png":
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    if kind == "gif":
        content = saved(picture(), "gif")
        return content[:6] + struct.pack("<HH", side, side) + content[10:]
    if kind == "jpeg":
        content = saved(picture(), "jpeg")
        at = content.index(b"\xff\xc0") + 5
        return content[:at] + struct.pack(">HH", side, side) + content[at + 4 :]
    if kind == "webp":
        image = picture().convert("RGBA")
        image.putalpha(100)
        content = saved(image, "webp")
        assert content[12:16] == b"VP8X"
        return content[:24] + 2 * struct.pack("<I", side - 1)[:3] + content[30:]
    if kind == "bmp":
        content = saved(picture(), "bmp")
        return content[:18] + struct.pack("<ii", side, -side) + content[26:]
    if kind == "ppm":
        return f"P6 # a comment\n{side} {side}\n255\n".encode() + b"\0" * 300
    content = bytearray(saved(picture(), "tiff"))
    (at,) = struct.unpack("<I", content[4:8])
    for field in range(struct.unpack("<H", content[at : at + 2])[0]):
        entry = at + 2 + 12 * field
        if struct.unpack("<H", content[entry : entry + 2])[0] in (256, 257):
            content[entry : entry + 12] = content[entry : entry + 2] + struct.pack("<HII", 4, 1, side)
    return bytes(content)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp", "ppm", "tiff"])
def test_an_image_that_claims_more_pixels_than_any_camera_has_is_refused_before_it_is_decoded(kind):
    side = 16_383 + 2 if kind == "webp" else 40_000
    with pytest.raises(SampleError, match=f"claims {side:,} x {side:,} pixels; at most {MAX_PIXELS:,}"):
        decode(huge(kind, side), "photo")


def test_a_photo_of_108_million_pixels_is_read():
    out = io.BytesIO()
    Image.new("L", (12_000, 9_000), 90).save(out, "JPEG", quality=50)
    assert decode(out.getvalue(), "x").shape == (9_000, 12_000, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "lossless", "tiff", "lzw"])
def test_an_orientation_turns_every_kind_of_image_alike_and_only_where_it_is_asked_for(kind, orientation):
    upright = picture()
    to_stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright if orientation == 1 else upright.transpose(to_stored[orientation])
    exif = Image.Exif()
    exif[0x112] = orientation
    content = saved(stored, kind, exif=exif)
    for image, expected in ((decode(content, "x", oriented=True), upright), (decode(content, "x"), stored)):
        assert image.shape[1::-1] == expected.size and image.flags.c_contiguous
        assert np.abs(image.astype(int) - np.asarray(expected)).max() < 12
    np.testing.assert_array_equal(decode(saved(stored, kind), "x"), decode(content, "x"))


def test_an_orientation_that_is_none_leaves_the_image_as_it_is():
    exif = Image.Exif()
    exif[0x112] = 77
    assert decode(saved(picture(), "jpeg", exif=exif), "x", oriented=True).shape == (40, 60, 3)


def grey16(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(("bits", "shift"), [(10, 2), (12, 4), (16, 8)])
def test_of_16_bits_the_upper_8_that_are_used_are_taken(bits, shift):
    values = np.linspace(0, 2**bits - 1, 600).reshape(20, 30).astype(np.uint16)
    expected = np.repeat((values >> shift).astype(np.uint8)[..., None], 3, -1)
    np.testing.assert_array_equal(decode(grey16(values), "x"), expected)
    for suffix in (".png", ".tif"):
        colours = np.repeat(values[..., None], 3, -1)
        assert cv2.imwrite(f"colours{suffix}", colours)
        np.testing.assert_array_equal(ImageFile(f"colours{suffix}").pixels(), expected)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_floating_point_is_spread_from_its_own_range(scale):
    values = np.asarray(picture(), dtype=np.float32) / 255 * np.float32(scale)
    assert cv2.imwrite("one.tif", values[..., ::-1])
    assert np.abs(ImageFile("one.tif").pixels().astype(int) - np.asarray(picture())).max() <= 6


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA", "CMYK"])
def test_every_mode_of_colours_comes_out_as_rgb(mode):
    image = picture().convert(mode)
    content = saved(image, "tiff" if mode == "CMYK" else "png")
    expected = np.asarray(image.convert("RGB"), dtype=int)
    assert np.abs(decode(content, "x").astype(int) - expected).mean() < 6


def test_colours_below_a_transparent_pixel_are_as_they_are_stored():
    image = picture().convert("RGBA")
    image.putalpha(0)
    np.testing.assert_array_equal(decode(saved(image, "png"), "x"), np.asarray(picture()))


def heic() -> bytes:
    """The head of such a file: enough to know it by."""
    return struct.pack(">I", 28) + b"ftypheic\0\0\0\0mif1heicmiaf" + b"\0" * 100


def test_a_heic_image_is_read_or_its_error_names_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(SampleError, match=r"photo.jpg: a HEIC image.*pip install 'hpe-bench\[heif\]'"):
        decode(heic(), "photo.jpg")


def test_a_heic_image_is_upright_once_it_is_decoded():
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    pillow_heif.from_pillow(picture(64, 48)).save(out, quality=95)
    image = decode(out.getvalue(), "x")
    assert image.shape == (48, 64, 3) and np.abs(image.astype(int) - np.asarray(picture(64, 48))).mean() < 8
    with pytest.raises(SampleError, match="cut short"):
        decode(out.getvalue()[:-40], "x")


def test_an_avif_image_is_turned_as_its_container_says():
    from PIL import features

    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x112] = 6
    picture().transpose(Image.Transpose.ROTATE_90).save(out, "AVIF", exif=exif, quality=95)
    image = decode(out.getvalue(), "x")
    assert image.shape == (40, 60, 3) and np.abs(image.astype(int) - np.asarray(picture())).mean() < 8


def png_of(image: Image.Image, *more: bytes) -> bytes:
    """A PNG with more chunks behind its header."""
    content = saved(image, "png")
    return content[:33] + b"".join(more) + content[33:]


def damaged_pictures() -> dict[str, bytes]:
    png = saved(picture(), "png")
    at = png.index(b"IDAT") + 20
    return {
        "a byte of a PNG": png[:at] + bytes([png[at] ^ 85]) + png[at + 1 :],
        "a profile of a PNG": png_of(picture(), chunk(b"iCCP", b"x\0\0" + zlib.compress(b"none"))),
        "the gamma of a PNG": png_of(picture(), chunk(b"gAMA", b"\0" * 4)),
        **{f"the end of a {kind}": saved(picture(), kind)[:-500] for kind in ("bmp", "tiff", "ppm", "jpeg2000")},
    }


@pytest.mark.parametrize("what", damaged_pictures())
def test_of_a_damaged_picture_the_decoders_print_nothing(what, capfd):
    try:
        decode(damaged_pictures()[what], "here")
    except SampleError as error:
        assert str(error).startswith("here: ")
    assert capfd.readouterr() == ("", "")


def png_claiming(depth: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", 16_000, 16_000, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_png_whose_data_cannot_be_its_pixels_is_refused_before_they_are_made():
    with pytest.raises(SampleError, match=r"are no 16,000 x 16,000 pixels"):
        decode(png_claiming(8, zlib.compress(b"\0" * 100)), "here")


def test_what_has_more_bytes_a_pixel_may_have_fewer_pixels():
    with pytest.raises(SampleError, match=f"at most {MAX_PIXELS // 2:,} are decoded"):
        decode(png_claiming(16, b"\0" * 10**6), "here")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_grey_in_floating_point_is_spread_to_colours(kind):
    grey = np.asarray(picture().convert("L"))
    content = cv2.imencode(".tif", grey.astype(kind) / 255)[1].tobytes()
    np.testing.assert_array_equal(decode(content, "here"), np.repeat(grey[..., None], 3, -1))


def test_a_tiff_of_whole_numbers_that_are_no_colours_is_told_from_a_damaged_one():
    out = io.BytesIO()
    Image.fromarray(np.arange(2400, dtype=np.int32).reshape(40, 60)).save(out, "TIFF")
    with pytest.raises(SampleError, match="int32, which are no colours; convert it"):
        decode(out.getvalue(), "here")


@pytest.mark.parametrize("white", [100, 255])
def test_white_is_white_whatever_number_a_pnm_gives_it(white):
    grey = np.asarray(picture().convert("L"))
    stored = np.round(grey / 255 * white).astype(np.uint8)
    binary = b"P5\n60 40\n%d\n" % white + stored.tobytes()
    text = b"P2\n60 40\n%d\n" % white + b" ".join(b"%d" % number for number in stored.ravel())
    for content in (binary, text):
        assert np.abs(decode(content, "here")[..., 0].astype(int) - grey).max() <= 2


@pytest.mark.parametrize("how", ["profile", "xmp"])
def test_a_png_is_turned_as_its_profile_or_xmp_says(how):
    exif = Image.Exif()
    exif[274] = 6
    stated = exif.tobytes().hex()
    profile = f"\nexif\n{len(stated) // 2:8}\n{stated}\n".encode()
    xmp = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><rdf:Description tiff:Orientation="6"/></x>'
    more = {
        "profile": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)),
        "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
    }
    content = png_of(picture().transpose(Image.Transpose.ROTATE_90), more[how])
    np.testing.assert_array_equal(decode(content, "here", oriented=True), np.asarray(picture()))


def test_of_what_is_no_known_image_both_mends_are_told():
    with pytest.raises(SampleError, match="fetch it anew, or convert it to PNG or JPEG"):
        decode(b"\0\0\x0a" + bytes(range(200)), "here")
