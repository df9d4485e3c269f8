"A batch logger that hears training and validation; the counter stands still in validation."
from fastai.basics import *

class BatchLog(LearnerCallback):
    def __init__(self, learn):
        super().__init__(learn)
        self.rows, self.losses = [], []
    def on_batch_begin(self, train, epoch, iteration, num_batch, **kwargs): self.rows.append((train, epoch, iteration, num_batch))
    def on_loss_begin(self, last_output, train, **kwargs):
        self.losses.append((train, self.learn.model.training))

class Softmaxed(LearnerCallback):
    "the model gives (output, extra); only the output goes on"
    def on_loss_begin(self, last_output, **kwargs): return {'last_output': last_output[0]}

class Extra(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(2, 2)
    def forward(self, x): return self.lin(x), x.sum()

torch.manual_seed(0)
xs = torch.randn(32, 2); ys = (xs[:, 0] > 0).long()
data = DataBunch.create(TensorDataset(xs[:16], ys[:16]), TensorDataset(xs[16:], ys[16:]), bs=8, num_workers=0)
learn = Learner(data, Extra(), loss_func=CrossEntropyFlat(), callback_fns=BatchLog)
learn.callbacks.append(Softmaxed(learn))
learn.fit(2, 0.1)
log = learn.batch_log
assert log.rows == [(True, 0, 0, 0), (True, 0, 1, 1), (False, 0, 2, 2), (False, 0, 2, 2),
                    (True, 1, 2, 0), (True, 1, 3, 1), (False, 1, 4, 2), (False, 1, 4, 2)], log.rows
assert log.losses == ([(True, True)] * 2 + [(False, False)] * 2) * 2
preds, targs = learn.get_preds(ds_type=DatasetType.Valid)
assert preds.shape == (16, 2) and torch.allclose(preds.sum(1), torch.ones(16)) and torch.equal(targs, ys[16:])
out = learn.pred_batch(ds_type=DatasetType.Valid)
assert out.shape == (8, 2) and torch.allclose(out, preds[:8], atol=1e-6)
preds, targs, losses = learn.get_preds(with_loss=True)
assert losses.shape == (16,) and abs(losses.mean() - learn.validate()[0]) < 1e-5
assert learn.get_preds(DatasetType.Train)[0].shape == (16, 2)
