"""What a file is, by its first bytes and never by its name; and what stands in place of a file that was meant."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

#: As many of a file's first bytes as are looked at.
HEAD = 4096

_FETCH = "fetch it anew"
_BROWSER = "open its address in a browser and download the file itself"


@dataclass(frozen=True)
class Content:
    """What a file is: ``kind`` is one word, ``name`` stands after "it is", ``mend`` is what helps where it is wrong."""

    kind: str
    name: str
    mend: str = _FETCH


_PREFIXES: tuple[tuple[bytes, Content], ...] = (
    (b"\xff\xd8\xff", Content("jpeg", "a JPEG image")),
    (b"\x89PNG\r\n\x1a\n", Content("png", "a PNG image")),
    (b"GIF8", Content("gif", "a GIF image")),
    (b"II*\0", Content("tiff", "a TIFF image")),
    (b"MM\0*", Content("tiff", "a TIFF image")),
    (b"II+\0", Content("tiff", "a TIFF image")),
    (b"MM\0+", Content("tiff", "a TIFF image")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Content("jpeg2000", "a JPEG 2000 image")),
    (b"\xff\x4f\xff\x51", Content("jpeg2000", "a JPEG 2000 image")),
    (b"\0\0\0\x0cJXL ", Content("jxl", "a JPEG XL image")),
    (b"\xff\x0a", Content("jxl", "a JPEG XL image")),
    (b"v/1\x01", Content("exr", "an OpenEXR image")),
    (b"#?RADIANCE", Content("hdr", "a Radiance HDR image")),
    (b"#?RGBE", Content("hdr", "a Radiance HDR image")),
    (b"8BPS", Content("psd", "a Photoshop document")),
    (b"%PDF", Content("pdf", "a PDF document")),
    (b"\x89HDF\r\n\x1a\n", Content("hdf5", "an HDF5 file")),
    (b"MATLAB 7.3 MAT-file", Content("mat73", "a MATLAB 7.3 file (HDF5)")),
    (b"MATLAB 5.0 MAT-file", Content("mat", "a MATLAB 5 file")),
    (b"PK\x03\x04", Content("zip", "a ZIP archive")),
    (b"PK\x05\x06", Content("zip", "an empty ZIP archive")),
    (b"\x93NUMPY", Content("npy", "a NumPy array (npy)")),
    (b"\x1f\x8b", Content("gzip", "a gzip archive", "unpack it")),
    (b"BZh", Content("bzip2", "a bzip2 archive", "unpack it")),
    (b"\xfd7zXZ\0", Content("xz", "an xz archive", "unpack it")),
    (b"7z\xbc\xaf\x27\x1c", Content("7z", "a 7z archive", "unpack it")),
    (b"Rar!\x1a\x07", Content("rar", "a RAR archive", "unpack it")),
    (b"\x1aE\xdf\xa3", Content("matroska", "a Matroska or WebM video")),
    (
        b"\0\x05\x16\x07",
        Content("appledouble", "a macOS resource file", "the file is the one without ._"),
    ),
    (b"version https://git-lfs.github.com/spec/", Content("lfs", "a Git LFS pointer", "run: git lfs pull")),
    (b"\x80\x02", Content("pickle", "a pickle")),
    (b"\x80\x03", Content("pickle", "a pickle")),
    (b"\x80\x04", Content("pickle", "a pickle")),
    (b"\x80\x05", Content("pickle", "a pickle")),
)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
#: Of ISO base media files, by their brand.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heic"),
    **dict.fromkeys((b"avif", b"avis"), "avif"),
}
_WEB = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body|title|script)\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_POINTS_TO = re.compile(rb"^size (\d+)", re.MULTILINE)


def content_of(head: bytes) -> Content | None:
    """What a file with these first bytes (:data:`HEAD` of them do) is; None where they are nothing known."""
    if not head:
        return Content("empty", "empty (0 bytes)")
    known = next((content for prefix, content in _PREFIXES if head.startswith(prefix)), None)
    if known is not None:
        return _pointer(head, known) if known.kind == "lfs" else known
    if head[:4] == b"RIFF":
        riff = {b"WEBP": Content("webp", "a WebP image"), b"AVI ": Content("avi", "an AVI video")}
        return riff.get(head[8:12], Content("riff", "a RIFF file"))
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] == b"TFL3":
        return Content("tflite", "a TFLite model")
    if (
        head[:2] == b"BM"
        and len(head) >= 26
        and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    ):
        return Content("bmp", "a BMP image")
    if re.match(rb"P[1-6][\s#]", head):
        return Content("pnm", "a PNM image")
    if re.match(rb"P[Ff]\n", head):
        return Content("pfm", "a PFM image")
    if len(head) > 16 and head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 2**32:
        return Content("safetensors", "a safetensors file")
    if re.match(rb"\x08[\x01-\x20][\x12\x1a:B]", head):
        return Content("onnx", "an ONNX model", "fetch the PyTorch checkpoint that it was made of")
    if head[257:262] == b"ustar":
        return Content("tar", "a tar archive", "unpack it")
    if not head.strip(b"\0"):
        return Content("zeros", "nothing but zeros: a download that was broken off")
    return _text(head)


def content_at(path: Path | str) -> Content | None:
    """What the file at a path is; None where that is nothing known, or it cannot be read."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return None
    try:
        with open(path, "rb") as file:
            return content_of(file.read(HEAD))
    except OSError:
        return None


def instead_of(path: Path | str, *wanted: str) -> str | None:
    """What stands at a path where a file of another kind belongs, and the mend, for the end of an error message.

    ``wanted`` are the kinds (:attr:`Content.kind`) that the reader takes; None where it is one of them, or unknown.
    """
    return _instead(content_at(path), wanted)


def instead_of_bytes(content: bytes, *wanted: str) -> str | None:
    """As :func:`instead_of`, of a file that was read already."""
    return _instead(content_of(content[:HEAD]), wanted)


def _instead(content: Content | None, wanted: tuple[str, ...]) -> str | None:
    return None if content is None or content.kind in wanted else f"it is {content.name}; {content.mend}"


def _pointer(head: bytes, known: Content) -> Content:
    size = _POINTS_TO.search(head)
    return Content("lfs", f"{known.name} to {int(size[1]):,} bytes", known.mend) if size else known


def _iso_media(head: bytes) -> Content:
    own = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(own, len(head)), 4))]
    kind = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    if kind is None:
        name = "a QuickTime video" if brands[0] == b"qt  " else "an MP4 video"
        return Content("mp4", name)
    return Content(kind, f"{'an AVIF' if kind == 'avif' else 'a HEIC'} image")


def _text(head: bytes) -> Content | None:
    plain = head.removeprefix(b"\xef\xbb\xbf")
    if _WEB.match(plain):
        return Content("html", f"a web page{_titled(plain)}", _BROWSER)
    start = plain.lstrip()
    if start.startswith((b"<?xml", b"<Error")):
        return Content("xml", "an XML text, such as a server's error message", _BROWSER)
    try:
        # The end may be half a character.
        text = plain.decode("utf-8", "strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    if not all(character.isprintable() or character in "\t\r\n\f" for character in text):
        return None
    if start[:1] in (b"{", b"["):
        return Content("json", "a JSON text")
    return Content("text", f"a text that begins with '{' '.join(text.split())[:40]}'")


def _titled(page: bytes) -> str:
    """The title of a web page, as it may stand on a terminal."""
    title = _TITLE.search(page)
    words = " ".join(title[1].decode("utf-8", "replace").split()) if title else ""
    shown = "".join(character for character in words if character.isprintable())[:60]
    return f" ('{shown}')" if shown else ""
