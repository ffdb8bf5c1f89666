"""AFLW2000-3D in its official layout: imageNNNNN.jpg beside imageNNNNN.mat (Zhu et al., CVPR 2016)."""

from __future__ import annotations

from hpe_bench_plugins.datasets.mat_pairs import MatPairs


class AFLW2000(MatPairs):
    """2,000 images of 450 x 450 pixels; labels are the pose of a fitted 3-D face."""

    name = "aflw2000"
    folder = "AFLW2000"
    how_to_get = (
        "Download AFLW2000-3D.zip from http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm, unpack it so "
        "that datasets/AFLW2000/image00002.jpg exists, or point to it with --root"
    )
