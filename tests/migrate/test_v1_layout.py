"""The list of v1's modules agrees with what this package has."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from fastloop_v1.migrate.v1_layout import FACES, HOMES, STARS_WITH_BASICS

V1_MODULES = json.loads((Path(__file__).parents[1] / "golden" / "v1_names.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("home", sorted(HOMES))
def test_home_is_a_module_of_ours(home):
    assert importlib.import_module(f"fastloop_v1.{home}").__all__ is not None


def test_every_recorded_module_of_v1_is_there():
    assert {*V1_MODULES} - HOMES - {*FACES} == set()


def test_no_module_is_both():
    assert HOMES.isdisjoint(FACES)
    assert STARS_WITH_BASICS < HOMES


def test_folder_of_a_face_is_a_face():
    folders = {face.rpartition(".")[0] for face in FACES}
    assert folders <= {*FACES}
