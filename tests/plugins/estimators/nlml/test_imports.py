"""The authors' files as sets of weights: told apart, checked, and run."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest

from hpe_bench import Landmarks, open_estimator, pose

torch = pytest.importorskip("torch")
nn = torch.nn
ANGLES = ("yaw", "pitch", "roll")
FOUR = ["Encoder.pth", *(f"{angle}_network.pth" for angle in ANGLES)]


class Encoder(nn.Module):
    def __init__(self, rows=9):
        super().__init__()
        layers = []
        for inner, outer in pairwise((1404, 1024, 512, 256, 128, 64)):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        layers[-1] = nn.Tanh()
        self.encoder = nn.Sequential(*layers, nn.Linear(64, rows))

    def forward(self, x):
        return self.encoder(x)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for inner, outer in pairwise((3, 128, 256, 128, 64)):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(64, 1))

    def forward(self, x):
        return self.model(x)


class Combined(nn.Module):
    def __init__(self, encoder, yaw, pitch, roll):
        super().__init__()
        self.encoder, self.yaw_network, self.pitch_network, self.roll_network = encoder, yaw, pitch, roll

    def forward(self, x):
        z = self.encoder(x)
        return self.yaw_network(z[:, 0:3]), self.pitch_network(z[:, 3:6]), self.roll_network(z[:, 6:9])


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A network of the authors' shapes with random numbers, and the files that their scripts would save."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    parts = [Encoder(), *(Head() for _ in ANGLES)]
    for part, name in zip(parts, FOUR, strict=True):
        torch.save(part.state_dict(), folder / name)
    whole = Combined(*parts).eval()
    torch.save(whole.state_dict(), folder / "whole.pth")
    torch.jit.script(whole).save(str(folder / "combined_model_scripted.pth"))
    return whole, folder


def landmarks(count=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 468, 3)) + np.linspace(0, 5, 468)[:, None]


def expected(network, points, convention="yaw-pitch-roll"):
    """The rotations of the authors' network: nose tip off, over the distance of the eye corners, radians to degrees."""
    apart = np.linalg.norm(points[:, 33] - points[:, 263], axis=-1)
    features = ((points - points[:, 1:2]) / apart[:, None, None]).reshape(len(points), -1)
    with torch.no_grad():
        angles = torch.cat(network(torch.from_numpy(features).float()), dim=1).double().numpy()
    return pose.rotation_from_grid(np.degrees(angles), convention)


@pytest.mark.parametrize(
    "files",
    [FOUR, FOUR[::-1], ["whole.pth"], ["combined_model_scripted.pth"], ["."]],
    ids=["four", "in another order", "whole", "TorchScript", "the folder"],
)
def test_the_authors_network_predicts_here_as_it_does_there(hpe_bench, official, files):
    network, folder = official
    done = hpe_bench("weights", "import", "nlml", *(folder / file for file in files), "--as", "authors")
    assert done.returncode == 0, done.stderr
    assert "2,360,844 parameters" in done.stdout and "wrote weights/nlml/authors/network.safetensors" in done.stdout
    opened = open_estimator("nlml:weights=authors", device="cpu")
    assert opened.inputs == Landmarks(extractor="facemesh", units="pixels")
    points = landmarks()
    np.testing.assert_allclose(opened.predict_landmarks(points).rotations, expected(network, points), atol=1e-5)


def test_its_angles_are_read_as_the_option_says_and_the_authors_way_where_that_is_asked_for(hpe_bench, official):
    network, folder = official
    hpe_bench("weights", "import", "nlml", folder, "--as", "authors")
    points = landmarks()
    for option in ("convention=pitch-yaw-roll", "choices=authors", "choices=authors:units=pixels"):
        opened = open_estimator(f"nlml:weights=authors:{option}", device="cpu")
        found = opened.predict_landmarks(points).rotations
        np.testing.assert_allclose(found, expected(network, points, "pitch-yaw-roll"), atol=1e-5)


@pytest.mark.parametrize(("estimator", "file"), [("nlml", "whole.pth"), ("nlml-tensor", "Trained_data.npz")])
def test_what_the_files_do_not_say_is_an_option_of_the_import_and_stays_with_the_set(hpe_bench, files, estimator, file):
    tensor(files / "Trained_data.npz")
    options = ("-o", "convention=pitch-yaw-roll", "-o", "units=image")
    done = hpe_bench("weights", "import", estimator, files / file, "--as", "wide", *options)
    assert done.returncode == 0 and "reads its angles as pitch-yaw-roll" in done.stdout, done.stderr
    assert f"{estimator}:weights=wide:choices=authors does all as its authors do" in done.stdout
    opened = open_estimator(f"{estimator}:weights=wide", device="cpu")
    assert opened.inputs.units == "image"
    given = open_estimator(f"{estimator}:weights=wide:convention=yaw-pitch-roll", device="cpu")
    points = landmarks()
    read = [one.predict_landmarks(points).rotations for one in (opened, given)]
    angles = pose.grid_from_rotation(read[0], "pitch-yaw-roll")
    np.testing.assert_allclose(pose.rotation_from_grid(angles, "yaw-pitch-roll"), read[1], atol=1e-6)


def test_an_option_of_an_import_that_has_none_or_another_is_refused(hpe_bench, files):
    code, said = refused(hpe_bench, "nlml", files / "whole.pth", "--as", "x", "-o", "unit=image")
    assert code == 2 and "did you mean units" in said
    code, said = refused(hpe_bench, "fsanet", files / "whole.pth", "--as", "x", "-o", "units=image")
    assert code == 2 and "importing weights of fsanet has no options" in said


def test_the_card_says_where_it_is_from_and_what_it_was_trained_on(hpe_bench, official):
    hpe_bench("weights", "import", "nlml", *(official[1] / file for file in FOUR), "--as", "authors")
    with open("weights/nlml/authors/card.json") as file:
        card = json.load(file)
    assert set(card["origin"]) == set(FOUR) and card["source"].endswith("NLML_HPE") and card["licence"]
    assert card["about"] == {"convention": "yaw-pitch-roll", "units": "pixels", "extractor": "facemesh"}
    told = hpe_bench("weights", "list").stdout
    assert "authors" in told


def test_what_was_imported_is_evaluated(hpe_bench, official):
    hpe_bench("weights", "import", "nlml", official[1], "--as", "authors")
    options = ("--dataset", "synthetic", "-d", "identities=1", "-d", "step=20", "--json")
    done = hpe_bench("eval", "nlml:weights=authors", *options)
    (row,) = json.loads(done.stdout)
    assert done.returncode == 0 and row["label"] == "nlml:weights=authors" and row["n"] == 75


def test_network_and_tensor_lie_in_one_set_under_one_card(hpe_bench, official, tmp_path):
    tensor(tmp_path / "Trained_data.npz")
    hpe_bench("weights", "import", "nlml", official[1], "--as", "authors")
    done = hpe_bench("weights", "import", "nlml-tensor", "Trained_data.npz", "--as", "authors")
    assert done.returncode == 0 and "5 x 3 x 3 x 3 x 1404" in done.stdout, done.stderr
    with open("weights/nlml/authors/card.json") as file:
        card = json.load(file)
    assert set(card["files"]) == {"network.safetensors", "tensor.safetensors"}
    assert set(card["origin"]) == {*FOUR, "Trained_data.npz"}
    for name in ("nlml", "nlml-tensor"):
        assert open_estimator(f"{name}:weights=authors", device="cpu").parameters() > 100_000


def card_of(name):
    with open(f"weights/nlml/{name}/card.json") as file:
        return json.load(file)


def test_the_card_says_what_each_file_states_where_they_differ(hpe_bench, official, tmp_path):
    tensor(tmp_path / "Trained_data.npz")
    hpe_bench("weights", "import", "nlml", official[1], "--as", "authors", "-o", "convention=pitch-yaw-roll")
    hpe_bench("weights", "import", "nlml-tensor", "Trained_data.npz", "--as", "authors", "-o", "units=image")
    about = card_of("authors")["about"]
    assert about["convention"] == "network pitch-yaw-roll, tensor yaw-pitch-roll"
    assert about["units"] == "network pixels, tensor image"


def test_files_that_an_import_replaces_are_no_origin_any_more(hpe_bench, official, tmp_path):
    tensor(tmp_path / "Trained_data.npz")
    hpe_bench("weights", "import", "nlml", *(official[1] / file for file in FOUR), "--as", "authors")
    hpe_bench("weights", "import", "nlml-tensor", "Trained_data.npz", "--as", "authors")
    hpe_bench("weights", "import", "nlml", official[1] / "whole.pth", "--as", "authors")
    assert set(card_of("authors")["origin"]) == {"whole.pth", "Trained_data.npz"}


def test_the_grid_of_a_tensor_is_the_released_ones_where_no_option_says_how_far_it_reached(hpe_bench, tmp_path):
    from hpe_bench_plugins.estimators.nlml.weights import read_tensor

    tensor(tmp_path / "Trained_data.npz")
    for name, options in (("released-like", ()), ("wide", ("-o", "limits=75,40,30.5"))):
        done = hpe_bench("weights", "import", "nlml-tensor", "Trained_data.npz", "--as", name, *options)
        assert done.returncode == 0, done.stderr
    assert "to 75, 40, 30.5 degrees" in done.stdout
    limits = [
        read_tensor(tmp_path / "weights/nlml" / name / "tensor.safetensors").limits
        for name in ("released-like", "wide")
    ]
    assert limits == [(50.0, 40.0, 30.0), (75.0, 40.0, 30.5)]
    for wrong in ("limits=75,40", "limits=0,40,30", "limits=75,40,200"):
        assert refused(hpe_bench, "nlml-tensor", "Trained_data.npz", "--as", "x", "-o", wrong)[0] == 2


def test_network_and_tensor_in_each_others_place_are_told_where_they_belong(hpe_bench, files):
    tensor(files / "odd.pth.npz")
    shutil.copy(files / "odd.pth.npz", files / "odd.pth")
    for file in ("odd.pth.npz", "odd.pth"):
        code, said = refused(hpe_bench, "nlml", files / file, "--as", "x")
        assert code == 3 and "is imported by weights import nlml-tensor" in said
    code, said = refused(hpe_bench, "nlml-tensor", files / "Encoder.pth", "--as", "x")
    assert code == 3 and "Encoder.pth: not the tensor" in said and "weights import nlml" in said


def test_an_encoder_that_does_not_fit_the_heads_says_what_they_take(hpe_bench, files):
    spoilt(files, "yaw_network.pth", model__0__weight=torch.zeros(128, 4))
    code, said = refused(hpe_bench, "nlml", *(files / name for name in FOUR), "--as", "x")
    assert code == 3 and "encoder before heads of 4, 3, 3 numbers" in said


def tensor(path):
    rng = np.random.default_rng(0)
    content = {"W": rng.normal(size=(5, 3, 3, 3, 1404)).astype(np.float32)}
    content |= {f"optimized_{angle}": rng.uniform(0.5, 1, size=(3, 4)) for angle in ANGLES}
    np.savez(path, **content)


@pytest.fixture
def files(official, tmp_path):
    """A copy of the files, to be spoilt."""
    return shutil.copytree(official[1], tmp_path / "models")


def spoilt(files, file, **changes):
    state = torch.load(files / file, weights_only=True)
    state.update({key.replace("__", "."): value for key, value in changes.items()})
    torch.save({key: value for key, value in state.items() if value is not None}, files / file)


def refused(hpe_bench, *arguments):
    done = hpe_bench("weights", "import", *arguments)
    assert "Traceback" not in done.stderr and done.stderr.startswith("Error: ") and len(done.stderr.split("\n")) <= 3
    return done.returncode, done.stderr


def test_a_part_that_is_missing_is_named(hpe_bench, files):
    code, said = refused(hpe_bench, "nlml", files / "Encoder.pth", files / "roll_network.pth", "--as", "x")
    assert code == 3 and "the yaw head, the pitch head is missing: give Encoder.pth" in said


def test_a_head_whose_name_says_no_angle_is_refused_since_all_have_equal_shapes(hpe_bench, files):
    shutil.move(files / "yaw_network.pth", files / "head1.pth")
    code, said = refused(hpe_bench, "nlml", files / "Encoder.pth", files / "head1.pth", "--as", "x")
    assert (
        code == 2 and "head1.pth" in said and "call it yaw_network.pth, pitch_network.pth or roll_network.pth" in said
    )


def test_a_part_that_is_there_twice_is_refused(hpe_bench, files):
    four = [files / file for file in FOUR]
    code, said = refused(hpe_bench, "nlml", *four, files / "whole.pth", "--as", "x")
    assert code == 2 and "both hold the encoder" in said and "whole.pth" in said


@pytest.mark.parametrize(
    ("file", "changes", "says"),
    [
        ("Encoder.pth", {"encoder__4__bias": None}, "lacks 1 of its 12 tensors (encoder.4.bias)"),
        ("Encoder.pth", {"encoder__0__weight": torch.zeros(1024, 1400)}, "encoder.0.weight is (1024, 1400), not"),
        ("Encoder.pth", {"encoder__12__bias": torch.zeros(1)}, "1 unknown to it (encoder.12.bias)"),
        ("Encoder.pth", {"encoder__10__weight": torch.zeros(12, 64)}, "encoder.10.weight is (12, 64), not (9, 64)"),
        ("pitch_network.pth", {"model__8__bias": torch.zeros(2)}, "model.8.bias is (2,), not (1,)"),
        ("roll_network.pth", {"model__8__bias": torch.full((1,), torch.nan)}, "not finite, in model.8.bias"),
    ],
)
def test_keys_shapes_and_numbers_are_checked_and_the_file_is_named(hpe_bench, files, file, changes, says):
    spoilt(files, file, **changes)
    code, said = refused(hpe_bench, "nlml", *(files / name for name in FOUR), "--as", "x")
    assert code == 3 and file in said and says in said
    assert not (files.parent / "weights").exists()


def test_another_network_s_checkpoint_is_called_what_it_is(hpe_bench, tmp_path):
    torch.save({"conv1.weight": torch.zeros(1), "layer1.0.conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    code, said = refused(hpe_bench, "nlml", "resnet.pth", "--as", "x")
    assert code == 3 and "resnet.pth: no part of NLML-HPE's network, but a ResNet's" in said


def test_nothing_is_unpickled(hpe_bench, tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "owned"), "w")

    torch.save({"encoder.0.weight": Evil()}, tmp_path / "Encoder.pth")
    code, said = refused(hpe_bench, "nlml", "Encoder.pth", "--as", "x")
    assert code == 3 and "Encoder.pth" in said and not (tmp_path / "owned").exists()


@pytest.mark.parametrize("arguments", [("nlml", "whole.pth"), ("nlml-tensor", "Trained_data.npz")])
def test_a_set_is_to_be_named_and_released_is_no_name(hpe_bench, files, arguments):
    tensor(files / "Trained_data.npz")
    name, file = arguments
    assert refused(hpe_bench, name, files / file) == (
        2,
        "Error: say what this set is to be called: --as authors, or another name\n",
    )
    code, said = refused(hpe_bench, name, files / file, "--as", "released")
    assert code == 2 and "choose another" in said


def test_a_set_that_was_trained_here_is_not_mixed_with_what_is_imported(hpe_bench, files):
    import pathlib

    target = pathlib.Path("weights/nlml/mine")
    target.mkdir(parents=True)
    (target / "card.json").write_text('{"estimator": "nlml", "name": "mine", "files": {}, "training": "abc"}')
    code, said = refused(hpe_bench, "nlml", files / "whole.pth", "--as", "mine")
    assert code == 2 and "trained here: choose another name" in said


def test_a_tensor_of_other_shapes_is_refused_by_name(hpe_bench, tmp_path):
    np.savez(tmp_path / "t.npz", W=np.zeros((2, 2)), **{f"optimized_{angle}": np.zeros((3, 4)) for angle in ANGLES})
    code, said = refused(hpe_bench, "nlml-tensor", "t.npz", "--as", "x")
    assert code == 3 and "t.npz" in said and "do not fit together" in said


def test_one_with_nothing_to_import_is_called_by_its_name_and_says_who_has(hpe_bench):
    code, said = refused(hpe_bench, "landmark-mlp", ".", "--as", "x")
    assert code == 2 and said.startswith("Error: landmark-mlp has no weights to import; those that have: 6drepnet")


def test_missing_weights_say_how_they_are_imported(hpe_bench):
    done = hpe_bench("eval", "nlml:weights=authors", "--dataset", "synthetic")
    assert done.returncode == 3
    assert "weights import nlml Encoder.pth yaw_network.pth" in " ".join(done.stderr.split())
