"""An estimator that reads the needle of acme-compass: the direction of the white pixels' mean."""

import numpy as np

from hpe_bench import Estimator, Images, pose


class Needle(Estimator):
    """Roll alone, from images of any size."""

    inputs = Images(crop="whole", size=(64, 64))

    def predict(self, batch):
        light = batch.images.mean(axis=3)
        rows, columns = np.mgrid[:64, :64] - 31.5
        x, y = (light * columns).sum(axis=(1, 2)), (light * rows).sum(axis=(1, 2))
        return pose.rotation_about("z", np.degrees(np.arctan2(x, -y)))
