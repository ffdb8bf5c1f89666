"""The bytes of an image file to pixels (H, W, 3), RGB uint8: known by content, whole, and of a size that can be meant.

What colours become, where a file holds more or less than 8 bits each of red, green and blue:

- grey, two-coloured and palette images are spread to RGB; alpha is dropped, the colours below it stay as stored
- 16 bits: the upper 8 of them; of images whose largest value is below 1024, or below 4096, which are 10 or 12 bits in a
  container of 16, the upper 8 of these
- floating point (TIFF): 0..1 as 0..255; where the largest value is 2 or more, the numbers as they are
- PNM whose white is below 255: spread to 255
- CMYK: as OpenCV makes it RGB; of several frames or pages, the first

The orientation of EXIF is that of the stored pixels; HEIC and AVIF are upright as soon as they are decoded.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.content import HEAD, Content, content_of, instead_of_bytes
from hpe_bench.errors import SampleError
from hpe_bench.image_headers import CLAIMING, bare_png, claimed, is_whole, largest_pnm, pillow, tiff_fields
from hpe_bench.opencv import opencv

Pixels = NDArray[np.uint8]

#: Larger images are refused before they are decoded: a camera has 200 million pixels, a damaged header any number.
MAX_PIXELS = 2**28
#: The kinds that are read (:attr:`hpe_bench.content.Content.kind`), and the suffixes that they usually have.
KINDS = ("jpeg", "png", "bmp", "webp", "tiff", "pnm", "gif", "jpeg2000", "heic", "avif")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
    *(".gif", ".jp2", ".heic", ".heif", ".avif"),
)
_NAMES = {
    **{kind: kind.upper() for kind in KINDS},
    "webp": "WebP",
    "jpeg2000": "JPEG 2000",
    "heic": "HEIC image",
    "avif": "AVIF image",
}
_BY_PILLOW = ("gif", "heic", "avif")
#: What undoes an orientation.
_BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
_EXIF_KINDS = ("jpeg", "png", "webp", "tiff")
_PNM_TEXTS = (b"P1", b"P2", b"P3")
#: Where a PNG may say it: by its own chunk, as ImageMagick writes it, by XMP.
_PNG_EXIF = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
#: As EXIF and TIFF number it.
_ORIENTATION = 274
_PADDING = re.compile(rb"\0+\xff\xd9")


def decode(content: bytes, where: str, oriented: bool = False) -> Pixels:
    """The image of a file's content, turned as its EXIF says where ``oriented``.

    :class:`SampleError` that begins with ``where``, and says what the content is where that is no image that is read,
    what damages it, or that it claims more than :data:`MAX_PIXELS`.
    """
    kind = _kind(content, where)
    if kind == "jpeg":
        image = _jpeg(content, where)
    elif kind in _BY_PILLOW:
        image = _by_pillow(content, kind, where)
    else:
        image = _by_opencv(content, kind, where)
    if kind == "tiff":  # OpenCV turns these, asked or not
        return image if oriented else _turned(image, _BACK[_orientation(content, kind)])
    return _turned(image, _orientation(content, kind)) if oriented else image


def _kind(content: bytes, where: str) -> str:
    if content.startswith(b"\xff\xd8\xff"):  # as nearly all are: nothing else is compared
        return "jpeg"
    known = content_of(content[:HEAD])
    if known is None:
        raise SampleError(
            f"{where}: not a readable image of any known kind ({len(content):,} bytes); fetch it anew, or convert it "
            "to PNG or JPEG"
        )
    if known.kind not in KINDS:
        raise SampleError(f"{where}: not a readable image: {_said(known, content)}")
    return known.kind


def _said(known: Content, content: bytes) -> str:
    if known.kind in ("exr", "hdr", "pfm", "jxl", "psd"):
        return f"it is {known.name}; convert it to PNG or JPEG"
    if known.kind in ("mp4", "matroska", "avi"):
        return f"it is {known.name}; take a frame of it as PNG or JPEG"
    return instead_of_bytes(content) or ""


def _require_size(width: int, height: int, where: str, pixel_bytes: int = 1) -> None:
    """``pixel_bytes`` are those that a channel of a pixel takes while it is decoded."""
    most = MAX_PIXELS // pixel_bytes
    if width * height > most:
        raise SampleError(
            f"{where}: claims {width:,} x {height:,} pixels; at most {most:,} are decoded: damaged, or no photo"
        )


def _require_header(content: bytes, kind: str, where: str) -> int:
    """The bits a channel; :class:`SampleError` where the size cannot be meant, or the end is not there."""
    try:
        width, height, depth = claimed(content, kind)
    except ValueError as error:
        raise SampleError(f"{where}: the {_NAMES[kind]} has no whole header; fetch it anew") from error
    _require_size(width, height, where, max(depth // 8, 1))
    if not is_whole(content, kind):
        raise SampleError(f"{where}: the {_NAMES[kind]} is cut short ({len(content):,} bytes); fetch it anew")
    return depth


def _jpeg(content: bytes, where: str) -> Pixels:
    """OpenCV's pixels exactly, in two thirds to four fifths of its time; damage that OpenCV paints grey is refused."""
    import simplejpeg

    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(content)
        _require_size(width, height, where)
        return np.asarray(simplejpeg.decode_jpeg(content, "RGB"))
    except ValueError as error:
        said = str(error)
    if re.search(r"extraneous bytes before marker 0xd9", said) and _PADDING.search(content):
        return _by_opencv(content, "jpeg", where)  # zeros that some cameras put before the end, beyond all pixels
    if said.startswith("Premature end") and b"\xff\xd9" not in content[-1024:]:
        raise SampleError(f"{where}: the JPEG is cut short ({len(content):,} bytes, no end marker); fetch it anew")
    if not said.startswith("Unsupported"):
        raise SampleError(f"{where}: the JPEG is damaged ({said.removeprefix('Corrupt JPEG data: ')}); fetch it anew")
    try:
        return _by_opencv(content, "jpeg", where)
    except SampleError:
        raise SampleError(f"{where}: a JPEG of a kind that is not read ({said}); convert it to PNG") from None


def _by_opencv(content: bytes, kind: str, where: str) -> Pixels:
    cv2 = opencv()
    depth = 8
    if kind in CLAIMING:
        depth = _require_header(content, kind, where)
    if kind == "png":
        try:
            content = bare_png(content)
        except ValueError as error:
            raise SampleError(f"{where}: the PNG is {error} ({len(content):,} bytes); fetch it anew") from error
    if content[:2] in _PNM_TEXTS:
        content += b"\n"  # OpenCV reads one character beyond the last number
    # OpenCV 4.11 decodes to RGB by itself; before, a pass of its own is several times as slow as OpenCV's. What has
    # more than 8 bits is scrambled by it.
    direct = getattr(cv2, "IMREAD_COLOR_RGB", None) if depth <= 8 else None
    flags = cv2.IMREAD_COLOR if direct is None else direct
    if depth > 8:  # grey stays grey: floating point is not spread by it
        flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise SampleError(f"{where}: cannot be decoded ({_reason(error)}); fetch it anew") from error
    if image is None:
        rare = ", or of a kind that is not read" if kind == "tiff" else ""
        mend = "fetch it anew, or convert it to PNG" if rare else "fetch it anew"
        raise SampleError(f"{where}: the {_NAMES[kind]} is damaged or cut short{rare} ({len(content):,} bytes); {mend}")
    if image.dtype != np.uint8:
        image = _in_8_bits(image, where)
    elif content[:2] in (b"P5", b"P6") and 0 < (white := largest_pnm(content)) < 255:  # of texts OpenCV does it
        image = cv2.convertScaleAbs(image, alpha=255 / white)
    if direct is None:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)
    return np.asarray(image, dtype=np.uint8)


def _reason(error: Exception) -> str:
    return re.split(r"error: ", str(error))[-1].strip().splitlines()[0][:80]


def _in_8_bits(image: NDArray[Any], where: str) -> Pixels:
    """Pixels of 16 bits or floating point as the module says."""
    if image.dtype == np.uint16:
        largest = int(image.max())
        bits = 10 if largest < 2**10 else 12 if largest < 2**12 else 16
        # An image that has 8 bits is left dark: it says nothing of how bright it is meant.
        return np.right_shift(image, bits - 8, out=image).astype(np.uint8)
    if image.dtype.kind != "f":
        raise SampleError(f"{where}: has pixels of type {image.dtype}, which are no colours; convert it to PNG")
    if not np.isfinite(image).all():
        raise SampleError(f"{where}: has pixels that are not finite numbers; convert it to PNG")
    image *= 255.0 if image.max() < 2 else 1.0
    return np.clip(np.round(image, out=image), 0, 255, out=image).astype(np.uint8)


def _by_pillow(content: bytes, kind: str, where: str) -> Pixels:
    images = pillow()
    from PIL import ImageOps, features

    if kind == "heic" or (kind == "avif" and not features.check("avif")):
        try:
            import pillow_heif
        except ImportError:
            raise SampleError(
                f"{where}: a {'HEIC' if kind == 'heic' else 'AVIF'} image, which is read where pillow-heif is "
                "installed: pip install 'hpe-bench[heif]'"
            ) from None
        pillow_heif.register_heif_opener()
    if kind in CLAIMING:
        _require_header(content, kind, where)
    try:
        with images.open(io.BytesIO(content)) as image:
            width, height = image.size
            _require_size(width, height, where)
            upright = image if kind == "gif" else ImageOps.exif_transpose(image)  # where Pillow notes AVIF's own turn
            return np.asarray(upright.convert("RGB"), dtype=np.uint8)
    except images.DecompressionBombError as error:
        raise SampleError(f"{where}: {error}; damaged, or no photo") from error
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as error:
        what = f"the {_NAMES[kind]} is damaged or cut short ({len(content):,} bytes)"
        raise SampleError(f"{where}: {what}; fetch it anew") from error


def _orientation(content: bytes, kind: str) -> int:
    """1 to 8 as EXIF counts; 1 where nothing, or nothing that can be read, is said."""
    if kind not in _EXIF_KINDS or (kind == "png" and not any(mark in content for mark in _PNG_EXIF)):
        return 1
    try:
        if kind == "tiff":
            turn = tiff_fields(content).get(_ORIENTATION, 1)
        else:
            with pillow().open(io.BytesIO(content)) as image:
                turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # whatever a stranger's EXIF makes Pillow raise, the pixels are whole
        return 1
    return turn if turn in range(1, 9) else 1


def _turned(image: Pixels, orientation: int) -> Pixels:
    """The upright image of stored pixels with an orientation."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
