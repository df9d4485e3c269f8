"Errors leave fit, and callbacks hear of them before."
from fastai.basics import *

class TrialPruned(Exception): pass

class Pruning(TrackerCallback):
    def __init__(self, learn, trial):
        super().__init__(learn, monitor='valid_loss')
        self.trial = trial
    def on_epoch_end(self, epoch, **kwargs):
        value = self.get_monitor_value()
        if value is None: return
        self.trial.append((float(value), epoch))
        if len(self.trial) == 2: raise TrialPruned(f'Trial was pruned at epoch {epoch}.')

class CleansUp(LearnerCallback):
    def on_train_begin(self, **kwargs): self.learn.loss_func, self.old = (lambda p, t: F.mse_loss(p, t)), self.learn.loss_func
    def on_train_end(self, exception, **kwargs):
        self.exception = exception
        self.learn.loss_func = self.old

class Breaks(Callback):
    def __init__(self, event, error): self.error = error; setattr(self, 'on_' + event, self.fail)
    def fail(self, **kwargs): raise self.error

xs = torch.randn(32, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
trial = []
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, callback_fns=[CleansUp, partial(Pruning, trial=trial)])
try: learn.fit(5, 0.01)
except TrialPruned as e: caught = e
assert str(caught) == 'Trial was pruned at epoch 1.' and len(trial) == 2
assert learn.cleans_up.exception is caught and learn.loss_func is F.mse_loss
assert len(learn.recorder.val_losses) == 2

for event in 'epoch_begin', 'batch_begin', 'loss_begin', 'backward_begin', 'backward_end', 'step_end', 'batch_end', 'epoch_end':
    for error in ValueError('x'), RuntimeError('CUDA out of memory'), StopIteration('y'):
        trial.clear()
        try: learn.fit(1, 0.01, callbacks=[Breaks(event, error)])
        except Exception as e: assert e is error, (event, e)
        else: raise AssertionError(event)
        assert learn.cleans_up.exception is error and learn.loss_func is F.mse_loss

try: learn.fit(1, 0.01, callbacks=[Breaks('batch_end', KeyboardInterrupt())])
except KeyboardInterrupt: pass
assert learn.loss_func is F.mse_loss
trial.clear()
learn.fit(1, 0.01)                          # and on it goes
assert learn.cleans_up.exception is False and learn.loss_func is F.mse_loss
