"Learners of one's own."
import tempfile
from fastai.basics import *

class EMALearner(Learner):
    "keeps a module of its own, made before the constructor of the base class runs"
    def __init__(self, data, model, decay=.5, **kwargs):
        self.ema = deepcopy(model)
        self.decay = decay
        super().__init__(data, model, **kwargs)
        self.callbacks.append(Updates(self))
        self.epochs_counter = 0
    def save(self, name, **kwargs):
        torch.save(self.ema.state_dict(), Path(self.path)/f'{name}_ema.pth')
        return super().save(name, **kwargs)
    def freeze_to(self, n):
        self.frozen_to = n
        super().freeze_to(n)
    def unfreeze(self):
        self.thawed = True
        super().unfreeze()

class Updates(LearnerCallback):
    def on_batch_end(self, train, **kwargs):
        if not train: return
        with torch.no_grad():
            for p, q in zip(self.learn.ema.parameters(), self.learn.model.parameters()):
                p.mul_(self.learn.decay).add_(q, alpha=1 - self.learn.decay)
    def on_epoch_end(self, **kwargs): self.learn.epochs_counter += 1

class LossAsMethod(Learner):
    def __init__(self, data, model, **kwargs): super().__init__(data, model, loss_func=self.loss_func, **kwargs)
    def loss_func(self, pred, targ): return F.l1_loss(pred, targ) * self.factor
    factor = 3.

class LossAsProperty(Learner):
    "the loss is asked of the model"
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exploration_method = 'greedy'
    @property
    def loss_func(self): return self.model.loss
    @loss_func.setter
    def loss_func(self, f): pass

class OwnOptimizer(Learner):
    def create_opt(self, lr, wd=0.):
        super().create_opt(lr, wd)
        self.opt_made = getattr(self, 'opt_made', 0) + 1
    def fit(self, epochs, lr=defaults.lr, wd=None, callbacks=None):
        self.called = epochs, lr
        super().fit(epochs, lr, wd, listify(callbacks))
    def export(self, file='export.pkl', destroy=False):
        self.exported = file
        super().export(file, destroy)

@dataclass
class WithFields(Learner):
    alpha:float=.1
    def __post_init__(self):
        super().__post_init__()
        self.twice = self.alpha * 2

class Net(nn.Sequential):
    def loss(self, pred, targ): return F.mse_loss(pred, targ)

torch.manual_seed(0)
xs = torch.randn(32, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0, path=tempfile.mkdtemp())
learn = EMALearner(data, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), loss_func=F.mse_loss)
learn.fit(2, 0.1)
assert learn.epochs_counter == 2 and not torch.equal(learn.ema[0].weight, learn.model[0].weight)
learn.save('m')
assert (learn.path/'m_ema.pth').exists() and (learn.path/'models'/'m.pth').exists()
learn.split([learn.model[1]])
learn.freeze()
assert learn.frozen_to == -1 and not any(p.requires_grad for p in learn.model[0].parameters())
learn.unfreeze()
assert learn.thawed and learn.frozen_to == 0 and all(p.requires_grad for p in learn.model.parameters())

learn = LossAsMethod(data, nn.Linear(2, 2))
learn.fit(1, 0.01)
with torch.no_grad(): assert abs(learn.validate()[0] - F.l1_loss(learn.model(xs), xs) * 3) < 1e-5

learn = LossAsProperty(data, Net(nn.Linear(2, 2)))
learn.fit(1, 0.01)
assert learn.exploration_method == 'greedy' and len(learn.recorder.val_losses) == 1

learn = OwnOptimizer(data, nn.Linear(2, 2), loss_func=F.mse_loss)
learn.fit_one_cycle(1, 0.01, callbacks=[Callback()])
assert learn.called == (1, 0.01) and learn.opt_made == 1

learn = WithFields(data, nn.Linear(2, 2), loss_func=F.mse_loss, alpha=.3)
learn.fit(1, 0.01)
assert learn.twice == .6 and isinstance(learn, Learner)
learn.inferring, learn.mu = True, 3
assert learn.inferring and learn.mu == 3
