"""Training is written to the files of TensorBoard."""

from __future__ import annotations

import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.tensorboard import (
    GANTensorboardWriter,
    ImageGenTensorboardWriter,
    LearnerTensorboardWriter,
)
from fastloop_v1.errors import NotOfferedError

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
BATCHES = [(torch.ones(2, 3), torch.ones(2, 1)), (torch.zeros(2, 3), torch.ones(2, 1))]


def learner(valid=BATCHES, model=None, batches=BATCHES, **options):
    torch.manual_seed(0)
    model = model or nn.Linear(3, 1)
    return Learner(DataBunch(batches, valid), model, loss_func=F.mse_loss, silent=True, **options)


def image_learner(model=None):
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)), 2, shuffle=True)
    model = model or nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    return Learner(DataBunch(loader, loader), model, loss_func=F.mse_loss, silent=True)


class Pair(nn.Module):
    """Has a generator and a critic, of which the generator is trained."""

    def __init__(self):
        super().__init__()
        self.generator, self.critic = nn.Conv2d(1, 1, 1), nn.Linear(2, 1)

    def forward(self, x):
        return self.generator(x)


def read(folder):
    # Without limits on what is read.
    events = accumulator.EventAccumulator(str(folder), {"scalars": 0, "histograms": 0, "images": 0})
    events.Reload()
    return events


def scalars(folder, tag):
    return [(event.step, event.value) for event in read(folder).Scalars(tag)]


def half(out, targ):
    return torch.tensor(0.5)


def test_losses_and_metrics_are_written(tmp_path):
    learn = learner(metrics=[half])
    writer = LearnerTensorboardWriter(learn, tmp_path, "run", loss_iters=2)
    learn.fit(3, 0.1, callbacks=[writer])
    steps = [step for step, _ in scalars(tmp_path / "run", "/metrics/train_loss")]
    assert steps == [0, 2, 4]
    val_losses = [float(loss) for loss in learn.recorder.val_losses]
    assert scalars(tmp_path / "run", "/metrics/valid_loss") == [
        (step, pytest.approx(loss)) for step, loss in zip((2, 4, 6), val_losses, strict=True)
    ]
    assert scalars(tmp_path / "run", "/metrics/half") == [(2, 0.5), (4, 0.5), (6, 0.5)]


def test_weights_and_gradients_are_written(tmp_path):
    learn = learner()
    learn.fit(2, callbacks=[LearnerTensorboardWriter(learn, tmp_path, "run", hist_iters=3, stats_iters=2)])
    events = read(tmp_path / "run")
    assert [event.step for event in events.Histograms("model/weights/weight")] == [0, 3]
    assert [event.step for event in events.Scalars("model_stats/gradients/avg_norm")] == [0, 2]


def test_embeddings_are_written(tmp_path):
    model = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 1))
    batches = [(torch.tensor([[0, 1], [2, 3]]), torch.ones(2, 1))]
    learn = learner(None, model, batches)
    learn.fit(1, callbacks=[LearnerTensorboardWriter(learn, tmp_path, "run")])
    (table,) = (tmp_path / "run").rglob("tensors.tsv")
    assert len(table.read_text().splitlines()) == 5


def test_training_is_the_same_with_the_writer(tmp_path):
    weights = []
    for kinds in ((), (LearnerTensorboardWriter, partial(ImageGenTensorboardWriter, visual_iters=1))):
        learn = image_learner()
        learn.fit(2, 0.1, callbacks=[kind(learn, tmp_path, str(i)) for i, kind in enumerate(kinds)])
        weights.append([value.clone() for value in learn.model.state_dict().values()])
    assert all(a.equal(b) for a, b in zip(*weights, strict=True))


def test_constructing_and_predicting_write_nothing(tmp_path):
    learn = learner(callback_fns=[partial(LearnerTensorboardWriter, base_dir=tmp_path, name="run")])
    learn.get_preds()
    assert not list(tmp_path.iterdir())


def test_other_processes_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    learn = learner()
    learn.fit(1, callbacks=[LearnerTensorboardWriter(learn, tmp_path, "run", stats_iters=1)])
    assert not list(tmp_path.iterdir())


def test_bug_68_lr_find_writes_nothing_and_does_not_fail(tmp_path):
    learn = learner(callback_fns=[partial(LearnerTensorboardWriter, base_dir=tmp_path, name="run")])
    learn.lr_find(num_it=4)
    assert not list(tmp_path.iterdir())
    learn.fit(1)
    assert len(scalars(tmp_path / "run", "/metrics/train_loss")) == 1


def test_bug_68_missing_validation_is_left_out(tmp_path):
    learn = learner(valid=None)
    learn.fit(1, callbacks=[LearnerTensorboardWriter(learn, tmp_path, "run")])
    assert "/metrics/valid_loss" not in read(tmp_path / "run").Tags()["scalars"]


@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_bug_68_what_was_written_before_an_error_is_in_the_file(tmp_path, error, Spy):
    learn = learner()
    writer = LearnerTensorboardWriter(learn, tmp_path, "run", loss_iters=1)
    spy = Spy(batch_end=lambda state: fail(error) if state["iteration"] else None)
    with pytest.raises(type(error)):
        learn.fit(1, callbacks=[writer, spy])
    assert [step for step, _ in scalars(tmp_path / "run", "/metrics/train_loss")] == [0, 1]


def fail(error):
    raise error


def test_bug_68_epoch_is_in_the_file_when_it_is_over(tmp_path, Spy):
    learn = learner()
    seen = []
    spy = Spy(order=10, epoch_end=lambda state: seen.append(scalars(tmp_path / "run", "/metrics/valid_loss")))
    learn.fit(2, callbacks=[LearnerTensorboardWriter(learn, tmp_path, "run"), spy])
    assert [len(events) for events in seen] == [1, 2]


def test_second_fit_is_written_too(tmp_path):
    learn = learner()
    writer = LearnerTensorboardWriter(learn, tmp_path, "run")
    for _ in range(2):
        learn.fit(1, callbacks=[writer])
    assert len(list((tmp_path / "run").iterdir())) == 2


def test_subclass_may_write_by_v1s_names(tmp_path):
    class Mine(LearnerTensorboardWriter):
        def on_batch_end(self, last_loss, iteration, train, **kwargs):
            super().on_batch_end(last_loss, iteration, train, **kwargs)
            self._write_scalar("mine", 3.0, iteration)
            self.tbwriter.add_scalar(tag=self.metrics_root + "other", scalar_value=4.0, global_step=iteration)

    learn = learner()
    learn.fit(1, callbacks=[Mine(learn, base_dir=".", name=tmp_path)])
    assert scalars(tmp_path, "/metrics/mine")[0] == (0, 3.0)
    assert scalars(tmp_path, "/metrics/other")[0] == (0, 4.0)


def test_writer_can_be_pickled_after_a_fit(tmp_path):
    learn = learner()
    writer = LearnerTensorboardWriter(learn, tmp_path, "run")
    learn.fit(1, callbacks=[writer])
    assert pickle.loads(pickle.dumps(writer)).name == "run"
    assert "_tbwriter" not in writer.get_state()


# --- images -----------------------------------------------------------------------------------------------


def test_images_are_written(tmp_path):
    learn = image_learner()
    writer = ImageGenTensorboardWriter(learn, tmp_path, "run", visual_iters=3)
    learn.fit(2, callbacks=[writer])
    events = read(tmp_path / "run")
    kinds = [f"{kind} {name}" for kind in ("Train", "Valid") for name in ("Generated", "Original", "Real")]
    assert sorted(events.Tags()["images"]) == kinds
    assert [event.step for event in events.Images("Valid Real")] == [0, 3]
    assert events.Scalars("/metrics/train_loss")[0].step == 0
    assert learn.model.training is False  # as validation left it


def test_images_are_of_training_only_without_validation_data(tmp_path):
    learn = image_learner()
    learn.data.valid_dl = None
    learn.fit(1, callbacks=[ImageGenTensorboardWriter(learn, tmp_path, "run")])
    tags = read(tmp_path / "run").Tags()["images"]
    assert sorted(tags) == ["Train Generated", "Train Original", "Train Real"]


def test_pictures_are_of_the_same_samples_in_a_fit_and_of_new_data_in_the_next(tmp_path):
    learn = image_learner()
    writer = ImageGenTensorboardWriter(learn, tmp_path, "run", visual_iters=1)
    learn.fit(1, callbacks=[writer])
    first = writer.val_batch
    learn.data = image_learner().data
    learn.fit(1, callbacks=[writer])
    assert writer.val_batch is not first


def test_model_that_makes_no_images_is_refused_with_the_first_batch(tmp_path):
    learn = learner()
    with pytest.raises(NotOfferedError, match=r"inputs have shape \(2, 3\) and are no images"):
        learn.fit(1, callbacks=[ImageGenTensorboardWriter(learn, tmp_path, "run")])
    assert learn.recorder.nb_batches == []


def test_generator_and_critic_are_written_apart(tmp_path):
    learn = image_learner(Pair())
    learn.fit(1, callbacks=[GANTensorboardWriter(learn, tmp_path, "run")])
    tags = read(tmp_path / "run").Tags()
    assert {"generator/weights/weight", "critic/weights/weight"} <= set(tags["histograms"])
    assert "gen_model_stats/gradients/avg_norm" in tags["scalars"]
    assert "crit_model_stats/gradients/avg_norm" not in tags["scalars"]
    assert "Train Generated" in tags["images"]


def test_model_without_generator_and_critic_is_refused(tmp_path):
    with pytest.raises(NotOfferedError, match="no generator and no critic. fastai.vision.gan is not offered"):
        GANTensorboardWriter(image_learner(), tmp_path, "run")
