"""Faces to paint on frames of BIWI, and how they are prepared and told in a table."""

from __future__ import annotations

FACE = (300, 200, 380, 300, 95)
FACES = {"03": [FACE, None, (310, 200, 390, 300, 40), (305, 200, 385, 300, 96)], "07": [FACE, (500, 200, 580, 300, 99)]}


def prepare(hpe_bench, *options):
    pairs = [word for option in ("detector=seer", "workers=1", *options) for word in ("-d", option)]
    return hpe_bench("prepare", "biwi", *pairs)


def boxes_of(root, rows):
    path = root / "boxes.csv"
    path.write_text("sequence,frame,x,y,w,h\n" + "\n".join(rows) + "\n")
    return path
