"Metrics are callbacks that hear of validation only, and before all others."
from fastai.basics import *
from fastai.metrics import *

order = []
class Hears(Callback):
    def __init__(self, name): self.name, self.heard = name, []
    def on_train_begin(self, **kwargs): self.heard.append('train_begin')
    def on_epoch_begin(self, **kwargs): self.heard.append('epoch_begin')
    def on_batch_begin(self, train, **kwargs): self.heard.append(f'batch_begin {train}')
    def on_loss_begin(self, **kwargs): self.heard.append('loss_begin')
    def on_backward_begin(self, **kwargs): self.heard.append('backward_begin')
    def on_backward_end(self, **kwargs): self.heard.append('backward_end')
    def on_step_end(self, **kwargs): self.heard.append('step_end')
    def on_batch_end(self, train, **kwargs):
        self.heard.append(f'batch_end {train}')
        if not train: order.append(self.name)
    def on_epoch_end(self, last_metrics, **kwargs):
        self.heard.append('epoch_end')
        if self.name == 'metric': return add_metrics(last_metrics, len(self.heard))
    def on_train_end(self, **kwargs): self.heard.append('train_end')

class Group(Callback):
    "two metrics behind one column"
    name = 'group'
    def __init__(self, *mets): self.mets = mets
    def on_train_begin(self, **kwargs):
        for m in self.mets: m.on_train_begin(**kwargs)
    def on_epoch_begin(self, **kwargs):
        for m in self.mets: m.on_epoch_begin(**kwargs)
    def on_batch_end(self, **kwargs):
        for m in self.mets: m.on_batch_end(**kwargs)
    def on_epoch_end(self, last_metrics, **kwargs):
        values = [m.on_epoch_end(last_metrics=[], **kwargs)['last_metrics'][0] for m in self.mets]
        return add_metrics(last_metrics, sum(float(v) for v in values) / len(values))

def only_full_batches(pred, *targs):
    assert len(targs) == 2
    return None if len(pred) < 8 else (pred - targs[0]).abs().mean()
def fbeta_like(pred, *targs, beta): return (pred - targs[1]).abs().mean() * beta

class Two(Dataset):
    c = 1
    def __init__(self, xs): self.xs = xs
    def __len__(self): return len(self.xs)
    def __getitem__(self, i): return self.xs[i], [self.xs[i], self.xs[i] * 2]

def loss(pred, a, b): return F.mse_loss(pred, a) + F.mse_loss(pred, b)

torch.manual_seed(0)
xs = torch.randn(36, 2)
data = DataBunch.create(Two(xs[:16]), Two(xs[16:]), bs=8, num_workers=0)
metric, cb = Hears('metric'), Hears('callback')
cb._order = -1000
learn = Learner(data, nn.Linear(2, 2), loss_func=loss, metrics=[metric, only_full_batches, partial(fbeta_like, beta=2.),
                Group(AverageMetric(only_full_batches), AverageMetric(only_full_batches))])
learn.fit(1, 0.01, callbacks=cb)
assert metric.heard == ['train_begin', 'epoch_begin'] + ['batch_begin False', 'batch_end False'] * 3 + ['epoch_end', 'train_end']
assert order == ['metric', 'callback'] * 3
full, group = learn.recorder.metrics[0][1], learn.recorder.metrics[0][3]
assert abs(full - group) < 1e-6
with torch.no_grad(): expected = (learn.model(xs[16:32]) - xs[16:32]).abs().mean()    # the batch of four does not count
assert abs(full - expected) < 1e-6
assert len(learn.recorder.names) == 3 + 4 + 1 and learn.recorder.names[3:5] == ['metric', 'only_full_batches']
# without validation metrics do not end the epoch
metric.heard.clear()
data.valid_dl = None
learn.fit(1, 0.01)
assert metric.heard == ['train_begin', 'epoch_begin', 'train_end']
