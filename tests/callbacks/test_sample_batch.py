"""Looking at a batch leaves the order of training as it was."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.callbacks.sample_batch import sample_batch


@pytest.mark.parametrize("generator", [None, torch.Generator()], ids=["global", "own"])
def test_order_of_training_is_that_without_the_look(generator):
    loader = DataLoader(TensorDataset(torch.arange(8), torch.arange(8)), 4, shuffle=True, generator=generator)
    data = DataBunch(loader, loader, device="cpu")
    orders = []
    for look in (False, True):
        (generator or torch.default_generator).manual_seed(1)
        seen = sample_batch(data, DatasetType.Train) if look else None
        orders.append([x.tolist() for x, _ in data.train_dl])
    assert orders[0] == orders[1]
    assert seen[0].tolist() == orders[0][0]


def test_random_numbers_are_put_back_after_an_error():
    generator = torch.Generator()
    data = DataBunch(DataLoader([(1, None)], generator=generator), None, device="cpu")
    before = generator.get_state()
    with pytest.raises(TypeError):
        sample_batch(data, DatasetType.Train)
    assert generator.get_state().equal(before)
