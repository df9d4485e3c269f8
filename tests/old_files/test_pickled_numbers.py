"""Arrays and tensors are made again from what pickles give, within the memory that was given."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.storage import TypedStorage

from fastloop_v1.old_files.pickled_numbers import NUMBER_CALLS, set_array, set_dtype

DTYPE, SCALAR = NUMBER_CALLS["numpy.dtype"], NUMBER_CALLS["numpy.core.multiarray.scalar"]
ARRAY, TENSOR = (
    NUMBER_CALLS["numpy.core.multiarray._reconstruct"],
    NUMBER_CALLS["torch._utils._rebuild_tensor_v2"],
)
PARAMETER = NUMBER_CALLS["torch._utils._rebuild_parameter"]


def again_dtype(dtype):
    """A type made again from what it gives to pickles."""
    _, arguments, state = dtype.__reduce__()
    made = DTYPE(*arguments)
    set_dtype(made, state)
    return made


def again(array):
    """An array made again from what it gives to pickles."""
    _, arguments, (version, shape, dtype, fortran, content) = array.__reduce__()
    made = ARRAY(*arguments)
    set_array(made, (version, shape, again_dtype(dtype), fortran, content))
    return made


@pytest.mark.parametrize("code", ["f8", ">f4", "<i2", "b1", "u1", "c16", "U3", ">U3", "S4", "O"])
def test_array_type_comes_back(code):
    assert again_dtype(np.dtype(code)) == np.dtype(code)


def test_array_type_is_no_shared_one():
    made = DTYPE("f8")
    set_dtype(made, (3, ">", None, None, None, -1, -1, 0))
    assert made.str == ">f8"
    assert np.dtype("f8").isnative


ARRAYS = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "other byte order": np.array([1, 2], ">i4"),
    "texts": np.array(["a", "bcd"]),
    "objects": np.array(["a", None, 1.5], object),
    "empty": np.zeros((0, 3)),
    "no axes": np.array(7),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_array_comes_back(array):
    made = again(array)
    np.testing.assert_array_equal(made, array)
    # numpy turns numbers into the machine's byte order when it takes them from a pickle.
    assert (made.dtype, made.flags.f_contiguous) == (array.dtype.newbyteorder("="), array.flags.f_contiguous)


@pytest.mark.parametrize(
    "number", [np.float64(0.1), np.int8(-3), np.bool_(True), np.complex64(1j), np.str_("a")], ids=repr
)
def test_number_comes_back(number):
    made = SCALAR(number.dtype, number.tobytes())
    assert made == number
    assert type(made) is type(number)


def test_number_of_another_byte_order_comes_back_in_the_machine_s():
    made = SCALAR(np.dtype(">f8"), np.array(0.25, ">f8").tobytes())
    assert made == 0.25
    assert made.dtype.isnative


@pytest.mark.parametrize("code", ["V8", "i4,f4", "(2,3)f8", "m8[s]", "M8[s]", "U0", "nonsense", 8, int, None])
def test_type_of_no_numbers_or_texts_is_refused(code):
    with pytest.raises((TypeError, ValueError)):
        DTYPE(code)


def test_byte_order_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no byte order"):
        set_dtype(DTYPE("f8"), (3, "S", None, None, None, -1, -1, 0))


STATES = {
    "too short": (1, (3,), np.dtype("f8"), False, bytes(16)),
    "too long": (1, (1,), np.dtype("f8"), False, bytes(16)),
    "huge shape": (1, (2**40, 2**40), np.dtype("f8"), False, bytes(8)),
    "negative shape": (1, (-1,), np.dtype("f8"), False, bytes(8)),
    "shape that is no tuple": (1, [1], np.dtype("f8"), False, bytes(8)),
    "type that is none": (1, (1,), "f8", False, bytes(8)),
    "content that is no bytes": (1, (1,), np.dtype("f8"), False, "12345678"),
    "too few objects": (1, (2,), np.dtype("O"), False, ["a"]),
    "objects of any kind": (1, (1,), np.dtype("O"), False, [[]]),
    "objects as bytes": (1, (1,), np.dtype("O"), False, bytes(8)),
    "order that is no bool": (1, (1,), np.dtype("f8"), 2, bytes(8)),
    "no state": (1,),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_content_that_does_not_fit_is_refused(state):
    with pytest.raises((TypeError, ValueError)):
        set_array(np.empty(0, np.int8), state)


@pytest.mark.parametrize(
    "arguments",
    [(np.dtype("f8"), b"1"), (np.dtype("O"), bytes(8)), ("f8", bytes(8)), (np.dtype("f8"), "12345678")],
)
def test_number_that_does_not_fit_is_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        SCALAR(*arguments)


@pytest.mark.parametrize(
    "arguments", [(np.ndarray, (10**12,), b"b"), (np.matrix, (0,), b"b"), (list, (0,), b"b")]
)
def test_array_that_is_not_empty_first_is_refused(arguments):
    with pytest.raises(TypeError, match="special kind"):
        ARRAY(*arguments)


def storage(*numbers):
    """A storage of float32."""
    return TypedStorage(
        wrap_storage=torch.tensor(numbers).untyped_storage(), dtype=torch.float32, _internal=True
    )


def test_tensor_is_made_over_its_storage():
    held = storage(1.0, 2.0, 3.0, 4.0)
    first, second = TENSOR(held, 1, (3,), (1,), True, None), TENSOR(held, 0, (2, 2), (1, 2), False, None, {})
    assert (first.tolist(), second.tolist()) == ([2, 3, 4], [[1, 3], [2, 4]])
    assert (first.requires_grad, second.requires_grad) == (True, False)
    assert first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    assert not first._is_view()


TENSORS = {
    "beyond the end": (storage(1.0), 0, (2,), (1,)),
    "offset beyond the end": (storage(1.0), 1, (1,), (1,)),
    "negative stride": (storage(1.0, 2.0), 1, (2,), (-1,)),
    "bool as an offset": (storage(1.0, 2.0), True, (1,), (1,)),
    "lengths that differ": (storage(1.0), 0, (1, 1), (1,)),
    "no storage": (torch.ones(2).untyped_storage(), 0, (1,), (1,)),
    "more shown than held": (storage(1.0), 0, (2**13, 2**13), (0, 0)),
    "further arguments": (storage(1.0), 0, (1,), (1,), False, None, {"conj": True}),
    "gradient that is no bool": (storage(1.0), 0, (1,), (1,), "yes"),
}


@pytest.mark.parametrize("arguments", TENSORS.values(), ids=TENSORS)
def test_tensor_that_does_not_fit_is_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        TENSOR(*arguments)


def test_parameter_is_made_of_a_tensor():
    data = torch.ones(2)
    made = PARAMETER(data, False, None)
    assert (type(made), made.requires_grad, made.data_ptr()) == (nn.Parameter, False, data.data_ptr())
    with pytest.raises(TypeError, match="no tensor"):
        PARAMETER([1.0], False, None)


def test_attributes_of_tensors_come_back():
    made = NUMBER_CALLS["torch._utils._rebuild_parameter_with_state"](torch.ones(1), True, None, {"note": 1})
    assert (type(made), made.note) == (nn.Parameter, 1)
    arguments = storage(1.0), 0, (1,), (1,), False, None
    made = NUMBER_CALLS["torch._tensor._rebuild_from_type_v2"](TENSOR, torch.Tensor, arguments, {"note": 1})
    assert (type(made), made.note) == (torch.Tensor, 1)
    with pytest.raises(TypeError, match="special kind"):
        NUMBER_CALLS["torch._tensor._rebuild_from_type_v2"](print, torch.Tensor, ("text",), {})


def test_backend_of_old_torch_is_none():
    assert NUMBER_CALLS["torch.nn.backends.thnn._get_thnn_function_backend"]() is None


def test_comparisons_of_numpy_are_the_only_functions():
    function = NUMBER_CALLS["numpy.core._ufunc_reconstruct"]
    assert function("numpy", "less") is np.less
    for module, name in [("numpy", "load"), ("os", "less"), ("numpy", "add")]:
        with pytest.raises(ValueError, match="not read"):
            function(module, name)


@pytest.mark.parametrize("arguments", [(["cpu"],), ("cpu", "0"), ("no device",), (b"cpu",)])
def test_device_that_is_none_is_refused(arguments):
    with pytest.raises((TypeError, RuntimeError)):
        NUMBER_CALLS["torch.device"](*arguments)


def test_size_and_device_come_back():
    for found in (torch.Size([2, 3]), torch.Size(()), torch.device("cpu"), torch.device("cuda", 1)):
        _, arguments = found.__reduce__()
        assert NUMBER_CALLS[f"torch.{type(found).__name__}"](*arguments) == found
    assert pickle.loads(pickle.dumps(NUMBER_CALLS["torch.Size"]((1,)))) == (1,)
