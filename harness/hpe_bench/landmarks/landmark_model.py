"""FaceMesh's landmark model on its own: landmarks and a presence score of any turned square of an image.

MediaPipe's Python gives it only behind its detector. Here its graph "FaceLandmarkCpu" is expanded, its gate opened,
so that it answers also where it is not sure, and its score let out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.landmarks.canonical import canonical_face
from hpe_bench.landmarks.graph import Graph, node

_GRAPH = """
input_stream: "image"
input_stream: "square"
output_stream: "landmarks"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:attention"
  node_options: {
    [type.googleapis.com/mediapipe.ConstantSidePacketCalculatorOptions]: { packet { bool_value: false } }
  }
}
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:square"
  input_side_packet: "WITH_ATTENTION:attention"
  output_stream: "LANDMARKS:landmarks"
}
"""
#: The outer eye corners, whose line tells how a face is turned, and how much larger than the face the square is.
_EYE_CORNERS = (33, 263)
_MARGIN = 1.5
#: A landmark in the protocol buffer of a list: two bytes before it, and one before each of its three numbers.
_ENCODED = np.dtype({"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [3, 8, 13], "itemsize": 17})


@dataclass(frozen=True)
class Square:
    """A square of an image: centre and side in pixels, turn in radians, clockwise as the image is seen."""

    x: float
    y: float
    side: float
    turn: float


class LandmarkModel:
    """Finds 468 points in a square of an image, and says how sure it is that a face is there."""

    def __init__(self) -> None:
        self._graph = Graph(_GRAPH, self._edit)

    def find(self, image: NDArray[np.uint8], square: Square) -> tuple[NDArray[np.float64], float]:
        """Landmarks (468, 3) in pixels of an image (H, W, 3) RGB uint8, z on the scale of x; the presence in [0, 1]."""
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import packet_getter

        height, width = image.shape[:2]
        rectangle = rect_pb2.NormalizedRect(
            x_center=square.x / width,
            y_center=square.y / height,
            width=square.side / width,
            height=square.side / height,
            rotation=square.turn,
        )
        out = self._graph.run(image, square=rectangle)
        points = _coordinates(packet_getter.get_proto(out["landmarks"]))[: len(canonical_face().points)]
        found = points * np.array((width, height, width), dtype=np.float64)
        return found, packet_getter.get_float(out["score"])

    def close(self) -> None:
        """Let go of the model."""
        self._graph.close()

    @staticmethod
    def _edit(config: Any) -> dict[str, str]:
        from mediapipe.calculators.util import thresholding_calculator_pb2 as thresholding

        gate = node(config, "ThresholdingCalculator")
        gate.options.Extensions[thresholding.ThresholdingCalculatorOptions.ext].threshold = -1.0
        return {"landmarks": "landmarks", "score": gate.input_stream[0].split(":")[-1]}


def square_around(points: NDArray[np.float64]) -> Square:
    """The square in which MediaPipe looks for a face next, from its landmarks (468, 3) in pixels now."""
    left, right = (points[corner, :2] for corner in _EYE_CORNERS)
    turn = float(np.arctan2(*(right - left)[::-1]))
    upright = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    seen = points[:, :2] @ upright
    low, high = seen.min(axis=0), seen.max(axis=0)
    x, y = upright @ ((low + high) / 2)
    return Square(float(x), float(y), float(_MARGIN * (high - low).max()), turn)


def _coordinates(landmarks: Any) -> NDArray[np.float64]:
    """x, y, z (N, 3) of a list of landmarks, read from its encoded form: many times faster than one by one."""
    encoded = landmarks.SerializeToString()
    if len(encoded) != len(landmarks.landmark) * _ENCODED.itemsize:  # there is more in it than coordinates
        return np.array([(point.x, point.y, point.z) for point in landmarks.landmark], dtype=np.float64)
    points = np.frombuffer(encoded, _ENCODED)
    return np.array([points[axis] for axis in "xyz"], dtype=np.float64).T


def in_pixels(landmarks: Any, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """MediaPipe's landmarks (N, 3) in pixels: it divides x and z by the width and y by the height."""
    height, width = image.shape[:2]
    found = np.array([(point.x, point.y, point.z) for point in landmarks])
    return np.asarray(found * (width, height, width), dtype=np.float64)
