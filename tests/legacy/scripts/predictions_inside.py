"Callbacks that predict and validate in the middle of a fit."
from fastai.basics import *
from fastai.basic_train import get_preds, validate

class Predicts(LearnerCallback):
    _order = -20
    def __init__(self, learn, test_dl):
        super().__init__(learn)
        self.test_dl = test_dl
    def on_train_begin(self, **kwargs):
        self.learn.recorder.add_metric_names(['preds_mean', 'again', 'by_hand'])
        self.modes = []
    def on_batch_begin(self, train, **kwargs):
        if train: self.modes.append(self.learn.model.training)
    def on_epoch_end(self, last_metrics, **kwargs):
        preds, targs = self.learn.get_preds(DatasetType.Valid)
        again = self.learn.validate(self.test_dl)[0]
        self.learn.model.eval()
        total = n = 0
        with torch.no_grad():
            for xb, yb in self.learn.dl(DatasetType.Valid):
                total += F.mse_loss(self.learn.model(xb), yb, reduction='sum').item(); n += yb.numel()
        return add_metrics(last_metrics, [F.mse_loss(preds, targs).item(), again, total / n])

class TestLoss(LearnerCallback):
    "computes the loss of a second data set by the loop's own functions, and of one sample in the middle of an epoch"
    def on_epoch_end(self, **kwargs):
        self.loss = validate(self.learn.model, self.learn.data.valid_dl, self.learn.loss_func)
    def on_batch_end(self, train, num_batch, **kwargs):
        if train and num_batch == 1: self.one = self.learn.pred_batch(batch=(xs[:1], xs[:1])); self.learn.model.train()

from fastai.callback import add_metrics
def mae(pred, targ): return (pred - targ).abs().mean()
torch.manual_seed(0)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)
model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.))
learn = Learner(data, model, loss_func=F.mse_loss, metrics=[mae],
                callback_fns=[partial(Predicts, test_dl=data.valid_dl), TestLoss])
outer = learn.callbacks.append(type('Keeps', (Callback,), {'on_epoch_end': lambda self, **kw: setattr(self, 'n', getattr(self, 'n', 0) + 1)})())
learn.fit(2, 0.1)
assert learn.callbacks[0].n >= 2
rows, losses = learn.predicts.modes, learn.recorder.val_losses
assert rows == [True] * 8                   # every epoch begins in training mode
last = [float(m) for m in learn.recorder.metrics[-1]]
assert learn.recorder.names[3:-1] == ['mae', 'preds_mean', 'again', 'by_hand'] and len(losses) == 2
assert all(abs(m - losses[-1]) < 1e-5 for m in last[1:]), (last, losses)
assert abs(learn.test_loss.loss - losses[-1]) < 1e-6 and learn.test_loss.one.shape == (1, 2)
assert len(learn.recorder.losses) == 8 and len(learn.recorder.metrics) == 2
before = learn.recorder.val_losses[-1]
preds, targs = learn.get_preds()
assert abs(F.mse_loss(preds, targs).item() - before) < 1e-5
assert learn.recorder.metrics is not None    # what it is after a prediction differs from version to version
