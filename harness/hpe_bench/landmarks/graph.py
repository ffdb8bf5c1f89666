"""MediaPipe's graphs opened up: its Python gives them closed, with gates and thresholds that cannot be set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Graph:
    """One of MediaPipe's graphs at work on one image after another; used by one thread at a time.

    ``config`` is its text, whose subgraphs are expanded; ``edit`` then changes the nodes and names the streams that are
    to be read, by what :meth:`run` gives them as.
    """

    def __init__(self, config: str, edit: Callable[[Any], dict[str, str]]) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe
        from google.protobuf import text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.python._framework_bindings import calculator_graph, resource_util

        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))

        def parsed(text: str) -> Any:
            return text_format.Parse(text, calculator_pb2.CalculatorGraphConfig())

        expanded = parsed(calculator_graph.CalculatorGraph(graph_config=parsed(config)).text_config)
        outputs = edit(expanded)
        expanded.output_stream.extend(stream for stream in outputs.values() if stream not in expanded.output_stream)
        self._graph = calculator_graph.CalculatorGraph(graph_config=expanded)
        self._out: dict[str, Any] = {}
        for name, stream in outputs.items():
            self._graph.observe_output_stream(stream, lambda _, packet, name=name: self._out.__setitem__(name, packet))
        self._graph.start_run({})
        self._time = 0

    def run(self, image: NDArray[np.uint8], **inputs: Any) -> dict[str, Any]:
        """The packets that come out by the names of their streams, for an image (H, W, 3) RGB and other messages."""
        import mediapipe
        from mediapipe.python import packet_creator

        self._time += 1
        self._out.clear()
        frame = packet_creator.create_image_frame(data=image, image_format=mediapipe.ImageFormat.SRGB)
        self._graph.add_packet_to_input_stream("image", frame.at(self._time))
        for name, message in inputs.items():
            self._graph.add_packet_to_input_stream(name, packet_creator.create_proto(message).at(self._time))
        self._graph.wait_until_idle()
        return self._out

    def close(self) -> None:
        """Let go of the models."""
        self._graph.close()


def node(config: Any, calculator: str) -> Any:
    """The one node of a graph's configuration that is of that calculator."""
    return next(node for node in config.node if node.calculator == calculator)
