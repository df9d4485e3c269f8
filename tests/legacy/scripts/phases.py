"Schedules in phases, and by hand."
from fastai.basics import *
from fastai.callback import annealing_linear, annealing_cos, annealing_exp, annealing_no
from fastai.callbacks.general_sched import GeneralScheduler, TrainingPhase

class Flat(GeneralScheduler):
    "cosine after a flat start, made when the length is known"
    def __init__(self, learn, lr, flat=.5):
        self.lr, self.flat = lr, flat
        super().__init__(learn, [])
    def on_train_begin(self, n_epochs, epoch, **kwargs):
        n = len(self.learn.data.train_dl) * n_epochs
        self.phases = [TrainingPhase(int(n * self.flat)).schedule_hp('lr', self.lr),
                       TrainingPhase(n - int(n * self.flat)).schedule_hp('lr', (self.lr, 0.), anneal=annealing_cos)]
        return super().on_train_begin(epoch=epoch, **kwargs)

class ByHand(LearnerCallback):
    def on_epoch_begin(self, epoch, **kwargs):
        if epoch: self.learn.opt.lr *= 0.5
    def on_batch_end(self, iteration, train, **kwargs):
        if train: self.read = self.opt.lr, self.opt.mom, self.opt.wd, self.opt.beta

def close(a, b): return np.allclose(np.array(a, dtype=float), np.array(b, dtype=float), rtol=1e-5, atol=1e-9)

xs = torch.randn(32, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
def fresh(): return Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)

assert close([annealing_linear(0, 10, .3), annealing_exp(1, 100, .5), annealing_cos(1, 0, .5), annealing_no(3, 9, .7)], [3, 10, .5, 3])

learn = fresh()
phases = [TrainingPhase(4).schedule_hp('lr', (1e-3, 1e-2), anneal=annealing_linear).schedule_hp('mom', (.95, .85)),
          TrainingPhase(4).schedule_hp('lr', (1e-2, 1e-4), anneal=annealing_exp).schedule_hp('mom', .9)]
learn.fit(2, callbacks=[GeneralScheduler(learn, phases)])
lrs, moms = learn.recorder.lrs, learn.recorder.moms
assert close(lrs[:4], [1e-3, 3.25e-3, 5.5e-3, 7.75e-3]), lrs
assert close(lrs[4], 1e-2)                  # the first batch of a phase still has the end of the one before
assert close(lrs[5:], [1e-2 * (1e-2) ** (i / 4) for i in (1, 2, 3)]), lrs
assert close(moms[:5], [.95, .925, .9, .875, .85]) and close(moms[5:], [.9] * 3), moms

learn = fresh()
learn.fit(2, callbacks=Flat(learn, 0.1))
assert close(learn.recorder.lrs[:5], [0.1] * 5) and learn.recorder.lrs[-1] < 0.03

learn = fresh()
hand = ByHand(learn)
learn.fit(3, lr=0.4, wd=0.1, callbacks=[hand])
assert close(learn.recorder.lrs, [0.4] * 4 + [0.2] * 4 + [0.1] * 4)
assert hand.read == (0.1, 0.9, 0.1, 0.99)

try: TrainingPhase(length=4, lrs=(1e-3, 1e-2), moms=.9, lr_anneal=annealing_cos)
except TypeError: pass                       # the signature before 1.0.49
else: raise AssertionError('lrs= is gone')
