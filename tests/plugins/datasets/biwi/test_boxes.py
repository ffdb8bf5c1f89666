"""Box files: what is read, and what is refused with its line."""

import pytest

from hpe_bench import DataError, MissingError
from hpe_bench_plugins.datasets.biwi.boxes import read_boxes

HEAD = "sequence,frame,x,y,w,h\n"


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "boxes.csv"
        path.write_text(text)
        return path

    return write


def test_the_table_of_fsanets_boxes_is_read(shared):
    boxes = read_boxes(shared("data/biwi/frames.csv"))
    assert len(boxes.corners) == 15_678
    assert sum(box is not None for box in boxes.corners.values()) == 13_219
    assert boxes.corners["01/frame_00166"] == (274, 171, 274 + 149, 171 + 189)


def test_columns_may_have_a_prefix_any_order_and_company(table):
    boxes = read_boxes(table("w_note,mine_h,mine_w,frame,confidence,sequence,mine_y,mine_x\n,40,30,7,0.97,3,20,10\n"))
    assert boxes.corners == {"03/frame_00007": (10, 20, 40, 60)} and boxes.confidence == {"03/frame_00007": 0.97}


def test_the_digest_follows_the_boxes_alone(table):
    first = read_boxes(table(HEAD + "1,3,10,20,30,40\n2,4,,,,\n")).digest
    assert read_boxes(table("frame,sequence,x,y,w,h\n4,02,,,,\n3,01,10.0,20,30,40\n")).digest == first
    assert read_boxes(table(HEAD + "1,3,10,20,30,41\n2,4,,,,\n")).digest != first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its columns are none"),
        ("sequence,frame,x,y,w\n", "a box file has sequence, frame, x, y, w, h"),
        ("sequence,frame,a_x,a_y,a_w,a_h,b_x,b_y,b_w,b_h\n", "a box file has"),
        (HEAD + "1,3,10,20,30,40\n01,3,1,2,3,4\n", "line 3: a second box of 01/frame_00003"),
        (HEAD + "../../etc,3,1,2,3,4\n", "line 2: .* leaves the folder"),
        (HEAD + "1,../3,1,2,3,4\n", "leaves the folder"),
        (HEAD + "25,3,1,2,3,4\n", "no frame '3' of a sequence '25'"),
        (HEAD + "1,three,1,2,3,4\n", "no frame 'three'"),
        (HEAD + "1,3,1,2,,4\n", "line 2: '' is not a number"),
        (HEAD + "1,3,1,2,inf,4\n", "'inf' is not a number"),
        (HEAD + "1,3,1,2,0,4\n", "a box of 0 x 4 pixels"),
    ],
)
def test_each_fault_names_its_line(table, text, message):
    with pytest.raises(DataError, match=message):
        read_boxes(table(text))


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(MissingError, match="no box file"):
        read_boxes(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_the_ends_of_lines_say_nothing(tmp_path, end):
    path = tmp_path / "boxes.csv"
    path.write_bytes(end.join(["sequence,frame,x,y,w,h", "01,3,1,2,30,40", ""]).encode())
    assert read_boxes(path).corners == {"01/frame_00003": (1, 2, 31, 42)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sequence,frame,x,y,w,h\n01,3,1,2,3," + "4" * 200_000, "not a readable table"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("<html><title>404</title></html>", "a web page"),
    ],
)
def test_what_stands_in_place_of_a_table_is_called_what_it_is(tmp_path, content, said):
    (tmp_path / "boxes.csv").write_text(content)
    with pytest.raises(DataError, match=rf"boxes\.csv: .*{said}"):
        read_boxes(tmp_path / "boxes.csv")
