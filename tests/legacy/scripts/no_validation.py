"Trains on everything: there is no validation set."
from fastai.basics import *
from fastai.callbacks import *

class NoVal(LearnerCallback):
    _order = -20
    def on_train_begin(self, **kwargs): self.firsts = []
    def on_epoch_end(self, last_metrics, **kwargs):
        self.firsts.append(last_metrics[0])
        if last_metrics[0] is None: return
        raise AssertionError('there should be no validation loss')

class OnlyTrain(Callback):
    def on_train_begin(self, **kwargs):
        self.phases = set()
        return {'skip_validate': True}
    def on_batch_end(self, train, **kwargs): self.phases.add(train)

def mae(pred, targ): return (pred - targ).abs().mean()
xs = torch.randn(32, 2)
ds = TensorDataset(xs, xs)
data = DataBunch.create(ds, ds, bs=8, num_workers=0)
data.valid_dl = None
assert data.empty_val
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=[mae], callback_fns=NoVal)
learn.fit(2, 0.01)
assert learn.no_val.firsts == [None, None]
assert learn.recorder.val_losses == [None, None] and learn.recorder.metrics == []

data = DataBunch.create(ds, ds, bs=8, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=[mae], callback_fns=NoVal)
only = OnlyTrain()
learn.fit_one_cycle(1, 0.01, callbacks=[only])
assert only.phases == {True} and learn.recorder.val_losses == [None]

data = DataBunch.create(ds, None, bs=8, num_workers=0)
assert data.empty_val
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)
learn.fit(1, 0.01)
assert learn.recorder.val_losses == [None] and learn.recorder.names[:3] == ['epoch', 'train_loss', 'valid_loss']
