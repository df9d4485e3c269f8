from __future__ import annotations

import pickle
import re
import sys
import traceback
import warnings
from pickle import PicklingError

import pytest

from fastloop_v1 import errors
from fastloop_v1.errors import FastloopError, FastloopWarning, add_note, unknown_state_key

needs_shown_notes = pytest.mark.skipif(sys.version_info < (3, 11), reason="tracebacks show no notes")

# class, its parent here, the builtin kinds v1 code may catch it as
TREE = [
    ("CallbackReturnError", "FastloopError", (AttributeError, TypeError)),
    ("NotACallbackError", "FastloopError", (TypeError,)),
    ("LearnerGoneError", "FastloopError", (ReferenceError, AttributeError)),
    ("ArgumentError", "FastloopError", (ValueError,)),
    ("ArgumentTypeError", "ArgumentError", (TypeError,)),
    ("UnexportableError", "ArgumentError", (ValueError, PicklingError, AttributeError)),
    ("LayerGroupError", "ArgumentError", (ValueError, AssertionError)),
    ("HyperParameterError", "ArgumentError", (ValueError, KeyError)),
    ("EmptyLoaderError", "FastloopError", (AssertionError, ValueError)),
    ("MissingLossError", "FastloopError", (TypeError,)),
    ("LossShapeError", "FastloopError", (RuntimeError,)),
    ("NonFiniteLossError", "FastloopError", (ArithmeticError, ValueError)),
    ("MissingExtraError", "FastloopError", (ImportError,)),
    ("UnwritablePathError", "FastloopError", (OSError,)),
    ("UnknownVersionError", "FastloopError", (ValueError,)),
    ("NotOfferedError", "FastloopError", (NotImplementedError,)),
    ("LegacyReturnWarning", "FastloopWarning", (UserWarning,)),
    ("ProtocolWarning", "FastloopWarning", (UserWarning,)),
]
NAMES = [row[0] for row in TREE]
CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and value.__module__ == errors.__name__
}


@pytest.mark.parametrize(("name", "parent", "kinds"), TREE, ids=NAMES)
def test_error_is_of_the_kinds_that_v1_code_catches(name, parent, kinds):
    assert issubclass(CLASSES[name], (CLASSES[parent],))
    assert all(issubclass(CLASSES[name], kind) for kind in kinds)


def test_tree_is_complete():
    assert set(NAMES) | {"FastloopError", "FastloopWarning"} == set(CLASSES)


def test_docstring_draws_the_tree():
    drawn = re.findall(r"[├└]── (\w+)\s+(?:\(([\w, ]+)\))?", errors.__doc__)
    assert sorted(name for name, _ in drawn) == sorted(CLASSES)
    for name, kinds in drawn:
        assert all(
            kind in {cls.__name__ for cls in CLASSES[name].__mro__} for kind in re.findall(r"\w+", kinds)
        )


@pytest.mark.parametrize("name", NAMES)
def test_error_shows_its_text_as_written(name):
    assert str(CLASSES[name]("lr is 'a'; allowed: numbers.")) == "lr is 'a'; allowed: numbers."


@pytest.mark.parametrize("name", NAMES)
def test_error_pickles(name):
    again = pickle.loads(pickle.dumps(CLASSES[name]("text")))
    assert (type(again), str(again)) == (CLASSES[name], "text")


def test_all_errors_are_caught_as_one_kind():
    raised = [CLASSES[name] for name in NAMES if not issubclass(CLASSES[name], Warning)]
    assert all(issubclass(cls, FastloopError) for cls in raised)


def test_all_warnings_are_filtered_as_one_kind():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FastloopWarning)
        warnings.warn("text", errors.LegacyReturnWarning, stacklevel=1)
        warnings.warn("text", errors.ProtocolWarning, stacklevel=1)


@needs_shown_notes
def test_note_is_shown_below_the_traceback():
    error = ValueError("first")
    assert add_note(error, "second line") is error
    assert "".join(traceback.format_exception(error)).rstrip().endswith("first\nsecond line")


def test_notes_leave_the_text_of_an_error_as_it_was():
    error = add_note(add_note(ValueError("first"), "second line"), "third line")
    assert (str(error), error.__notes__) == ("first", ["second line", "third line"])


def test_unknown_key_is_the_plain_exception_of_v1():
    error = unknown_state_key("Mine", "batch_end", "stop_epch", "stop_epoch")
    assert type(error) is Exception
    assert str(error) == "stop_epch isn't a valid key in the state of the callbacks."


def test_unknown_key_tells_where_it_came_from():
    error = unknown_state_key("Mine", "batch_end", "stop_epch", "stop_epoch")
    found = (error.callback, error.event, error.key, error.nearest)
    assert found == ("Mine", "batch_end", "stop_epch", "stop_epoch")


@needs_shown_notes
def test_unknown_key_tells_more_in_a_note():
    error = unknown_state_key("Mine", "batch_end", "stop_epch", "stop_epoch")
    shown = "".join(traceback.format_exception(error))
    assert "Mine.on_batch_end returned the key 'stop_epch', which is not in the state there." in shown
    assert "Did you mean 'stop_epoch'?" in shown


def test_unknown_key_like_no_other_names_none():
    error = unknown_state_key("Mine", "batch_end", "xyz")
    assert error.nearest is None
    assert "Did you mean" not in "".join(traceback.format_exception(error))


def test_first_error_is_raised_with_the_later_ones_as_notes():
    first, second = ValueError("first"), KeyError("second")
    with pytest.raises(ValueError, match="first") as caught:
        errors.raise_first(None, [first, second])
    assert "second" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def test_error_on_its_way_only_gets_notes():
    on_its_way, later = ValueError("first"), [KeyError("later")]
    errors.raise_first(on_its_way, later)
    assert "later" in "".join([str(on_its_way), *getattr(on_its_way, "__notes__", [])])
    assert later == []


def test_nothing_to_raise_raises_nothing():
    errors.raise_first(None, [])
