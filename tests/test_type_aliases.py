"""Type names can be used in annotations as legacy code does."""

from __future__ import annotations

from typing import Optional

import pytest

from fastloop_v1 import type_aliases


@pytest.mark.parametrize("name", [name for name in type_aliases.__all__ if name != "fastai_types"])
def test_alias_may_be_part_of_another_type(name):
    alias = getattr(type_aliases, name)
    assert Optional[alias] is not None  # noqa: UP045  (legacy code writes it so)
    assert dict[str, alias] is not None


def test_every_kind_of_type_has_a_name():
    assert set(type_aliases.fastai_types.values()) < set(type_aliases.__all__)
