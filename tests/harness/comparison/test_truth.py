"""No table is shown whose oracle is not 0, or whose labels contradict themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import DataError
from hpe_bench.comparison.truth import check_truth
from hpe_bench.pose import rotation_about
from hpe_bench.runs.runfile import write_run

MIRRORED = """
import numpy as np
from hpe_bench import Dataset, Sample, hookimpl, pose


class Mirrored(Dataset):
    "Labels whose stated yaw is that of the mirror image."

    provides = frozenset()

    def require_root(self):
        return self.root

    def ids(self):
        return [str(n) for n in range(30)]

    def sample(self, id):
        euler = np.random.default_rng(int(id)).uniform(-40, 40, 3)
        return Sample(id, pose.rotation_from_euler(euler), euler * [-1, 1, 1])


@hookimpl
def register_datasets(register):
    register("mirrored", Mirrored, summary="stated yaw negated")
"""


def test_an_oracle_of_0_is_right_also_where_it_was_rounded(turned):
    check_truth([turned("oracle", np.zeros(9)), turned("x", np.full(9, 4.0))])
    check_truth([turned("oracle", np.full(9, 0.004))])
    check_truth([])


def test_an_oracle_that_predicts_something_else_stops_the_table_and_is_no_fault_of_the_labels(turned):
    with pytest.raises(DataError, match=r"oracle has .* where the truth itself scores 0 .* the run file was changed"):
        check_truth([turned("x", np.full(9, 4.0)), turned("oracle", np.full(9, 0.01))])
    run = turned("oracle", np.zeros(9))
    run.prediction[3] = np.nan
    with pytest.raises(DataError, match="has a prediction of only 8 of 9 samples"):
        check_truth([run])


@pytest.mark.parametrize("estimator", ["oracle", "x"])
def test_labels_that_contradict_themselves_stop_the_table_with_and_without_an_oracle(turned, estimator):
    run = turned(estimator, np.zeros(9))
    with pytest.raises(DataError, match=r"its labels contradict themselves.*stated angles are not those"):
        check_truth([replace(run, truth=run.truth @ rotation_about("y", 5.0))])


@pytest.mark.parametrize("command", [("compare",), ("compare", "--by", "yaw"), ("report",), ("plot", "error")])
def test_commands_print_no_figure_beside_an_oracle_that_is_not_0(hpe_bench, turned, tmp_path, command):
    for run in (turned("oracle", np.full(9, 1.0)), turned("other", np.full(9, 4.0))):
        write_run(replace(run, path=tmp_path / "runs" / run.path.name))
    done = hpe_bench(*command, "runs")
    assert done.returncode == 3 and not done.stdout and "oracle" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("report.html"))


def test_eval_refuses_labels_that_contradict_themselves_and_names_the_first(hpe_bench, tmp_path):
    (tmp_path / "mirrored.py").write_text(MIRRORED)
    done = hpe_bench("eval", "zero", "--dataset", "mirrored", "--plugin", "mirrored.py", "--json")
    assert done.returncode == 3 and not done.stdout
    assert "30 of 30 samples, such as 0" in done.stderr
