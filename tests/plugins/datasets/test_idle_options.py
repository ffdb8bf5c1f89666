"""Options of datasets and of trainings that make no difference are refused, and those that make one are not."""

from __future__ import annotations

import pytest

from hpe_bench import ImageTraining
from hpe_bench_plugins.datasets.aflw2000 import AFLW2000
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.facescape.dataset import FaceScape
from hpe_bench_plugins.datasets.synthetic.dataset import Synthetic
from hpe_bench_plugins.datasets.w300lp import W300LP
from hpe_bench_plugins.estimators.nlml.options import NLMLTraining


@pytest.mark.parametrize(
    ("options", "purpose", "idle"),
    [
        (AFLW2000.Options(), "evaluate", set()),
        (AFLW2000.Options(), "prepare", {"files", "npz"}),
        (W300LP.Options(), "evaluate", {"validation", "split"}),
        (W300LP.Options(part="train"), "evaluate", set()),
        (W300LP.Options(), "learn-images", {"part"}),
        (Synthetic.Options(), "evaluate", {"stored", "validation"}),
        (Synthetic.Options(part="validation"), "evaluate", {"stored", "identities"}),
        (Synthetic.Options(), "learn-landmarks", {"part"}),
        (Synthetic.Options(), "prepare", {"part", "stored"}),
        (
            BIWI.Options(part="test"),
            "learn-images",
            {"part", "detector", "colours", "confidence", "jump", "size", "workers", "margin"},
        ),
        (
            BIWI.Options(boxes="x"),
            "prepare",
            {"images", "by", "split", "validation", "people", "detector", "colours", "confidence", "jump", "workers"},
        ),
        (
            BIWI.Options(labels="x"),
            "evaluate",
            {"detector", "colours", "confidence", "jump", "size", "workers", "rule", "by", "split"}
            | {"validation", "people"},
        ),
        (ImageTraining(), "learn-images", {"milestones", "factor", "resize", "least"}),
        (ImageTraining(schedule="steps", view="random-crop"), "learn-images", {"least"}),
        (NLMLTraining(), "learn-landmarks", {"factors", "momentum", "step"}),
        (NLMLTraining(joint=False), "learn-landmarks", {"epochs", "rate", "factors", "momentum", "step"}),
        (NLMLTraining(joint=False, optimizer="sgd"), "learn-landmarks", {"epochs", "rate", "factors"}),
    ],
)
def test_the_options_that_make_no_difference_are_these(options, purpose, idle):
    assert set(options.idle(purpose)) == idle


@pytest.mark.parametrize("kind", [AFLW2000, W300LP, Synthetic, BIWI, FaceScape])
@pytest.mark.parametrize("purpose", ["evaluate", "learn-images", "learn-landmarks", "prepare"])
def test_only_options_that_there_are_are_named(kind, purpose):
    assert set(kind.Options().idle(purpose)) <= set(kind.Options.model_fields)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eval", "zero", "--dataset", "synthetic", "-d", "validation=3"), "validation=3 makes no difference"),
        (("train", "nlml", "-d", "part=validation"), "a training takes its parts itself"),
        (("train", "nlml", "-o", "joint=false", "-o", "epochs=3"), "joint=false leaves it out"),
        (("train", "6drepnet", "-o", "milestones=20,40"), "it is of schedule=steps, not constant"),
        (("train", "6drepnet", "--dataset", "300w_lp", "--identities", "4,8"), "does not know them"),
    ],
)
def test_one_that_is_given_is_refused(hpe_bench, arguments, said):
    done = hpe_bench(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
