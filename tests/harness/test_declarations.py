"""What plugins declare is looked at where it is written down: each wrong value names itself and what it may be."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pytest

from hpe_bench import (
    CropRule,
    Grid,
    ImageRecipe,
    Images,
    Landmarks,
    Prediction,
    Preset,
    Protocol,
    RandomCrop,
    Selection,
    Smoothing,
    crops,
)
from hpe_bench.errors import DeclarationError, MissingError, PluginError, UsageError
from hpe_bench.options import Options, build_options, refuse_idle
from hpe_bench.plugins import discover
from hpe_bench.runs.selection import find_protocol

BOX = crops.WHOLE.box


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Images(order="bgr"), r"Images\(order='bgr'\).*did you mean BGR"),
        (lambda: Images(interpolation="bilinear"), r"interpolation='bilinear'.*did you mean linear"),
        (lambda: Images(size=64), r"size=64.*\(width, height\).*write \(64, 64\)"),
        (lambda: Images(size=(64, 0)), "size=.*whole numbers from 1"),
        (lambda: Images(size=(64.5, 64)), "size=.*whole numbers"),
        (lambda: Images(size=(64, 64, 3)), "size="),
        (lambda: Images(crop=3), "crop=3"),
        (lambda: Images(size=(64, 64), shorter_side=-1), "shorter_side=-1"),
        (lambda: Landmarks(extractor=None), "extractor=None"),
        (lambda: Landmarks(crop=("a",)), "crop="),
        (lambda: Landmarks(units="pixel"), "units='pixel'"),
        (lambda: Selection(yaw=45), r"yaw=45.*\(lowest, highest\)"),
        (lambda: Selection(yaw=(45, -45)), "selects nothing"),
        (lambda: Selection(pitch=(0, float("nan"))), "pitch=nan"),
        (lambda: Selection(roll=("a", "b")), "roll="),
        (lambda: Protocol("d/x", "d", "", cluster="people"), "cluster='people'.*did you mean sample or person"),
        (lambda: Protocol("d/x", "d", "", headline="front"), "headline='front'"),
        (lambda: Protocol("d/x", "d", "", selection=Selection), "selection=the class Selection"),
        (lambda: Protocol("x", "d", ""), "name='x'.*dataset/selection"),
        (lambda: Protocol("e/x", "d", ""), "name='e/x'"),
        (lambda: Protocol("d/x", "d", "", expected=0), "expected=0"),
        (lambda: Protocol("d/x", "d", "", dataset_options={"a": {1, 2}}), "dataset_options="),
        (lambda: Protocol("d/x", "d", "", default="yes"), "default='yes'.*True or False"),
        (lambda: Protocol("d/x", "d", "", version="2"), "version='2'"),
        (lambda: CropRule("a", "", "", BOX), "version=''"),
        (lambda: CropRule("a", "a/1", "", lambda points: points), "box=.*function of"),
        (lambda: CropRule("a", "a/1", "", (0, 0, 1, 1)), "box="),
        (lambda: CropRule("a", "a/1", "", BOX, faceless=1), "faceless=1"),
        (lambda: RandomCrop("a", "a/1", "", BOX), "random"),
        (lambda: Preset("", datasets="synthetic"), r"datasets='synthetic'.*write \('synthetic',\)"),
        (lambda: Preset("", options=("epochs", 3)), "options="),
        (lambda: Preset("", dataset_options={"synthetic": "identities=3"}), "dataset_options="),
        (lambda: Smoothing(cutoff=0), "above 0"),
        (lambda: Smoothing(growth="fast"), "growth"),
        (lambda: Grid("axes", ["a"]), "axes='axes'"),
        (lambda: ImageRecipe(Images(), list, max, dict), "with a size"),
        (lambda: ImageRecipe(Images(size=(8, 8)), list, max, dict, convention="H"), "convention='H'"),
        (lambda: Prediction(np.zeros((3, 3, 3)), 0.5), r"shape \(\) beside"),
        (lambda: Prediction(np.zeros((3, 3, 3)), np.zeros((3, 1))), r"shape \(3, 1\) beside"),
    ],
)
def test_a_value_that_means_nothing_is_refused_where_it_is_declared(declare, said):
    with pytest.raises(ValueError, match=said):
        declare()


def test_lists_stand_for_pairs_and_leave_the_hash_of_a_protocol_as_it_is():
    assert Images(size=[64, 48]).size == (64, 48)
    of = [Protocol("d/x", "d", "", Selection(yaw=limits)).digest() for limits in ((-99, 99), [-99, 99])]
    assert of[0] == of[1]


HEAD = """
import numpy as np
from pydantic import Field
from hpe_bench import *
from hpe_bench import Options

def turn(batch):
    return np.broadcast_to(np.eye(3), (len(batch), 3, 3))
"""
ESTIMATOR = """
class Mine(Estimator):
    {body}
    def predict(self, batch):
        return turn(batch)

@hookimpl
def register_estimators(register):
    register("mine", Mine)
"""
DATASET = """
class Mine(Dataset):
    {body}
    def ids(self):
        return []
    def sample(self, id):
        ...

@hookimpl
def register_datasets(register):
    register("mine", Mine)
"""


def problems_of(tmp_path, hpe_bench, text):
    """What ``list plugins`` says of a plugin in a file."""
    path = tmp_path / "mine.py"
    path.write_text(HEAD + textwrap.dedent(text))
    listed = hpe_bench("list", "plugins", "--json", "--plugin", path)
    assert listed.returncode == 0, listed.stderr
    return next(row for row in json.loads(listed.stdout) if row["name"] == "mine")["problems"]


@pytest.mark.parametrize(
    ("template", "body", "said"),
    [
        (ESTIMATOR, "inputs = Landmarks", "write Landmarks()"),
        (ESTIMATOR, "inputs = 'images'", "inputs is one of Images or Landmarks or Nothing"),
        (ESTIMATOR, "devices = 'cuda'", "devices='cuda'"),
        (ESTIMATOR, "devices = ('cpu', 'gpu')", "no such devices; "),
        (ESTIMATOR, "requires = 'torch'", "write ('torch',)"),
        (ESTIMATOR, "weights_folder = '../else'", "weights_folder="),
        (ESTIMATOR, "companions = 'zero'", "companions='zero'"),
        (ESTIMATOR, "Options = dict", "Mine.Options is not a subclass of hpe_bench.Options"),
        (ESTIMATOR, "class Options(Options): depth: int", "depth has no default"),
        (ESTIMATOR, "class Options(Options): depth: int = Field(5, ge=18)", "its own default"),
        (ESTIMATOR, "class Options(Options): near: str | None = 'none'", "near given as near=none is not"),
        (ESTIMATOR, "TrainingOptions = Options", "TrainingOptions but no train()"),
        (ESTIMATOR, "maps = ('attention',)", "maps but no predict_with_maps()"),
        (ESTIMATOR, "def predict_with_maps(self, batch): ...", "predict_with_maps() but no names in maps"),
        (ESTIMATOR, "maps = 'attention'", "write ('attention',)"),
        (ESTIMATOR, "presets = {'a': Preset('')}", "preset 'a' but no TrainingOptions"),
        (ESTIMATOR, "load = None", "Mine.load is not a method"),
        (ESTIMATOR, "def load(self, weights): ...", "load(self, weights, device)"),
        (ESTIMATOR, "def find_weights(self): ...", "find_weights(self, folder)"),
        (ESTIMATOR, "def import_weights(cls, paths, folder, name, report): ...", "put @classmethod above it"),
        (ESTIMATOR, "def __init__(self): ...", "is made of (options)"),
        (ESTIMATOR, "inputs = Landmarks(extractor='facemish')", "did you mean facemesh"),
        (DATASET, "provides = 'images'", "write ('images',)"),
        (DATASET, "provides = frozenset({'pictures'})", "provides='pictures'"),
        (DATASET, "folder = '../else'", "below the datasets folder"),
        (DATASET, "crops = {'box': lambda points, width, height: (0, 0, 1, 1)}", "crops['box'] is one of CropRule"),
        (DATASET, "random_crops = {'box': crops.SIXDREPNET_TRAIN}", "random_crops['box'] is never used"),
        (
            DATASET,
            "crops = {'box': CropRule('box', 'box/1', '', lambda points, width, height: (0, 0, 1, 1))}",
            "is no lambda",
        ),
        (DATASET, "def labels(self): ...", "labels(self, skip_bad, progress)"),
        (DATASET, "def __init__(self, root): ...", "is made of (root, options)"),
    ],
)
def test_list_plugins_says_what_is_wrong_with_a_class(tmp_path, hpe_bench, template, body, said):
    problems = problems_of(tmp_path, hpe_bench, template.format(body=body))
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "class Mine(Estimator): pass\n@hookimpl\ndef register_estimators(register): register('m', Mine)",
            "no predict()",
        ),
        ("@hookimpl\ndef register_estimators(register): register('m', Estimator())", "but a thing made of one"),
        ("@hookimpl\ndef register_metrics(register): register('m', lambda truth: truth)", "(truth, prediction)"),
        ("@hookimpl\ndef register_metrics(register): register('m', len, licence=None)", "licence=None"),
        (
            "class Mine(Extractor):\n    points = 'many'\n    def find(self, image): ...\n"
            "@hookimpl\ndef register_extractors(register): register('m', Mine)",
            "points='many'",
        ),
        (
            "@hookimpl(wrapper=True)\ndef run_finished(manifest):\n    yield",
            "run_finished is never run: it is a wrapper",
        ),
        (
            "@hookimpl(wrapper=True)\ndef register_metrics(register):\n    register('m', min)\n    yield",
            "register_metrics is never run",
        ),
        (
            "@hookimpl\ndef register_protocols(register):\n"
            "    register('nobody/x', Protocol('nobody/x', 'nobody', ''))",
            "no dataset 'nobody'",
        ),
        (
            "@hookimpl\ndef register_protocols(register):\n"
            "    register('synthetic/x', Protocol('synthetic/x', 'synthetic', '', dataset_options={'stepp': 3}))",
            "did you mean step or stored?",
        ),
        (
            "@hookimpl\ndef register_protocols(register):\n"
            "    register('synthetic/x', Protocol('synthetic/x', 'synthetic', '', default=True))",
            "is the default of synthetic, and so is synthetic/grid",
        ),
        (
            "@hookimpl\ndef register_protocols(register):\n"
            "    register('aflw2000/x', Protocol('aflw2000/x', 'aflw2000', '', crop='6drepnett'))",
            "did you mean 6drepnet?",
        ),
    ],
)
def test_list_plugins_says_what_is_wrong_with_what_is_registered(tmp_path, hpe_bench, text, said):
    problems = problems_of(tmp_path, hpe_bench, text)
    assert any(said in problem for problem in problems), problems


def test_training_options_that_inherit_those_of_estimating_by_their_name_are_told_of(tmp_path, hpe_bench):
    wrong = """
    class Mine(Estimator):
        class Options(Options):
            weights: str = "default"
        class TrainingOptions(Options):
            steps: int = 3
        @classmethod
        def train(cls, training): ...
        def predict(self, batch): ...

    @hookimpl
    def register_estimators(register):
        register("mine", Mine)
    """
    problems = problems_of(tmp_path, hpe_bench, wrong)
    assert any("Mine.TrainingOptions inherits Mine.Options" in problem for problem in problems), problems
    apart = wrong.replace("class TrainingOptions(Options)", "class TrainingOptions(ImageTraining)")
    assert problems_of(tmp_path, hpe_bench, apart) == []


def test_what_is_wrong_is_an_error_where_it_is_used_and_with_strict_everywhere(tmp_path, hpe_bench):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + ESTIMATOR.format(body="devices = 'cuda'"))
    used = hpe_bench("eval", "mine", "--dataset", "synthetic", "--plugin", path)
    assert used.returncode == 2 and "Mine(devices='cuda')" in used.stderr and "Traceback" not in used.stderr
    assert hpe_bench("list", "--plugin", path).returncode == 0
    strict = hpe_bench("list", "plugins", "--strict", "--plugin", path)
    assert strict.returncode == 2 and "devices='cuda'" in strict.stderr


def test_what_is_named_by_module_and_attribute_is_looked_at_by_list_plugins_and_by_strict(tmp_path, hpe_bench):
    package = tmp_path / "lazy"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from hpe_bench import hookimpl\n@hookimpl\ndef register_estimators(register):\n"
        "    register('mine', f'{__name__}.inner:Mine')\n"
    )
    (package / "inner.py").write_text(HEAD + ESTIMATOR.format(body="inputs = Images(order='bgr')"))
    listed = hpe_bench("list", "plugins", "--plugin", package)
    assert "did you mean BGR?" in listed.stdout
    assert hpe_bench("list", "--plugin", package).stderr == ""
    assert hpe_bench("list", "--strict", "--plugin", package).returncode == 2


def test_every_bundled_declaration_is_right(hpe_bench):
    done = hpe_bench("list", "plugins", "--strict", "--json")
    assert done.returncode == 0, done.stderr
    assert all(row["problems"] == [] for row in json.loads(done.stdout))


def test_a_registered_protocol_of_everything_is_the_one_that_is_meant_where_no_default_is(tmp_path):
    text = DATASET.format(body="") + textwrap.dedent("""
    @hookimpl
    def register_protocols(register):
        register("mine/all", Protocol("mine/all", "mine", "mine", Selection(yaw=(-5, 5)), version=3))
    """)
    path = tmp_path / "mine.py"
    path.write_text(HEAD + text)
    registry = discover([path], environ={})
    for protocol in (None, "all", "mine/all"):
        assert find_protocol(registry, "mine", protocol).version == 3
    (tmp_path / "other.py").write_text(HEAD + DATASET.format(body=""))
    assert find_protocol(discover([tmp_path / "other.py"], environ={}), "mine", None).name == "mine/all"


def test_a_protocol_that_cannot_be_loaded_is_not_passed_over_for_another(tmp_path):
    text = """
@hookimpl
def register_protocols(register):
    register("synthetic/mine", "no_such_module:MINE")
"""
    path = tmp_path / "mine.py"
    path.write_text(HEAD + text)
    with pytest.raises(PluginError, match="no_such_module"):
        find_protocol(discover([path], environ={}), "synthetic", None)


def test_words_of_an_option_that_are_numbers_are_given_as_they_are_written():
    from typing import Literal

    class Model(Options):
        regions: Literal[9, 11] = 9

    assert build_options(Model, {"regions": "11"}, "x").regions == 11
    with pytest.raises(UsageError, match="12"):
        build_options(Model, {"regions": "12"}, "x")


def test_a_declaration_error_is_wrong_use_and_a_wrong_value():
    assert issubclass(DeclarationError, ValueError) and DeclarationError("x").exit_code == 2


def test_an_option_of_the_name_idle_hides_nothing_but_what_it_hides():
    with pytest.warns(UserWarning, match="shadows"):

        class Model(Options):
            idle: int = 3

    refuse_idle(Model(), ["idle"], "evaluate", "x")


def test_what_an_estimator_finds_is_looked_at_too(tmp_path, hpe_bench):
    path = tmp_path / "mine.py"
    for body, said in (
        ("def find_weights(self, folder): return [folder]", "Mine.find_weights(returned="),
        ("def find_weights(self, folder): return {'a': str(folder)}", "returned['a'] is one of Path"),
        ("def find_weights(self, folder):\n        self.inputs = 'landmarks'\n        return {}", "inputs is one of"),
    ):
        path.write_text(HEAD + ESTIMATOR.format(body=body))
        used = hpe_bench("eval", "mine", "--dataset", "synthetic", "--plugin", path)
        assert used.returncode == 2 and said in used.stderr and "Traceback" not in used.stderr


def test_what_a_dataset_says_of_itself_can_be_hashed_and_stored(tmp_path, hpe_bench):
    path = tmp_path / "mine.py"
    for body, said in (
        ("def variant(self): return {'a': {1}}", "Mine.variant(returned="),
        ("def about(self): return [1]", "Mine.about(returned=[1])"),
        ("def notes(self): return 'one line'", "Mine.notes(returned='one line')"),
        ("def crop_rules(self): return {'whole': 3}", "returned['whole'] is one of CropRule"),
    ):
        path.write_text(HEAD + DATASET.format(body=body))
        used = hpe_bench("eval", "zero", "--dataset", "mine", "--plugin", path)
        assert used.returncode == 2 and said in used.stderr and "Traceback" not in used.stderr


def test_an_estimator_of_cuda_alone_is_not_given_the_cpu_unsaid():
    from hpe_bench import Estimator
    from hpe_bench.runs.job import choose_device

    class OnCuda(Estimator):
        devices = ("cuda",)

    torch = pytest.importorskip("torch")
    with pytest.raises(UsageError, match="cannot use the CPU"):
        choose_device(OnCuda, "cpu")
    if not torch.cuda.is_available():
        for requested in ("auto", "cuda"):
            with pytest.raises(MissingError, match="cannot use the CPU"):
                choose_device(OnCuda, requested)


NEAR_MISSES = {
    "device = ('cuda',)": "Mine.device is not looked at; did you mean devices?",
    "requires = ('torch>=2',)": "requires is names that can be imported, and 'torch>=2' is none",
    "companions = ('nosuch',)": "companions: no estimator 'nosuch'",
    "async def find_weights(self, folder): pass": "Mine.find_weights is a coroutine",
    "def find_weights(self, folder): yield 1": "Mine.find_weights is a generator",
    "class Options(Options):\n        def idle(self): return {}": "Mine.Options.idle is called as idle(purpose)",
}


@pytest.mark.parametrize("body", NEAR_MISSES)
def test_what_nobody_would_look_at_or_wait_for_is_told(body, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"from hpe_bench import Options\n{HEAD}{ESTIMATOR.format(body=body)}")
    assert NEAR_MISSES[body] in "\n".join(problems_in(path))


def test_a_held_out_protocol_that_there_is_not_is_told(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + DATASET.format(body="held_out = 'nosuch'"))
    assert "held_out='nosuch' is no protocol of mine" in "\n".join(problems_in(path))


def test_an_address_is_one_of_the_web(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + "@hookimpl\ndef register_metrics(register):\n    register('a', max, url='javascript:1')\n")
    assert "url is an address that begins with https://" in "\n".join(problems_in(path))


def test_a_metric_with_the_name_of_a_column_is_told_and_does_not_stand_for_it(tmp_path):
    from hpe_bench.comparison.columns import find_column

    path = tmp_path / "mine.py"
    path.write_text(HEAD + "@hookimpl\ndef register_metrics(register):\n    register('MAE', lambda a, b: a)\n")
    assert "a column of every table has that name already" in "\n".join(problems_in(path))
    assert find_column("mae", ["MAE"]).path == ("mae", "mean")


def problems_in(path):
    from hpe_bench.declarations.registry import look

    registry = discover([path])
    look(registry)
    return [problem for plugin in registry.plugins if plugin.origin == "file" for problem in plugin.problems]
