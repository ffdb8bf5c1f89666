"""What of a run the statistics resample."""

from __future__ import annotations

import numpy as np

from hpe_bench.comparison.statistics.errors import cluster_names


def test_the_clusters_are_those_of_the_protocol_or_the_samples(turned):
    def names(cluster, person):
        return cluster_names(turned("x", np.zeros(4), cluster=cluster, person=np.array(person))).tolist()

    samples = ["00000", "00001", "00002", "00003"]
    assert names("person", ["p", "q", "p", "q"]) == ["p", "q", "p", "q"]
    assert names("person", ["p", "", "p", "q"]) == samples
    assert names("sample", ["p", "q", "p", "q"]) == samples
