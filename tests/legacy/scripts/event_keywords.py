"Writes down what every event is given."
from fastai.basics import *

class Log(Callback):
    def __init__(self): self.log = []
    def on_train_begin(self, **kwargs): self.log.append(('train_begin', kwargs))
    def on_epoch_begin(self, **kwargs): self.log.append(('epoch_begin', kwargs))
    def on_batch_begin(self, **kwargs): self.log.append(('batch_begin', kwargs))
    def on_loss_begin(self, **kwargs): self.log.append(('loss_begin', kwargs))
    def on_backward_begin(self, **kwargs): self.log.append(('backward_begin', kwargs))
    def on_backward_end(self, **kwargs): self.log.append(('backward_end', kwargs))
    def on_step_end(self, **kwargs): self.log.append(('step_end', kwargs))
    def on_batch_end(self, **kwargs): self.log.append(('batch_end', kwargs))
    def on_epoch_end(self, **kwargs): self.log.append(('epoch_end', kwargs))
    def on_train_end(self, **kwargs): self.log.append(('train_end', kwargs))
    def all(self, event): return [kw for ev, kw in self.log if ev == event]

class Named(Callback):
    "takes by name what it needs, at events where one would not expect it"
    def on_backward_begin(self, last_input, last_output, last_loss, smooth_loss, **kwargs):
        assert last_input.shape[0] == last_output.shape[0] and last_loss.requires_grad
    def on_backward_end(self, iteration, num_batch, last_metrics=None, **kwargs):
        self.metrics_at_backward = last_metrics
    def on_epoch_end(self, last_target, last_output, train, n_epochs, metrics, **kwargs):
        assert not train and n_epochs == 2 and metrics is learn.metrics
        self.shape = last_output.shape, last_target.shape
    def on_train_end(self, epoch, exception, **kwargs): self.end = epoch, exception

class NoKwargs(Callback):
    def on_train_begin(self, epoch, iteration, num_batch, skip_validate, n_epochs, pbar, metrics, metrics_names):
        self.names, self.n_epochs = metrics_names, n_epochs

def mae(pred, targ): return (pred - targ).abs().mean()
xs = torch.randn(40, 2)
data = DataBunch.create(TensorDataset(xs[:24], xs[:24]), TensorDataset(xs[24:], xs[24:]), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=mae)
log, named, nokw = Log(), Named(), NoKwargs()
learn.fit(2, 0.01, callbacks=[log, named, nokw])

train = ['batch_begin', 'loss_begin', 'backward_begin', 'backward_end', 'step_end', 'batch_end']
valid = ['batch_begin', 'loss_begin', 'batch_end']
epoch = ['epoch_begin'] + train * 3 + valid * 2 + ['epoch_end']
assert [ev for ev, _ in log.log] == ['train_begin'] + epoch * 2 + ['train_end']
assert set(log.all('train_begin')[0]) == {'epoch', 'iteration', 'num_batch', 'skip_validate', 'n_epochs', 'pbar', 'metrics', 'metrics_names'}
for key in 'last_input last_target last_output last_loss smooth_loss last_metrics epoch n_epochs iteration num_batch train pbar metrics'.split():
    assert key in log.all('epoch_end')[0], key
assert [kw['epoch'] for kw in log.all('epoch_end')] == [0, 1] and log.all('train_end')[0]['epoch'] == 2
assert [kw['iteration'] for kw in log.all('step_end')] == list(range(6))
assert [kw['num_batch'] for kw in log.all('step_end')] == [0, 1, 2] * 2
assert log.all('train_end')[0]['exception'] is False
assert named.end == (2, False) and named.shape == ((8, 2), (8, 2)) and len(named.metrics_at_backward) == 2
assert nokw.n_epochs == 2 and 'mae' in nokw.names
