"`@dataclass` was the style of the day."
from fastai.basics import *
from fastai.callback import Callback

@dataclass
class Accumulate(Callback):
    learn:Learner
    every:int=2
    def __post_init__(self): self.steps, self.made = [], True
    def on_batch_end(self, iteration, train, **kwargs):
        if train and (iteration + 1) % self.every == 0: self.steps.append(iteration)

@dataclass
class MeanAbs(Callback):
    "a metric"
    scale:float=1.
    name:str='mean_abs'
    def on_epoch_begin(self, **kwargs): self.total, self.n = 0., 0
    def on_batch_end(self, last_output, last_target, **kwargs):
        self.total += (last_output - last_target).abs().sum().item() * self.scale
        self.n += last_target.numel()
    def on_epoch_end(self, last_metrics, **kwargs): return {'last_metrics': last_metrics + [self.total / self.n]}

@dataclass
class Best(TrackerCallback):
    "on the last v1 a tracker has a constructor of its own; fields stay defaults of the class"
    learn:Learner
    patience:int=3
    def __init__(self, learn, patience=3):
        super().__init__(learn, monitor='valid_loss')
        self.patience = patience
    def on_epoch_end(self, epoch, **kwargs):
        value = self.get_monitor_value()
        if self.operator(value, self.best): self.best, self.at = value, epoch

torch.manual_seed(0)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=[MeanAbs(), MeanAbs(2., 'twice')])
acc, best = Accumulate(learn, every=3), Best(learn, 5)
learn.fit(3, 0.05, callbacks=[acc, best])
assert acc.made and acc.steps == [2, 5, 8, 11]
assert acc == acc and Accumulate(learn, 3).every == 3
assert learn.recorder.names == ['epoch', 'train_loss', 'valid_loss', 'mean_abs', 'twice', 'time']
for one, two in learn.recorder.metrics: assert abs(2 * one - two) < 1e-6
assert best.best == min(learn.recorder.val_losses) and best.patience == 5 and best.at in (0, 1, 2)
