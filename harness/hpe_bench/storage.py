"""Files that are whole or absent: written under a temporary name, synced, renamed; and HDF5 read with suspicion."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpe_bench import interrupts
from hpe_bench.errors import DataError, StorageError
from hpe_bench.locks import is_abandoned, lock, owner, stands
from hpe_bench.reading import require_regular

if TYPE_CHECKING:
    import h5py

#: More than deflate can ever make of a byte.
_BEST_PACKED = 1100
#: In the names of files that are in the works, before the process whose they are.
_MARK = ".tmp-"
_MENDS = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again; finished batches are kept",
    errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the file system is read-only: choose another folder with --results (HPE_BENCH_RESULTS)",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.EISDIR: "a folder stands where the file is to be",
    errno.EFBIG: "the file would be larger than this system allows",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a failed write at ``path`` into a :class:`StorageError` that names the mend."""
    try:
        yield
    except OSError as error:
        denied = error.errno in (errno.EACCES, errno.EPERM)
        mend = _permission(path) if denied else _MENDS.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"{path}: cannot be written: {mend}") from error


def _permission(path: Path) -> str:
    """What is in the way of a file, whose it is, and who can mend it."""
    elsewhere = "choose another folder with --results (HPE_BENCH_RESULTS)"
    try:
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        blocked = there if not os.access(there, os.W_OK) else there.parent
        told = f"{blocked} is {blocked.owner()}'s (mode {blocked.stat().st_mode & 0o7777:04o})"
    except (OSError, KeyError, StopIteration):
        return f"no permission to write there: {elsewhere}"
    return f"no permission to write there: {told}. Its owner can give it with chmod g+w, or {elsewhere}"


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where it is missing."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, content: bytes, sync: bool = True) -> None:
    """Write a file so that at ``path`` there is, at every moment, the old content or the new one, whole.

    Without ``sync`` a power cut may still take it, and what killed writers left of it is not looked for: for thousands
    of files that can be made again.
    """
    make_folder(path.parent)
    if sync:
        sweep(path)
    temporary = _temporary(path)
    with storage_errors(path):
        with interrupts.removed(temporary):
            with open(temporary, "xb") as file:
                file.write(content)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        if sync:
            sync_folder(path.parent)


def require_writable(path: Path) -> None:
    """:class:`StorageError` where no file can be written at ``path``, found by a trial; its folder is made."""
    make_folder(path.parent)
    trial = _temporary(path)
    with storage_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        trial.touch(exist_ok=False)
        trial.unlink()


def temporary_prefix(path: Path) -> str:
    """How the temporary names of a file begin; who holds its lock can remove what stands there."""
    return f".{path.name}{_MARK}"


def sweep(path: Path) -> None:
    """Remove what writers that were killed left of a file."""
    _sweep(path.parent, temporary_prefix(path))


def sweep_folder(folder: Path) -> None:
    """Remove what writers that were killed left of the files of a folder."""
    _sweep(folder, ".")


def _sweep(folder: Path, start: str) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(start) and _MARK in entry.name]:
            left = folder / name
            if is_abandoned(left, name.rpartition(_MARK)[2].partition("-")[0]):
                left.unlink(missing_ok=True)


def _temporary(path: Path, suffix: str = "") -> Path:
    return path.parent / f"{temporary_prefix(path)}{owner()}-{uuid.uuid4().hex[:8]}{suffix}"


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
    try:
        require_regular(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def open_locked(path: Path, on_wait: Callable[[], None] | None = None) -> io.FileIO:
    """The file, made where it is missing, unbuffered, and locked until it is closed or the process ends.

    It is made as the umask says, so that who shares a folder can go on with another's work. Where another process has
    it, ``on_wait`` is called once, and this one waits; where that process removed the file meanwhile, it is opened
    anew.
    """
    while True:
        make_folder(path.parent)
        with storage_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
            try:
                require_regular(descriptor)
                file = lock(descriptor, path, on_wait)
            except BaseException:
                os.close(descriptor)
                raise
        if stands(file.fileno(), path):
            return file
        file.close()


def hdf5_bytes(build: Callable[[h5py.File], None]) -> bytes:
    """An HDF5 file made in memory: what goes to disk then is bytes, whose writing cannot fail half-way unseen."""
    import h5py

    with h5py.File("in-memory", "w", driver="core", backing_store=False, libver=("v110", "v110")) as file:
        build(file)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


@contextmanager
def written_whole(path: Path, suffix: str = "") -> Iterator[Path]:
    """A path to write a file at, piece by piece; it stands at ``path`` when the block ends well, else not at all.

    ``suffix`` is what the name for the time being ends with, for writers that go by it.
    """
    make_folder(path.parent)
    sweep(path)
    temporary = _temporary(path, suffix)
    with interrupts.removed(temporary):
        yield temporary
        with storage_errors(path):
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)


@contextmanager
def create_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to be filled piece by piece; it stands at ``path`` when the block ends well, else not at all."""
    import h5py

    with written_whole(path) as temporary:
        with storage_errors(path):
            file = h5py.File(temporary, "x", libver=("v110", "v110"), locking=False)
        try:
            yield file
        finally:
            with storage_errors(path):
                file.close()


def checked_dataset(file: h5py.File, name: str, kinds: str, max_bytes: int, max_length: int | None = None) -> Any:
    """A dataset of a stranger's HDF5 file, read whole.

    Refused with :class:`DataError`: a soft or external link on the way, external or virtual storage, a filter other
    than gzip, shuffle and fletcher32, an element kind outside ``kinds`` (NumPy's letters), more than ``max_bytes``, or
    than ``max_length`` along the first axis, and more than what is stored could be unpacked to.
    """
    import h5py

    where = f"{file.filename}: {name}"
    node: Any = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise DataError(f"{where} is missing: not a file of this program, or a damaged one")
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{where} is a link to elsewhere, which is not followed")
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise DataError(f"{where} is not a dataset held in the file itself")
    if node.compression not in (None, "gzip") or node.scaleoffset is not None:
        raise DataError(f"{where} is compressed in an unexpected way ({node.compression})")
    if node.dtype.kind not in kinds or node.dtype.hasobject:
        raise DataError(f"{where} holds {node.dtype} where kind '{kinds}' belongs")
    size = node.size * node.id.get_type().get_size()  # NumPy's own count overflows
    if size > max_bytes:
        raise DataError(f"{where} would take {size:,} bytes; at most {max_bytes:,} are read")
    if max_length is not None and node.shape and node.shape[0] > max_length:
        raise DataError(f"{where} claims {node.shape[0]:,} entries; at most {max_length:,} are read")
    if size > _BEST_PACKED * node.id.get_storage_size():
        raise DataError(f"{where} claims {size:,} bytes, and holds next to nothing")
    return node[()]
