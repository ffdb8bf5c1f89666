"""hpe-bench compares head pose estimators on equal terms. This page is its public API, imported on use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpe_bench import augmentation, crops, metrics, pose
    from hpe_bench.api import compare, evaluate, open_estimator, predict_images, train
    from hpe_bench.charts import Chart, Line, Panel
    from hpe_bench.content import instead_of
    from hpe_bench.crops import CropRule, RandomCrop
    from hpe_bench.datasets import Check, Dataset, Sample
    from hpe_bench.errors import DataError, HpeBenchError, MissingError, SampleError, UnitError, UsageError
    from hpe_bench.estimators import SET_NAME, Batch, Card, Estimator, Images, Landmarks, Nothing, Prediction
    from hpe_bench.grids import Grid, GridAxes, GridFile, write_grid
    from hpe_bench.hookspecs import hookimpl
    from hpe_bench.image_training.options import ImageTraining
    from hpe_bench.image_training.recipe import ImageRecipe, ImageTarget, geodesic_loss
    from hpe_bench.image_training.train import train_image_network
    from hpe_bench.images import ImageArray, ImageFile
    from hpe_bench.inference.smoothing import Smoothing
    from hpe_bench.landmarks.canonical import canonical_face
    from hpe_bench.landmarks.extractor import Extractor
    from hpe_bench.landmarks.faces import FaceDetector
    from hpe_bench.maps import HeatMaps, Matrix
    from hpe_bench.options import Options
    from hpe_bench.preparation import Preparation
    from hpe_bench.protocols import Protocol, Selection
    from hpe_bench.reading import parse_json, read_arrays, read_regular, require_regular
    from hpe_bench.runs.runfile import Run, open_run
    from hpe_bench.storage import checked_dataset, create_hdf5, file_digest, sweep_folder, write_atomically
    from hpe_bench.training import Preset, Trained, Training
    from hpe_bench.worker_pool import WorkerDied, WorkerPool
    from hpe_bench.workers import end_with_parent, usable_cpus

__all__ = [
    "SET_NAME",
    "Batch",
    "Card",
    "Chart",
    "Check",
    "CropRule",
    "DataError",
    "Dataset",
    "Estimator",
    "Extractor",
    "FaceDetector",
    "Grid",
    "GridAxes",
    "GridFile",
    "HeatMaps",
    "HpeBenchError",
    "ImageArray",
    "ImageFile",
    "ImageRecipe",
    "ImageTarget",
    "ImageTraining",
    "Images",
    "Landmarks",
    "Line",
    "Matrix",
    "MissingError",
    "Nothing",
    "Options",
    "Panel",
    "Prediction",
    "Preparation",
    "Preset",
    "Protocol",
    "RandomCrop",
    "Run",
    "Sample",
    "SampleError",
    "Selection",
    "Smoothing",
    "Trained",
    "Training",
    "UnitError",
    "UsageError",
    "WorkerDied",
    "WorkerPool",
    "augmentation",
    "canonical_face",
    "checked_dataset",
    "compare",
    "create_hdf5",
    "crops",
    "end_with_parent",
    "evaluate",
    "file_digest",
    "geodesic_loss",
    "hookimpl",
    "instead_of",
    "metrics",
    "open_estimator",
    "open_run",
    "parse_json",
    "pose",
    "predict_images",
    "read_arrays",
    "read_regular",
    "require_regular",
    "sweep_folder",
    "train",
    "train_image_network",
    "usable_cpus",
    "write_atomically",
    "write_grid",
]

_HOMES = {
    "api": ("compare", "evaluate", "open_estimator", "predict_images", "train"),
    "charts": ("Chart", "Line", "Panel"),
    "content": ("instead_of",),
    "crops": ("CropRule", "RandomCrop"),
    "datasets": ("Check", "Dataset", "Sample"),
    "errors": ("DataError", "HpeBenchError", "MissingError", "SampleError", "UnitError", "UsageError"),
    "estimators": ("SET_NAME", "Batch", "Card", "Estimator", "Images", "Landmarks", "Nothing", "Prediction"),
    "grids": ("Grid", "GridAxes", "GridFile", "write_grid"),
    "hookspecs": ("hookimpl",),
    "image_training.options": ("ImageTraining",),
    "image_training.recipe": ("ImageRecipe", "ImageTarget", "geodesic_loss"),
    "image_training.train": ("train_image_network",),
    "images": ("ImageArray", "ImageFile"),
    "inference.smoothing": ("Smoothing",),
    "landmarks.canonical": ("canonical_face",),
    "landmarks.extractor": ("Extractor",),
    "landmarks.faces": ("FaceDetector",),
    "maps": ("HeatMaps", "Matrix"),
    "options": ("Options",),
    "preparation": ("Preparation",),
    "protocols": ("Protocol", "Selection"),
    "reading": ("parse_json", "read_arrays", "read_regular", "require_regular"),
    "runs.runfile": ("Run", "open_run"),
    "storage": ("checked_dataset", "create_hdf5", "file_digest", "sweep_folder", "write_atomically"),
    "training": ("Preset", "Trained", "Training"),
    "worker_pool": ("WorkerDied", "WorkerPool"),
    "workers": ("end_with_parent", "usable_cpus"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("augmentation", "crops", "metrics", "pose"):
        return importlib.import_module(f"hpe_bench.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"hpe_bench.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'hpe_bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
