"""docs/original-commands.md: every option of the originals has a row, and what stands in a row does what it says.

Here what is added to one command is given to it at once, networks are small, and one test runs all commands, so that
one worker makes what they work on. ``make commands`` runs each command by itself, with the networks as they are.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import command_server
from originals_page import PAGE, REASON, joined, read_page

from hpe_bench import open_run
from hpe_bench.runs.train.runfile import open_training

pytest.importorskip("torch", reason="needs the 'networks' extra")
pytest.importorskip("lightning_fabric", reason="needs the 'training' extra")
pytest.importorskip("matplotlib", reason="needs the 'plots' extra")

HERE = Path(__file__).parent
WHOLE = bool(os.environ.get("HPE_BENCH_ORIGINALS_WHOLE"))
ROWS = read_page(PAGE.read_text())
EVERY = list(dict.fromkeys(command for row in ROWS for command in row.commands))
#: What does not go with the rest of its table.
ALONE = r"-o (tensor|regions)=|--draw none|--preset|--dataset facescape|--crop"
COMMANDS = EVERY if WHOLE else joined(EVERY, ALONE)

#: What the scripts can be given, and what is to be set in their files.
OPTIONS = {
    "create_filename_list.py": "--root_dir --filename",
    "train.py": "--gpu --num_epochs --batch_size --lr --scheduler --dataset --data_dir --filename_list --output_string "
    "--snapshot --alpha --weights --describe",
    "test.py": "--gpu --data_dir --filename_list --snapshot --model_path --batch_size --show_viz --dataset",
    "demo.py": "--gpu --cam --snapshot --save_viz",
    "convert.py": "LOAD SAVE --arch -a",
    "sixdrepnet": "gpu_id dict_path predict draw_axis deploy.sh",
    "inference.py": "inference_view",
    "TD_main.py": "input_image_path tensor_shape yaw_bins pitch_bins roll_bins use_rotation_features tensor_file "
    "print_singular_values plot_factor_matrices_dims test_mode val_set_path val_set_cnt --use_rotation_features "
    "--perform_validation",
    "TD_Inference.py": "--image_path",
    "config_EncoderTrainer.yaml": "trainset_path valset_path yaw_bins pitch_bins roll_bins min_bin max_bin interval "
    "input_size batch_size num_epochs learning_rate weight_decay scheduler_step_size",
    "config_MlpHeads.yaml": "yaw_bins pitch_bins roll_bins min_bin max_bin interval epochs batch_size lr",
    "NLML_HPE_Model_Builder.py": "Encoder.pth combined_model_scripted.pth",
    "config_NLML_HPE_Test.yaml": "yaw_intervals pitch_intervals roll_intervals val_set val_set_path",
    "generatePose_on_video.py": "--source --save_output --output_path",
    "app/": "Dockerfile",
    "FSANET_test.py": "--model_type --use_pretrained --train_db",
    "FSANET_mix_test.py": "--model_type",
    "FSANET_train.py": "--batch_size --nb_epochs --validation_split --model_type --db_name",
    "FSANET_fine_train.py": "--batch_size --nb_epochs --validation_split --model_type --db_name",
    "TYY_create_db_biwi.py": "--db --output --img_size --ad",
    "TYY_create_db_biwi_70_30.py": "--db --output --img_size --ad",
    "TYY_create_db_type1.py": "--db --output --img_size --ad",
    "keras_to_tf.py": "--trained-model-dir-path --output-dir-path",
    "the demos": "demo_FSANET.py demo_FSANET_mtcnn.py demo_FSANET_ssd.py run_*.sh plot.py --input",
}
#: What stands for a place or a number in a row, by the words before it; the first that fits is taken.
STANDS_FOR = (
    (r"(files=)FILE", r"\1{list}"),
    (r"(start=)FILE", r"\1{checkpoint}"),
    (r"(npz=)FILE", r"\1crops.npz"),
    (r"(weights import \S+ )FILE", r"\1{checkpoint}"),
    (r"(weights import fsanet )FOLDER", r"\1pre-trained/300W_LP_models"),
    (r"(--maps )FOLDER", r"\1maps"),
    (r"\bFOLDER\b", "out"),
    (r"\bFILE\b", "face.png"),
    (r"(--root )PATH", r"\1{root}"),
    (r"(weights=|weights deploy \S+ )NAME", r"\1ready"),
    (r"(--as )(NAME|OTHER)", r"\1{new}"),
    (r"(CUDA_VISIBLE_DEVICES=|--camera )N", r"\g<1>0"),
    (r"((?<![a-z_])size=)N", r"\g<1>32"),
    (r"((?:epochs|step)=)N", r"\g<1>1"),
    (r"(batch=)N", r"\1{batch}"),
    (r"([a-z]=|--[a-z-]+ )N", r"\g<1>2"),
    (r"(validation=)X", r"\g<1>0.5"),
    (r"((?<!_)(?:yaw|pitch|roll|step)=)X", r"\g<1>20"),
    (r"([a-z]=)X", r"\g<1>0.3"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with all that the commands work on, and what runs one there."""
    folder = tmp_path_factory.mktemp("originals")
    plugin = HERE / "originals_tiny.py"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HPE_BENCH_")},
        "HPE_BENCH_PLUGINS": str(plugin),
        **({"ORIGINALS_WHOLE": "1"} if WHOLE else {}),
    }
    python = {**environment, "PYTHONPATH": os.pathsep.join([*sys.path, str(HERE)])}
    making = [sys.executable, str(HERE / "originals_inputs.py"), str(folder), str(plugin)]
    made = subprocess.run(making, env=python, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    with command_server(tmp_path_factory.mktemp("commands"), "torch", "lightning_fabric") as serve:

        def run(command: str) -> subprocess.CompletedProcess[str]:
            if command.startswith("hpe_bench."):
                program = [sys.executable, "-c", f"import hpe_bench; FILE = 'face.png'; print({command})"]
                return subprocess.run(program, cwd=folder, env=python, capture_output=True, text=True, timeout=120)
            words, settings = shlex.split(command), dict(environment)
            while words[0] != "hpe-bench":
                name, _, value = words.pop(0).partition("=")
                settings[name] = value
            done = serve(words[1:], folder, settings)
            if done is not None:
                return done
            program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", *words[1:]]
            return subprocess.run(program, cwd=folder, env=settings, capture_output=True, text=True, timeout=600)

        ready = [f"weights import {name} {name}.tar --as ready" for name in ("6drepnet", "tokenhpe")]
        ready += [f"weights import fsanet pre-trained/300W_LP_models --as {name}" for name in ("300W_LP", "BIWI")]
        ready.append("eval zero --dataset aflw2000 --root aflw2000")
        ready.append("eval zero --protocol aflw2000/nlml --root aflw2000")
        ready.append("prepare facescape --root facescape -d extractor=reader -d workers=1")
        for command in ready:
            done = run(f"hpe-bench {command}")
            assert done.returncode == 0, done.stderr
        yield folder, run


def test_every_option_of_every_script_has_a_row():
    for script, options in OPTIONS.items():
        rows = " ".join(row.option for row in ROWS if script in row.script)
        assert rows, f"{script} has no table"
        missing = [option for option in options.split() if not re.search(rf"(?<![\w-]){re.escape(option)}(?!\w)", rows)]
        assert not missing, f"{script}: no row for {', '.join(missing)}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.script} {row.option}".replace("`", ""))
def test_a_row_has_a_command_or_a_reason(row):
    assert row.commands or len(row.here.removeprefix(REASON).split()) >= 3, row.here
    assert bool(row.commands) != row.here.startswith(REASON), row.here


@pytest.mark.parametrize("commands", [[str(command)] for command in COMMANDS] if WHOLE else [[*map(str, COMMANDS)]])
def test_each_does_what_it_says(commands, place):
    wrong = [said for command in commands if (said := _wrong_with(command, *place))]
    assert not wrong, "\n\n".join(wrong)


def _wrong_with(command: str, folder: Path, run) -> str:
    """What a command that was run did not do; nothing where it did what it says."""
    words = _made_up(command, folder)
    before = _files(folder)
    done = run(words)
    if done.returncode:
        return f"{words}\n{done.stdout}\n{done.stderr}"
    try:
        _check(words, done, folder, {path for path, stamp in _files(folder).items() if before.get(path) != stamp})
    except (AssertionError, KeyError, ValueError) as error:
        return f"{words}\n{type(error).__name__}: {error}\n{done.stdout}\n{done.stderr}"
    return ""


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): (about.st_mtime_ns, about.st_size) for path, about in found}


def _dataset(command: str) -> str:
    """The dataset that a command is about."""
    named = re.search(r"--(?:dataset|protocol) ([\w-]+)", command) or re.search(r"prepare ([\w-]+)", command)
    if named:
        return named[1]
    if " train " in command:
        return "synthetic" if "train nlml" in command else "300w_lp"
    return "aflw2000"


def _made_up(command: str, folder: Path) -> str:
    """The command with what is here in the place of what a row leaves open, and as little work as can be."""
    if command.startswith("hpe_bench."):
        return command.replace("NAME", "ready")
    dataset = _dataset(command)
    verb, thing = re.search(r"hpe-bench (\w+)(?: (?:import |deploy )?([\w-]+))?", command).groups()
    number = sum(1 for _ in folder.glob("roots/*"))
    root = dataset
    if verb == "prepare":  # each into a tree of its own
        root = f"roots/{number}"
        shutil.copytree(folder / dataset, folder / root)
    given = {"list": f"{dataset}.txt", "checkpoint": f"{thing}.tar", "root": root, "new": f"new{_count()}"}
    given["batch"] = "8" if thing == "nlml" else "2"
    for pattern, made in STANDS_FOR:
        command = re.sub(pattern, made, command)
    command = command.format(**given)
    assert not re.search(r"\b(N|X|FILE|FOLDER|PATH|NAME|OTHER)\b", command), (
        f"nothing here for what {command} leaves open"
    )

    def unless(flag: str, more: str) -> str:
        return "" if re.search(rf"{re.escape(flag)}(?![a-z_])", command) else f" {more}"

    learns_images = verb == "train" and thing != "nlml"
    if verb in ("eval", "train", "prepare"):
        if verb != "prepare" and dataset != "synthetic" and "--protocol" not in command:
            command += unless("--dataset", f"--dataset {dataset}")
        if dataset != "synthetic" and "npz=" not in command:
            command += unless("--root", f"--root {root}")
    if verb == "train":
        command += unless("--as", f"--as {given['new']}") + " --json --device cpu" + _keep_anyway()
    if learns_images:
        command += unless("-o epochs", "-o epochs=1") + unless("-o batch", "-o batch=2")
        command += " -o workers=0 -o tensorboard=false"
        command += unless("-d validation", "-d validation=0.5") if dataset == "300w_lp" else ""
    elif verb == "train":
        command += unless("-o encoder_epochs", "-o encoder_epochs=1") + unless("-o head_epochs", "-o head_epochs=1")
        command += " -d identities=5 -d validation=1" if dataset == "synthetic" else " -d extractor=reader"
    if verb == "prepare":
        command += unless("-d detector", "-d detector=seer") if dataset == "biwi" else ""
        command += " -d extractor=reader -d workers=1" if dataset == "facescape" else ""
        (folder / root / "landmarks.h5").unlink(missing_ok=True)
    if verb == "eval":
        command += " --json --workers 1" + (" --extractor reader" if "nlml" in command else "")
        command += unless("--device", "--device cpu")
    if verb == "predict":
        command += "" if re.search(r"\.png|--camera", command) else " face.png"
        command += " --overwrite" + unless("--device", "--device cpu") + unless("--output", f"--output out{_count()}")
        command = command.replace(" face.png", " video.mp4") if "--smooth" in command else command
    if verb == "plot":
        command += " --overwrite --output drawn"
        # Of one run that is always there: other commands may have left runs that cannot stand in one figure.
        command = command.replace(" aflw2000/nlml", " --sanity results/aflw2000/nlml/zero-*.h5")
    return command


_counted = iter(range(10_000))


def _count() -> int:
    return next(_counted)


def _keep_anyway() -> str:
    """So little training learns nothing, which is an error."""
    from hpe_bench.cli.train import command

    return " --keep-anyway" if any(option.name == "keep_anyway" for option in command.params) else ""


def _check(command: str, done: subprocess.CompletedProcess[str], folder: Path, written: set[Path]) -> None:
    """What the command names is what came of it."""
    if command.startswith("hpe_bench."):
        assert done.stdout.strip()
        return
    words = shlex.split(command)
    while words[0] != "hpe-bench":
        words.pop(0)
    verb = words[1]
    pairs = {flag: [] for flag in ("-o", "-d")}
    for word, following in pairwise(words):
        if word in pairs:
            pairs[word].append(following.split("=", 1))
    given = dict(pairwise(words))
    names = {str(path) for path in written}
    if verb == "prepare":
        assert any(name.startswith("roots/") for name in names)
    elif verb == "weights":
        sets = {path.parent.name for path in written if path.name == "card.json"}
        assert sets and ("--as" not in given or sets == {given["--as"]})
    elif verb == "train":
        (record,) = json.loads(done.stdout)
        manifest = open_training(folder / record["run"]).manifest
        assert f"weights/{words[2]}/{given['--as']}/card.json" in names
        datasets = manifest["datasets"]
        options = next(iter(datasets.values()) if isinstance(datasets, dict) else iter(datasets))["options"]
        _same(manifest["options"], pairs["-o"])
        _same(options, pairs["-d"])
        assert given["--dataset"] in json.dumps(manifest) if "--dataset" in given else True
    elif verb == "eval":
        (record,) = json.loads(done.stdout)
        manifest = open_run(folder / record["run"]).manifest
        assert record["n"] > 0 and record["label"].startswith(words[2].split(":")[0])
        for option in words[2].split(":")[1:]:
            _same(manifest["options"], [option.split("=")])
        _same(manifest["dataset"]["options"], pairs["-d"])
        assert record["wrap"] == given.get("--wrap", "wrap360") and record["view"] == given.get("--view", "all")
        assert record["protocol"] == given.get("--protocol", record["protocol"])
        assert manifest["inputs"]["crop"] is None or given.get("--crop", "") in manifest["inputs"]["crop"]
        pictures = [name for name in names if name.startswith("results/shown/") and name.endswith(".png")]
        assert len(pictures) == int(given.get("--show", 0))
    elif verb == "predict":
        drawn = [name for name in names if name.startswith("out") and name.endswith((".png", ".jpg", ".mp4"))]
        assert bool(drawn) == (given.get("--draw") != "none")
        if "--maps" in given:
            assert [name for name in names if name.startswith(f"{given['--maps']}/")]
    elif verb == "plot":
        assert any(name.endswith(".png") for name in names)
    else:
        assert verb in ("show", "compare") and done.stdout.strip()


def _same(options, pairs) -> None:
    """Each option that was given has that value."""
    for name, value in pairs:
        kept = options[name]
        text = ",".join(map(str, kept)) if isinstance(kept, (list, tuple)) else str(kept).lower()
        assert text == value.lower() or float(text) == float(value), f"{name} is {kept}, not {value}"
