"""Modules of v2 and 0.7 are told from those of v1."""

from __future__ import annotations

import pytest

from fastloop_v1.migrate.other_versions import V07_NAMES, V2_METHODS, V2_NAMES, version_of_module
from fastloop_v1.migrate.v1_layout import FACES, HOMES
from fastloop_v1.migrate.v1_names import find_by_star


@pytest.mark.parametrize("module", sorted(HOMES | set(FACES)))
def test_module_of_v1_is_of_no_other_version(module):
    assert version_of_module(f"fastai.{module}".rstrip(".")) == ""


@pytest.mark.parametrize(
    ("module", "version"),
    [
        ("fastai2", "v2"),
        ("fastai2.vision.all", "v2"),
        ("fastai.data.core", "v2"),
        ("fastai.medical.imaging", "v2"),
        ("fastai.text.all", "v2"),
        ("fastai.conv_learner", "0.7"),
        ("fastai.models.cifar10", ""),
        ("torch.data", ""),
    ],
)
def test_module_of_another_version_is_named(module, version):
    assert version_of_module(module) == version


def test_no_name_of_another_version_is_one_of_v1():
    assert not [name for name in V2_NAMES | V07_NAMES if find_by_star(["vision", "text", "tabular"], name)]
    assert not [name for name in V2_METHODS if name.startswith("on_")]
