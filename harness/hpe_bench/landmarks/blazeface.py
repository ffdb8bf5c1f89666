"""MediaPipe's face detector BlazeFace (Bazarevsky et al., arXiv:1907.05047): boxes, scores, and six key points each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpe_bench.landmarks.graph import Graph, node

Reach = Literal["near", "far"]

_CALCULATORS = {"near": "FaceDetectionShortRangeCpu", "far": "FaceDetectionFullRangeCpu"}
_GRAPH = """
input_stream: "image"
output_stream: "faces"
node {{ calculator: "{}" input_stream: "IMAGE:image" output_stream: "DETECTIONS:faces" }}
"""


@dataclass(frozen=True, eq=False)
class Detections:
    """N faces in an image, the surest first.

    ``scores`` (N,) are 0 to 1; ``boxes`` (N, 4) are left, top, right, bottom in pixels, from brows to chin;
    ``key_points`` (N, 6, 2) in pixels are the right and left eye, nose, mouth, right and left ear.
    """

    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]
    key_points: NDArray[np.float64]


class BlazeFace:
    """Finds the faces whose score is at least ``least``: its model for those within 2 m (near), or 5 m (far).

    ``merged`` makes one of those that overlap, as MediaPipe does; else each anchor of the model stands for itself.
    MediaPipe's own Python takes a least score too, and heeds none but 0.5 (near) and 0.6 (far).
    """

    def __init__(self, reach: Reach, least: float, merged: bool = True) -> None:
        self._least, self._merged = least, merged
        self._graph = Graph(_GRAPH.format(_CALCULATORS[reach]), self._edit)

    def find(self, image: NDArray[np.uint8]) -> Detections:
        """The faces in an image (H, W, 3), RGB uint8."""
        from mediapipe.python import packet_getter

        packet = self._graph.run(np.ascontiguousarray(image)).get("faces")
        faces = packet_getter.get_proto_list(packet) if packet is not None else []
        faces = sorted(faces, key=lambda face: -face.score[0])
        places = [face.location_data for face in faces]
        corners = [(place.relative_bounding_box, place.relative_keypoints) for place in places]
        boxes = [(box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height) for box, _ in corners]
        points = [[(point.x, point.y) for point in points] for _, points in corners]
        size = np.array(image.shape[1::-1], dtype=np.float64)
        return Detections(
            np.array([face.score[0] for face in faces], dtype=np.float64),
            np.array(boxes, dtype=np.float64).reshape(-1, 4) * np.tile(size, 2),
            np.array(points, dtype=np.float64).reshape(-1, 6, 2) * size,
        )

    def close(self) -> None:
        """Let go of the model."""
        self._graph.close()

    def _edit(self, config: Any) -> dict[str, str]:
        from mediapipe.calculators.tensor import tensors_to_detections_calculator_pb2 as detecting

        options = detecting.TensorsToDetectionsCalculatorOptions()
        (packed,) = node(config, "TensorsToDetectionsCalculator").node_options
        packed.Unpack(options)
        options.min_score_thresh = self._least
        packed.Pack(options)
        if not self._merged:
            merging = node(config, "NonMaxSuppressionCalculator")
            projecting = node(config, "DetectionProjectionCalculator")
            place = next(n for n, name in enumerate(projecting.input_stream) if name.startswith("DETECTIONS:"))
            projecting.input_stream[place] = f"DETECTIONS:{merging.input_stream[0]}"
            config.node.remove(merging)
        return {"faces": "faces"}
