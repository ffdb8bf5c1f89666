"""What is learned from: which samples, by which crops, seen how, and in which order."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hpe_bench import (
    CropRule,
    Dataset,
    ImageFile,
    Images,
    ImageTraining,
    RandomCrop,
    Sample,
    UsageError,
    augmentation,
    geodesic_loss,
    pose,
)
from hpe_bench.image_training.loading import Batches, Share, learning_loader, validation_loader
from hpe_bench.image_training.samples import read_samples
from hpe_bench.image_training.views import check_view, learning_view, validation_view
from hpe_bench.images import resize

SIZE = (40, 30)
INPUTS = Images(crop="face", size=(16, 16))


class Faces(Dataset):
    """Images whose pixels are their own places; every third has no face, and the last a yaw of 120 degrees."""

    crops = {"face": CropRule("face", "1", "", lambda points, w, h: (4, 4, 20, 20), faceless=True)}  # noqa: RUF012
    read = 0

    def ids(self):
        return [f"{number:02d}" for number in range(12)]

    def sample(self, id):
        Faces.read += 1
        number = int(id)
        euler = (10.0 * number if number < 11 else 120.0, 5.0, -7.0)
        points = None if number % 3 == 2 else np.array([[4.0, 20.0], [4.0, 20.0]]) + number / 100
        return Sample(id, pose.rotation_from_euler(euler), euler, ImageFile(self.root / f"{id}.png"), points=points)

    def part(self, part):
        return self


class Loose(Faces):
    """Has crops to learn from."""

    random_crops = {  # noqa: RUF012
        "face": RandomCrop("face", "1", "", lambda points, w, h, random: (0, 0, int(random.integers(10, 30)), 20))
    }


def place_image():
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


@pytest.fixture
def training(tmp_path):
    """A function of a dataset's class and of options: what read_samples asks of a training."""
    import cv2

    for number in range(12):
        cv2.imwrite(str(tmp_path / f"{number:02d}.png"), place_image()[..., ::-1])

    def make(kind=Faces, **options):
        return SimpleNamespace(
            datasets={"faces": kind(tmp_path)},
            options=ImageTraining(**options),
            labels=lambda dataset: dataset.labels(),
        )

    return make


def plain(**more):
    return ImageTraining(**{"mirror": 0, "blur": 0, "workers": 0, **more})


def test_faceless_samples_and_large_angles_are_left_out(training):
    samples = read_samples(training(), INPUTS, "train")
    assert [samples.piece(place)[1] for place in range(len(samples))] == ["00", "01", "03", "04", "06", "07", "09"]
    assert len(read_samples(training(largest=50), INPUTS, "train")) == 4


def test_the_samples_to_validate_on_are_evenly_spread(training):
    samples = read_samples(training(validated=3), INPUTS, "validation")
    assert [samples.piece(place)[1] for place in range(len(samples))] == ["00", "04", "09"]


def test_crops_to_learn_from_are_random_where_the_dataset_has_such_and_others_are_not(training):
    samples = read_samples(training(Loose), INPUTS, "train")
    random = np.random.default_rng(0)
    # The last column that is seen is the width of the crop, less one.
    widths = {int(learning_view(samples, 0, INPUTS, plain(), random).image[0, -1, 0]) for _ in range(20)}
    assert len(widths) > 3
    tested = read_samples(training(Loose), INPUTS, "validation")
    np.testing.assert_array_equal(validation_view(tested, 0, INPUTS).image, place_image()[4:20, 4:20])
    assert len({validation_view(tested, 0, INPUTS).image.tobytes() for _ in range(5)}) == 1


def test_a_label_is_read_once_and_what_it_said_is_kept(training):
    samples = read_samples(training(), INPUTS, "train")
    samples.share()
    Faces.read = 0
    points = [samples.read(3)[1] for _ in range(4)]
    assert Faces.read == 1
    for found in points:
        np.testing.assert_array_equal(found, np.array([[4.0, 20.0], [4.0, 20.0]]) + 0.04)


def test_a_mirrored_image_has_the_mirrored_head(training):
    samples = read_samples(training(), INPUTS, "train")
    seen = learning_view(samples, 2, INPUTS, plain(mirror=1), np.random.default_rng(0))
    np.testing.assert_array_equal(seen.image, place_image()[4:20, 4:20][:, ::-1])
    np.testing.assert_allclose(seen.euler, (-30, 5, 7))
    np.testing.assert_allclose(pose.euler_from_rotation(seen.rotation), seen.euler, atol=1e-9)


def test_blurred_and_cut_images_have_the_size_and_the_colour_order_that_is_asked_for(training):
    inputs = Images(crop="face", size=(10, 8), order="BGR")
    samples = read_samples(training(), inputs, "train")
    for view in ("whole", "random-crop", "random-resized-crop"):
        seen = learning_view(samples, 0, inputs, plain(blur=1, view=view, resize=16), np.random.default_rng(1))
        assert seen.image.shape == (8, 10, 3) and not seen.image[..., 0].any() and seen.image[..., 2].any()


def test_random_parts_are_antialiased_as_pillow_does_it_up_to_one_grey_level(training, tmp_path):
    import cv2

    inputs = Images(crop="face", size=(9, 7), interpolation="antialias")
    options = plain(view="random-resized-crop", least=0.5)
    samples = read_samples(training(), inputs, "train")
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "00.png"), noise[..., ::-1])
    seen = learning_view(samples, 0, inputs, options, np.random.default_rng(2)).image
    random = np.random.default_rng(2)
    random.random()  # whether it is blurred
    left, top, right, bottom = augmentation.random_resized_box(16, 16, 0.5, random)
    expected = resize(noise[4:20, 4:20][top:bottom, left:right], (9, 7), "antialias")
    assert np.abs(seen.astype(int) - expected).max() <= 1


def test_a_batch_stays_until_the_next_but_one_is_asked_for(training):
    samples = read_samples(training(), INPUTS, "validation")
    batches = iter(validation_loader(samples, INPUTS, plain(batch=1, workers=1), Share(), torch.device("cpu")))
    first = next(batches)[2]
    yaw = float(first[0, 0])
    next(batches)
    assert float(first[0, 0]) == yaw


def test_random_crops_lie_anywhere_in_the_resized_image():
    random = np.random.default_rng(0)
    boxes = [augmentation.random_place(7, 5, (4, 3), random) for _ in range(400)]
    assert Counter(boxes).keys() == {(x, y, x + 4, y + 3) for x in range(4) for y in range(3)}


def test_random_resized_crops_hold_the_share_of_the_area_and_the_aspect_that_they_may():
    random = np.random.default_rng(0)
    boxes = np.array([augmentation.random_resized_box(300, 280, 0.8, random) for _ in range(2000)])
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    share = width * height / (300 * 280)
    assert share.min() > 0.795 and share.max() <= 1 and 0.8 < share.mean() < 0.95
    assert (width / height > 0.74).all() and (width / height < 1.35).all()
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= 300).all() and (boxes[:, 3] <= 280).all()


def test_an_image_too_long_for_any_random_part_is_cut_around_its_centre():
    assert augmentation.random_resized_box(1000, 30, 0.9, np.random.default_rng(0)) == (480, 0, 520, 30)


def test_an_epoch_has_every_sample_once_but_for_what_is_left_over_and_the_next_has_others():
    batches = Batches(22, 5, seed=0, share=Share())
    first = [place for batch in batches for _, place in batch]
    assert len(batches) == 4 and len(set(first)) == 20
    batches.epoch = 1
    second = [place for batch in batches for epoch, place in batch if epoch == 1]
    assert len(set(second)) == 20 and second != first
    assert [len(batch) for batch in Batches(3, 5, seed=0, share=Share())] == [3]


def test_processes_share_the_very_batches_of_one():
    alone = list(Batches(23, 6, 4, Share()))
    shared = [list(Batches(23, 6, 4, Share(rank, 2))) for rank in range(2)]
    assert alone
    for batch, *parts in zip(alone, *shared, strict=True):
        assert sorted(batch) == sorted(parts[0] + parts[1]) and len(parts[0]) == len(parts[1])


def test_a_view_follows_from_seed_epoch_and_sample_alone(training):
    options = plain(mirror=0.5, view="random-resized-crop", least=0.3, batch=3)
    samples = read_samples(training(Loose), INPUTS, "train")

    def views(batch, epoch, seed=0):
        own = options.model_copy(update={"batch": batch})
        loader, batches = learning_loader(samples, INPUTS, own, seed, Share(), torch.device("cpu"))
        batches.epoch = epoch
        return {image.numpy().tobytes() for images, *_ in loader for image in images}

    assert views(7, 0) == views(1, 0) and len(views(7, 0)) == 7
    assert not views(7, 0) & views(7, 1) and not views(7, 0) & views(7, 0, seed=1)


def test_every_process_validates_on_its_share(training):
    samples = read_samples(training(), INPUTS, "validation")
    seen = []
    for rank in range(2):
        loader = validation_loader(samples, INPUTS, plain(), Share(rank, 2), torch.device("cpu"))
        seen += [yaw for _, _, euler in loader for yaw in euler[:, 0].tolist()]
    assert sorted(seen) == [0, 10, 30, 40, 60, 70, 90]


def test_learning_rates_take_the_course_that_is_asked_for():
    steps = ImageTraining(rate=8, schedule="steps", milestones="20,40", factor=0.5, epochs=60)
    assert [steps.rate_at(epochs) for epochs in (0, 19.99, 20, 39.9, 40, 59)] == [8, 8, 4, 4, 2, 2]
    cosine = ImageTraining(rate=1, schedule="cosine", epochs=10, warmup=1)
    assert cosine.rate_at(0) == pytest.approx(0.02) and cosine.rate_at(10) == pytest.approx(0.01)
    assert cosine.rate_at(5) == pytest.approx(0.505)
    assert ImageTraining(rate=3).rate_at(29) == 3


def test_the_geodesic_loss_is_the_mean_angle_between_rotations():
    first, second = Rotation.random(50, random_state=1), Rotation.random(50, random_state=2)
    expected = (first * second.inv()).magnitude().mean()
    found = geodesic_loss(*(torch.from_numpy(rotation.as_matrix()) for rotation in (first, second)))
    assert float(found) == pytest.approx(expected, abs=1e-9)


def test_the_geodesic_loss_of_equal_rotations_has_a_finite_derivative():
    same = torch.eye(3).repeat(4, 1, 1).requires_grad_()
    geodesic_loss(same, torch.eye(3).repeat(4, 1, 1)).backward()
    assert torch.isfinite(same.grad).all()


def test_an_estimator_without_a_size_of_images_cannot_learn():
    with pytest.raises(UsageError, match=r"Images\(size=\.\.\.\)"):
        check_view(plain(), Images())
