"Subclasses of the stock callbacks, with super() called in every style."
import tempfile
from fastai.basics import *
from fastai.callbacks import *
from fastai.callbacks.tracker import SaveModelCallback, EarlyStoppingCallback, TrackerCallback

class LoudLogger(CSVLogger):
    def __init__(self, learn, filename='history', append=False):
        super().__init__(learn, filename, append)
        self.rows = 0
    def on_epoch_end(self, epoch, smooth_loss, last_metrics, **kwargs):
        super().on_epoch_end(epoch, smooth_loss, last_metrics, **kwargs)
        self.rows += 1

class SaveLater(SaveModelCallback):
    def __init__(self, learn, after=1, **kwargs):
        super().__init__(learn, **kwargs)
        self.after, self.saved_at = after, []
    def on_epoch_end(self, epoch, **kwargs):
        if epoch < self.after: return
        before = self.best
        super().on_epoch_end(epoch, **kwargs)
        if self.best != before: self.saved_at.append(epoch)
    def on_train_end(self, **kwargs): super().on_train_end(**kwargs)

class Stop(EarlyStoppingCallback):
    def on_train_begin(self, **kwargs):
        super().on_train_begin(**kwargs)
        self.asked = 0
    def on_epoch_end(self, epoch, **kwargs):
        self.asked += 1
        return super().on_epoch_end(epoch, **kwargs)

class Plain(TrackerCallback):
    def on_train_begin(self, **kwargs):
        super().on_train_begin()                       # without the keywords
        self.first = self.best

class Scaled(AverageMetric):
    def __init__(self, func, scale):
        super().__init__(func)
        self.scale = scale
    def on_epoch_end(self, last_metrics, **kwargs):
        out = super().on_epoch_end(last_metrics, **kwargs)
        out['last_metrics'][-1] = out['last_metrics'][-1] * self.scale
        return out

class Phases(GeneralScheduler):
    def on_train_begin(self, epoch, **kwargs):
        self.began = epoch
        return super().on_train_begin(epoch, **kwargs)
    def on_batch_end(self, train, **kwargs): return super().on_batch_end(train, **kwargs)

class Means(HookCallback):
    "the mean of what each hooked layer gives"
    def on_train_begin(self, **kwargs):
        super().on_train_begin(**kwargs)
        self.means = []
    def hook(self, m, i, o): return o.detach().mean().item()
    def on_batch_end(self, train, **kwargs):
        if train: self.means.append(self.hooks.stored)

def mae(pred, targ): return (pred - targ).abs().mean()

torch.manual_seed(5)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0,
                        path=tempfile.mkdtemp())
learn = Learner(data, nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)), loss_func=F.mse_loss,
                metrics=[mae, Scaled(mae, 10.)],
                callback_fns=[LoudLogger, partial(SaveLater, after=1, name='late'), Plain, partial(Stop, patience=0, min_delta=1e9)])
phases = Phases(learn, [TrainingPhase(4).schedule_hp('lr', 0.1), TrainingPhase(16).schedule_hp('lr', (0.1, 0.01))])
means = Means(learn)
learn.fit(5, callbacks=[phases, means])
rows = len(learn.recorder.val_losses)
assert rows == learn.loud_logger.rows == learn.stop.asked == 2      # nothing is better by a billion
assert learn.save_later.saved_at == [1] and (learn.path/'models'/'late.pth').exists()
assert learn.plain.first == float('inf')
for m, scaled in learn.recorder.metrics: assert abs(m * 10 - scaled) < 1e-4
assert len(learn.loud_logger.read_logged_file()) == rows
assert phases.began == 0 and len(set(learn.recorder.lrs)) > 2
assert len(means.means) == 8 and len(means.means[0]) == 2
means.remove()
