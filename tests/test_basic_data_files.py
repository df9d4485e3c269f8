"""A DataBunch is saved without code and comes back."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from fastloop_v1.basic_data import DataBunch, load_data
from fastloop_v1.checkpoint import RefusedFileError, save_state
from fastloop_v1.errors import NotOfferedError, UnwritablePathError


def numbers(n):
    """Return a data set of the numbers below `n`, each its own target."""
    return TensorDataset(torch.arange(float(n))[:, None], torch.arange(n))


def targets(dl):
    return [y.tolist() for _, y in dl]


def test_saved_data_comes_back(tmp_path):
    sets = numbers(10), numbers(5), numbers(3)
    DataBunch.create(*sets, path=tmp_path, bs=4, num_workers=0, c=10).save()
    data = load_data(tmp_path, bs=4, num_workers=0, device="cpu")
    assert (targets(data.valid_dl), targets(data.test_dl)) == ([[0, 1, 2, 3], [4]], [[0, 1, 2]])
    assert sorted(sum(targets(data.fix_dl), [])) == list(range(10))
    assert (data.c, data.path, data.batch_size) == (10, tmp_path, 4)


def test_saved_data_without_validation_comes_back_without(tmp_path):
    DataBunch(DataLoader(numbers(4), 2), None, path=tmp_path).save()
    data = load_data(tmp_path, bs=4, num_workers=0)
    assert (data.empty_val, targets(data.fix_dl)) == (True, [[0, 1, 2, 3]])


def test_data_that_is_no_tensor_data_set_is_not_saved(tmp_path):
    class Other(Dataset):
        def __len__(self):
            return 1

    with pytest.raises(NotOfferedError, match="The train data is a Other; only a TensorDataset"):
        DataBunch(DataLoader(Other(), 1), None, path=tmp_path).save()
    assert list(tmp_path.iterdir()) == []


def test_file_with_code_is_refused_and_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "canary").touch, ()

    save_state({"train": [Evil()]}, tmp_path / "data_save.pkl")
    with pytest.raises(RefusedFileError):
        load_data(tmp_path)
    assert not (tmp_path / "canary").exists()


def test_export_holds_what_validation_data_says_of_itself(tmp_path):
    valid = numbers(2)
    valid.get_state = lambda: {"classes": ["a", "b"]}
    DataBunch(DataLoader(numbers(2)), DataLoader(valid), path=tmp_path).export("data.pkl")
    assert torch.load(tmp_path / "data.pkl", weights_only=True) == {"classes": ["a", "b"]}


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    data = DataBunch(DataLoader(numbers(2)), None, path=tmp_path / "plain")
    with pytest.raises(UnwritablePathError, match=r"plain/data_save\.pkl cannot be written"):
        data.save()
