"""Records keep what a file says of classes that are not here, and can be written and read again."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

from fastloop_v1.inert_record import InertRecord, InertType, inert_class, inert_record


def filled():
    """A record with something in every place."""
    return inert_record("fastai.core.Thing", (1,), {"a": 2}, {"classes": ["x"]}, [3], [("k", 4)])


def test_class_has_the_module_and_name_it_stands_for():
    kind = inert_class("fastai.vision.image.Image")
    assert (kind.__module__, kind.__name__, type(kind)) == ("fastai.vision.image", "Image", InertType)
    assert issubclass(kind, InertRecord)


def test_class_of_a_name_is_the_same_each_time():
    kind = inert_class("fastai.core.Thing")
    assert inert_class("fastai.core.Thing") is kind
    assert inert_class("fastai.core.Other") is not kind


@pytest.mark.parametrize("name", ["", "Thing", "fastai.", ".Thing", "a b.C", "fastai..Thing", "../a.b"])
def test_class_of_no_dotted_name_is_an_error(name):
    with pytest.raises(ValueError, match="is no dotted name"):
        inert_class(name)


def test_record_keeps_its_arguments():
    record = inert_class("fastai.core.Thing")(1, a=2)
    assert (record.args, record.kwargs) == ((1,), {"a": 2})
    assert (record.state, record.members, record.pairs) == (None, [], [])
    assert repr(record) == "<record of fastai.core.Thing>"


def test_names_in_the_state_are_read_as_attributes():
    assert filled().classes == ["x"]
    with pytest.raises(AttributeError, match=r"record of fastai\.core\.Thing has no attribute 'other'"):
        _ = filled().other


@pytest.mark.parametrize("state", [None, [], ("classes",)])
def test_state_that_is_no_dict_has_no_attributes(state):
    record = inert_record("fastai.core.Thing", (), {}, state, [], [])
    with pytest.raises(AttributeError):
        _ = record.classes
    assert record.state == state


def written(value, *, by_torch):
    """A value that was pickled and read by the ordinary means."""
    file = io.BytesIO()
    if by_torch:
        torch.save(value, file)
        file.seek(0)
        return torch.load(file, weights_only=False)
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("by_torch", [True, False], ids=["torch", "pickle"])
def test_record_and_class_are_pickled_by_name(by_torch):
    record, kind = written([filled(), inert_class("fastai.core.Thing")], by_torch=by_torch)
    assert type(record) is kind is inert_class("fastai.core.Thing")
    assert vars(record) == vars(filled())
    assert written(InertRecord, by_torch=by_torch) is InertRecord


def test_record_is_copied_whole():
    record = filled()
    for again in (copy.copy(record), copy.deepcopy(record)):
        assert type(again) is type(record)
        assert vars(again) == vars(record)
    assert copy.deepcopy(record).members is not record.members


@pytest.mark.parametrize(("args", "kwargs"), [([], {}), ((), []), (range(10**12), {})])
def test_record_of_other_arguments_is_an_error(args, kwargs):
    with pytest.raises(TypeError, match="no tuple and no dict"):
        inert_record("fastai.core.Thing", args, kwargs, None, [], [])
