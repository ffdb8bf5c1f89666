import numpy as np

from hpe_bench import Estimator, Landmarks, hookimpl, pose


class NoseLine(Estimator):
    inputs = Landmarks()

    def predict(self, batch):
        left = batch.landmarks[:, 263] - batch.landmarks[:, 33]
        down = batch.landmarks[:, 152] - batch.landmarks[:, 10]
        return pose.nearest_rotation(np.stack([left, down, np.cross(left, down)], axis=-1))


@hookimpl
def register_estimators(register):
    register("nose-line", NoseLine, summary="axes through the eyes and from brow to chin")
