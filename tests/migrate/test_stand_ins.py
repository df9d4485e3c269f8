"""A stand-in can be named, annotated with and subclassed; any use of it raises one sentence."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from functools import partial
from typing import Optional, Union

import pytest
from torch import nn

from fastloop_v1.basics import Module
from fastloop_v1.errors import NotOfferedError
from fastloop_v1.migrate.not_offered import NOT_OFFERED
from fastloop_v1.migrate.stand_ins import StandInType, stand_in

ItemList = stand_in("ItemList")
USES = {
    "call": lambda cls: cls("a", b=1),
    "class method": lambda cls: cls.from_folder("data"),
    "iteration": lambda cls: [*cls],
    "item": lambda cls: cls[0],
    "length": len,
    "partial": lambda cls: partial(cls, 1)(),
    "membership": lambda cls: "a" in cls,
}


class Own(ItemList):
    """A list of a legacy project."""

    _bunch = None

    def __init__(self, items, **kwargs):
        super().__init__(items, **kwargs)

    def get(self, i):
        return super().get(i)

    @classmethod
    def make(cls, path):
        return cls(path)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_use_raises_the_sentence(use):
    with pytest.raises(NotOfferedError) as raised:
        use(ItemList)
    assert str(raised.value) == NOT_OFFERED["ItemList"].sentence


@pytest.mark.parametrize("use", [Own, lambda _: Own.make("x"), lambda _: Own.from_df("x")])
def test_use_of_a_subclass_names_it_too(use):
    with pytest.raises(NotOfferedError, match=r"^Own builds on a missing class: `ItemList` was"):
        use("x")


def test_error_is_a_missing_implementation_for_old_code():
    with pytest.raises(NotImplementedError):
        ItemList()


def test_stand_in_is_one_class_in_v1s_module():
    assert stand_in("ItemList") is ItemList
    assert (ItemList.__module__, ItemList.__qualname__) == ("fastai.data_block", "ItemList")


@pytest.mark.parametrize(
    "bases", [(ABC,), (nn.Module,), (Module,), (dict,)], ids=lambda bases: bases[0].__name__
)
def test_other_bases_may_stand_beside_it(bases):
    made = StandInType("Mixed", (ItemList, *bases), {})
    with pytest.raises(NotOfferedError):
        made()


def test_annotations_and_checks_are_no_use():
    assert Optional[ItemList] == Union[ItemList, None]  # noqa: UP007, UP045  (as legacy code writes it)
    assert ItemList | None
    assert not isinstance(3, ItemList)
    assert issubclass(Own, ItemList)
    assert bool(ItemList)
    assert dataclass(type(ItemList)("Data", (ItemList,), {})).__dataclass_fields__ == {}


def test_tools_find_no_private_attribute():
    assert not hasattr(ItemList, "_repr_html_")
    assert not hasattr(ItemList, "__wrapped__")


def test_attribute_put_on_it_is_there():
    cls = stand_in("TabularProc")
    cls.own = 3
    assert cls.own == 3
    del cls.own
