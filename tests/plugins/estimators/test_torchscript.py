"""TorchScript archives read as data: the tensors come out, and nothing of what else is in them is run or made."""

from __future__ import annotations

import pickle
import zipfile

import pytest

from hpe_bench import DataError

torch = pytest.importorskip("torch")
from hpe_bench_plugins.estimators.torchscript import read_torchscript  # noqa: E402


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))

    def forward(self, x):
        return self.layers(x)


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Inner(), Inner()
        self.sizes = [1, 2, 3]
        self.register_buffer("centre", torch.arange(6.0).reshape(2, 3).t())

    def forward(self, x):
        return self.first(x), self.second(x)


@pytest.fixture
def scripted(tmp_path):
    """A network, and the TorchScript file of it."""
    torch.manual_seed(0)
    network = Outer().eval()
    torch.jit.script(network).save(str(tmp_path / "net.pth"))
    return network, tmp_path / "net.pth"


def rewritten(path, **changes):
    """The archive with some of its entries replaced, by the ends of their names."""
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, changes.get(name.rpartition("/")[2].replace(".", "_"), content))
    return path


def test_the_tensors_are_those_of_the_networks_state_dict(scripted):
    network, path = scripted
    expected, found = network.state_dict(), read_torchscript(path)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read(tmp_path, kind):
    network = Inner().to(kind)
    torch.jit.script(network).save(str(tmp_path / "net.pth"))
    found = read_torchscript(tmp_path / "net.pth")
    assert all(torch.equal(found[name], value) for name, value in network.state_dict().items())


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_what_a_pickle_in_it_would_call_is_not_called(scripted, tmp_path, protocol):
    path = rewritten(scripted[1], data_pkl=pickle.dumps(Evil(tmp_path / "owned"), protocol))
    with pytest.raises(DataError, match=r"net\.pth: not a TorchScript network"):
        read_torchscript(path)
    assert not (tmp_path / "owned").exists()


def test_its_program_is_not_looked_at(scripted):
    with zipfile.ZipFile(scripted[1]) as archive:
        code = next(name for name in archive.namelist() if "/code/" in name and name.endswith(".py"))
    path = rewritten(scripted[1], **{code.rpartition("/")[2].replace(".", "_"): b"no program at all"})
    assert len(read_torchscript(path)) == 9


@pytest.mark.parametrize("damage", ["short", "flipped", "no numbers", "endless", "empty"])
def test_a_damaged_archive_is_refused_by_name(scripted, damage):
    path = scripted[1]
    content = path.read_bytes()
    if damage == "short":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        place = content.index(b"data/0") + 200
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
    elif damage == "no numbers":
        rewritten(path, **{"0": b"", "1": b""})
    else:
        rewritten(path, data_pkl=b"" if damage == "empty" else b"\x80\x02" + b"(" * 1000)
    with pytest.raises(DataError, match=r"net\.pth"):
        read_torchscript(path)


def test_a_frozen_program_says_that_it_holds_no_tensors(scripted):
    torch.jit.freeze(torch.jit.script(scripted[0])).save(str(scripted[1]))
    with pytest.raises(DataError, match=r"net\.pth: a TorchScript program whose modules hold no tensors"):
        read_torchscript(scripted[1])


def test_a_tensor_that_claims_more_numbers_than_are_stored_is_refused(tmp_path):
    class Wide(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("wide", torch.zeros(1).expand(10**9))

        def forward(self, x):
            return x

    torch.jit.script(Wide()).save(str(tmp_path / "net.pth"))
    with pytest.raises(DataError, match="more numbers than are stored"):
        read_torchscript(tmp_path / "net.pth")
