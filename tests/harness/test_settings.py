"""Where things are, and where the weights are that the project ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpe_bench import settings


@pytest.fixture
def package(tmp_path):
    """A package folder, two below a would-be checkout."""
    folder = tmp_path / "checkout" / "harness" / "hpe_bench"
    folder.mkdir(parents=True)
    return folder


def test_a_checkout_of_this_project_ships_its_weights_folder(package, tmp_path):
    (tmp_path / "checkout" / "pyproject.toml").write_text('[project]\nname = "hpe-bench"\n')
    assert settings.shipped_weights(package) == tmp_path / "checkout" / "weights"


@pytest.mark.parametrize("text", ['[project]\nname = "another"\n', "not toml [", "[tool]\n"])
def test_another_project_around_the_package_is_not_asked(package, tmp_path, monkeypatch, text):
    (tmp_path / "checkout" / "pyproject.toml").write_text(text)
    monkeypatch.setattr("sysconfig.get_path", lambda name, scheme: str(tmp_path / scheme / name))
    found = settings.shipped_weights(package)
    assert found.parts[-4:] == ("data", "share", "hpe-bench", "weights")


def test_a_wheel_has_them_in_the_data_folder_of_the_environment_or_of_the_user(package, tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda name, scheme: str(tmp_path / scheme))
    monkeypatch.setattr("sysconfig.get_default_scheme", lambda: "venv")
    monkeypatch.setattr("sysconfig.get_preferred_scheme", lambda key: "of_user")
    assert settings.shipped_weights(package) == tmp_path / "venv" / "share/hpe-bench/weights"
    users = tmp_path / "of_user" / "share/hpe-bench/weights"
    users.mkdir(parents=True)
    assert settings.shipped_weights(package) == users


def test_weights_are_looked_for_at_the_users_and_then_at_the_projects_and_once_where_both_are_one(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(settings, "shipped_weights", lambda: tmp_path / "project" / "weights")
    folders = settings.resolve_folders()
    assert folders.weight_folders("x") == [Path("weights/x"), tmp_path / "project/weights/x"]
    same = settings.resolve_folders(weights=tmp_path / "project" / "weights")
    assert same.weight_folders("x") == [tmp_path / "project/weights/x"]
