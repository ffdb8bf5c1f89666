"""Files that are whole or absent: written under a temporary name, synced, renamed; and HDF5 read with suspicion."""

from __future__ import annotations

import errno
import fcntl
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

if TYPE_CHECKING:
    import h5py

_MENDS = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again; finished batches are kept",
    errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the file system is read-only: choose another folder with --results (HPE_BENCH_RESULTS)",
    errno.EACCES: "no permission to write there: choose another folder with --results (HPE_BENCH_RESULTS)",
    errno.EPERM: "no permission to write there: choose another folder with --results (HPE_BENCH_RESULTS)",
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
        mend = _MENDS.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"{path}: cannot be written: {mend}") from error


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where it is missing."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at ``path`` there is, at every moment, the old content or the new one, whole."""
    make_folder(path.parent)
    temporary = path.parent / f"{temporary_prefix(path)}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with storage_errors(path):
        with interrupts.removed(temporary):
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        sync_folder(path.parent)


def require_writable(path: Path) -> None:
    """:class:`StorageError` where no file can be written at ``path``, found by a trial; its folder is made."""
    make_folder(path.parent)
    trial = path.parent / f"{temporary_prefix(path)}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with storage_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        trial.touch(exist_ok=False)
        trial.unlink()


def temporary_prefix(path: Path) -> str:
    """How the temporary names of a file begin; what a killed writer left can be found and removed by it."""
    return f".{path.name}.tmp-"


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
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def open_locked(path: Path, on_wait: Callable[[], None] | None = None) -> io.FileIO:
    """The file, made where it is missing, unbuffered, and locked until it is closed or the process ends.

    Where another process has it, ``on_wait`` is called once, and this one waits; where that process removed the file
    meanwhile, it is opened anew.
    """
    while True:
        make_folder(path.parent)
        with storage_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        file = io.FileIO(descriptor, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
                on_wait = None
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if os.fstat(file.fileno()).st_ino == os.stat(path).st_ino:
                return file
        except FileNotFoundError:
            pass
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
    _sweep(path)
    temporary = path.parent / f"{temporary_prefix(path)}{os.getpid()}-{uuid.uuid4().hex[:8]}{suffix}"
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
            file = h5py.File(temporary, "x", libver=("v110", "v110"))
        try:
            yield file
        finally:
            with storage_errors(path):
                file.close()


def _sweep(path: Path) -> None:
    """Remove what writers that were killed left of the file."""
    for leftover in path.parent.glob(f"{temporary_prefix(path)}*"):
        owner = leftover.name.removeprefix(temporary_prefix(path)).partition("-")[0]
        if Path("/proc/self").exists() and not Path(f"/proc/{owner}").exists():
            leftover.unlink(missing_ok=True)


def checked_dataset(file: h5py.File, name: str, kinds: str, max_bytes: int) -> Any:
    """A dataset of a stranger's HDF5 file, read whole.

    Refused with :class:`DataError`: a soft or external link on the way, external or virtual storage, a filter other
    than gzip, shuffle and fletcher32, an element kind outside ``kinds`` (NumPy's letters), more than ``max_bytes``.
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
    if node.size * node.dtype.itemsize > max_bytes:
        raise DataError(f"{where} would take {node.size * node.dtype.itemsize:,} bytes; at most {max_bytes:,} are read")
    return node[()]
