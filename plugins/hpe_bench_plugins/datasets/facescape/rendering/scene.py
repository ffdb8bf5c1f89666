"""The camera and the renderer: a head, a rotation and a look make an image, through OpenGL without a screen."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench import MissingError, UsageError
from hpe_bench_plugins.datasets.facescape.rendering import shaders
from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look
from hpe_bench_plugins.datasets.facescape.rendering.head import PLAIN, Head

_NO_MODERNGL = "heads are drawn by moderngl, which is not installed: pip install 'hpe-bench[render]'"
_NO_EGL = (
    "no OpenGL context without a screen ({error}); Mesa draws on the processor: apt-get install libegl1 libgl1-mesa-dri"
)


def project(points: ArrayLike, rotation: ArrayLike, look: Look, size: int) -> NDArray[np.float64]:
    """Pixels (..., 2), x right and y down, of points (..., 3) of a head in cm; the formula that the renderer draws by.

    With (X, Y, Z) = R p + (0, 0, distance) in cm: pixel = size * (0.5 + distance / field * (X, Y) / Z). The centre of
    the top left pixel is (0.5, 0.5), and the head's origin stands at the centre of the image whatever the rotation.
    """
    turned = np.asarray(points, dtype=np.float64) @ np.asarray(rotation, dtype=np.float64).T
    depth = turned[..., 2:] + look.distance
    return np.asarray(size * (0.5 + look.distance / look.field * turned[..., :2] / depth))


class Renderer:
    """Draws square images of heads. A context manager: it holds an OpenGL context of the process that entered it.

    Images are drawn ``smooth`` times as large and made smaller. ``threads`` limits those that Mesa's llvmpipe draws
    with; it counts for the first renderer of a process. Raises :class:`MissingError` where moderngl or OpenGL is
    missing.
    """

    def __init__(self, size: int = 256, smooth: int = 2, backend: str | None = "egl", threads: int | None = None):
        if not (16 <= size <= 4096 and 1 <= smooth <= 4):
            raise UsageError(f"images of {size} pixels, drawn {smooth} times as large: 16 to 4096, and 1 to 4 times")
        self.size, self.smooth, self.backend, self.threads = size, smooth, backend, threads
        self._context: Any = None
        self._head: Head | None = None

    def __enter__(self) -> Renderer:
        self._context = context = _open_context(self.backend, self.threads)
        context.front_face = "cw"  # NDC is upside down
        sources = {
            "skin": (shaders.SKIN_VERTEX, shaders.SKIN_FRAGMENT),
            "detail": (shaders.DETAIL_VERTEX, shaders.DETAIL_FRAGMENT),
            "back": (shaders.BACKGROUND_VERTEX, shaders.BACKGROUND_FRAGMENT),
            "place": (shaders.PLACE_VERTEX, shaders.PLACE_FRAGMENT),
        }
        self._programs = {
            name: context.program(vertex_shader=vertex, fragment_shader=fragment)
            for name, (vertex, fragment) in sources.items()
        }
        self._programs["detail"]["skin"], self._programs["back"]["backdrop"] = 0, 1
        self._back = context.vertex_array(self._programs["back"], [])
        large = (self.size * self.smooth,) * 2
        self._image = _frame(context, large, 4, "f1")
        self._plain = _frame(context, (self.size,) * 2, 4, "f1")
        self._map = _frame(context, (self.size,) * 2, 4, "f4")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the context and of all that it holds."""
        if self._context is not None:
            self._opened()
            self._drop_head()
            for held in (self._back, self._image, self._plain, self._map, *self._programs.values()):
                held.release()
            self._context.release()
            self._context = None

    @property
    def device(self) -> str:
        """What draws, for the record: images differ a little between devices."""
        return str(self._opened().info["GL_RENDERER"])

    def render(self, head: Head, rotation: ArrayLike, look: Look | None = None) -> NDArray[np.uint8]:
        """The image (size, size, 3) RGB uint8 of a head turned by ``rotation`` (3, 3), head to camera."""
        context, look = self._opened(), look or Look()
        self._take(head)
        backdrop = np.ascontiguousarray(look.background, dtype=np.uint8)
        texture = context.texture(backdrop.shape[1::-1], 3, backdrop.tobytes(), alignment=1)
        texture.repeat_x = texture.repeat_y = False
        texture.use(1)
        self._image.use()
        self._image.clear(depth=1.0)
        context.disable(context.DEPTH_TEST | context.CULL_FACE)
        self._back.render(context.TRIANGLES, vertices=3)
        for name in ("skin", "detail"):
            self._aim(name, rotation, look, lit=True, **look.lights())
            self._draw(name)
        drawn = self._read(self._image, 3, "f1", np.uint8)
        texture.release()
        if self.smooth == 1:
            return drawn
        return np.asarray(cv2.resize(drawn, (self.size, self.size), interpolation=cv2.INTER_AREA))

    def flat(self, head: Head, rotation: ArrayLike, look: Look | None = None) -> NDArray[np.uint8]:
        """The colours alone (size, size, 3), as the paint has them times 255: no light, no smoothing, black behind."""
        self._opened()
        self._take(head)
        self._plain.use()
        self._plain.clear(depth=1.0)
        for name in ("skin", "detail"):
            self._aim(name, rotation, look or Look(), lit=False)
            self._draw(name)
        return self._read(self._plain, 3, "f1", np.uint8)

    def places(self, head: Head, rotation: ArrayLike, look: Look | None = None) -> NDArray[np.float32]:
        """Which point of the head (size, size, 3), in cm in the head's frame, each pixel's centre shows; else NaN."""
        self._opened()
        self._take(head)
        self._map.use()
        self._map.clear(depth=1.0)
        self._aim("place", rotation, look or Look())
        self._draw("place")
        found = self._read(self._map, 4, "f4", np.float32)
        return np.where(found[..., 3:] > 0, found[..., :3], np.float32(np.nan))

    def _opened(self) -> Any:
        if self._context is None:
            raise RuntimeError("the renderer is not open: with Renderer() as renderer")
        self._context.__enter__()  # another renderer of this process may have drawn last
        return self._context

    def _read(self, buffer: Any, components: int, dtype: str, kind: type) -> NDArray[Any]:
        values = bytearray(buffer.width * buffer.height * components * np.dtype(kind).itemsize)
        buffer.read_into(values, components=components, dtype=dtype, alignment=1)
        return np.frombuffer(values, dtype=kind).reshape(buffer.height, buffer.width, components)

    def _aim(self, name: str, rotation: ArrayLike, look: Look, **uniforms: Any) -> None:
        turn = np.asarray(rotation, dtype=np.float64)
        if turn.shape != (3, 3) or not np.isfinite(turn).all():
            raise ValueError(f"a rotation is (3, 3) finite numbers, not {turn.shape}")
        near = look.distance - self._radius
        if near < 1.0:
            raise UsageError(f"a camera at {look.distance:g} cm stands in the head of {self._radius:.0f} cm")
        program = self._programs[name]
        program["rotation"] = tuple(turn.T.ravel())
        program["distance"] = look.distance
        program["scale"] = 2.0 * look.distance / look.field
        program["reach"] = near, look.distance + self._radius
        for key, value in uniforms.items():
            program[key] = value

    def _draw(self, name: str) -> None:
        context = self._context
        context.enable(context.DEPTH_TEST)
        if self._head is not None and self._head.closed and name == "skin":
            context.enable(context.CULL_FACE)
        else:
            context.disable(context.CULL_FACE)
        if name in self._arrays:
            self._arrays[name].render(context.TRIANGLES)

    def _take(self, head: Head) -> None:
        if head is self._head:
            return
        self._drop_head()
        context, paint = self._context, head.paint
        columns = [head.vertices, head.normals, paint.colours, paint.surface]
        vertices = context.buffer(np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=np.float32))
        names = ("position", "normal", "colour", "surface")
        detailed = (paint.surface[:, 0] != PLAIN)[head.triangles].all(axis=1)
        parts = {"skin": head.triangles[~detailed], "detail": head.triangles[detailed], "place": head.triangles}
        self._held, self._arrays = [vertices], {}
        for name, triangles in parts.items():
            if len(triangles):
                index = context.buffer(np.ascontiguousarray(triangles, dtype=np.int32))
                content = (vertices, "3f 40x", "position") if name == "place" else (vertices, "3f 3f 3f 4f", *names)
                self._arrays[name] = context.vertex_array(self._programs[name], [content], index)
                self._held += [self._arrays[name], index]
        image = paint.texture if paint.texture is not None else np.full((1, 1, 3), 255, dtype=np.uint8)
        texture = context.texture(image.shape[1::-1], 3, np.ascontiguousarray(image).tobytes(), alignment=1)
        texture.build_mipmaps()
        texture.use(0)
        self._held.append(texture)
        self._programs["detail"]["iris"], self._programs["detail"]["pupil"] = paint.iris, paint.pupil
        for name in ("skin", "detail"):
            self._programs[name]["inside"] = 0.3
        self._radius = float(np.linalg.norm(head.vertices, axis=1).max()) + 0.1
        self._head = head

    def _drop_head(self) -> None:
        if self._head is not None:
            for held in self._held:
                held.release()
            self._head = None


def _frame(context: Any, size: tuple[int, ...], components: int, dtype: str) -> Any:
    return context.framebuffer([context.renderbuffer(size, components, dtype=dtype)], context.depth_renderbuffer(size))


def _open_context(backend: str | None, threads: int | None) -> Any:
    try:
        import moderngl
    except ImportError as error:
        raise MissingError(_NO_MODERNGL) from error
    if threads is not None:
        os.environ["LP_NUM_THREADS"] = str(threads)
    settings: dict[str, Any] = {"backend": backend} if backend else {}
    try:
        return moderngl.create_context(standalone=True, require=330, **settings)
    except Exception as error:  # glcontext raises a bare Exception
        raise MissingError(_NO_EGL.format(error=error)) from error
