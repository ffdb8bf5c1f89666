"""A dataset that draws its images: a needle whose direction is the head's roll."""

import numpy as np
from pydantic import Field

from hpe_bench import Dataset, Options, Sample, pose


class Compass(Dataset):
    """Images of 64 x 64 with a white needle on black."""

    class Options(Options):
        """Options of acme-compass."""

        count: int = Field(24, ge=1, description="number of images")

    def ids(self):
        return [f"needle{index:03d}" for index in range(self.options.count)]

    def sample(self, id):
        roll = -170.0 + 340.0 * int(id.removeprefix("needle")) / max(self.options.count - 1, 1)
        return Sample(id=id, rotation=pose.rotation_from_euler([0.0, 0.0, roll]), image=draw(roll), sequence=id[-1])


def draw(roll):
    """The needle (64, 64, 3) of a roll in degrees: it points to where the top of the head does."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    up = np.array([np.sin(np.radians(roll)), -np.cos(np.radians(roll))])
    along = columns * up[0] + rows * up[1]
    across = columns * up[1] - rows * up[0]
    needle = (along > 0) & (along < 28) & (np.abs(across) < 3)
    return np.repeat((255 * needle).astype(np.uint8)[..., None], 3, axis=2)
