"Callbacks whose constructors do not follow the rules, as found in the wild."
import tempfile, weakref
from fastai.basics import *

class NoSuper(LearnerCallback):
    "super().__init__ is never called"
    def __init__(self, learn, every=2):
        self.learn = learn
        self.every, self.at = every, []
    def on_batch_end(self, iteration, train, **kwargs):
        if train and iteration % self.every == 0: self.at.append((iteration, self.learn.opt.lr))

class LateLearner(LearnerCallback):
    "made before there is a learner"
    def __init__(self):
        super().__init__(None)
        self.lrs = []
    def on_batch_begin(self, train, **kwargs):
        if train: self.lrs.append(self.learn.opt.lr)

class Overwrites(LearnerCallback):
    "puts its own things over delegated names"
    def __init__(self, learn, path):
        super().__init__(learn)
        self.learn, self.opt, self.model = learn, 'mine', None
        self.path = Path(path)
    def on_epoch_end(self, epoch, **kwargs):
        (self.path/f'{epoch}.txt').write_text(f'{self.opt} {self.model}')

class OwnProperty(LearnerCallback):
    "has `learn` as a property of its own"
    def __init__(self, learn):
        self._learn = weakref.ref(learn)
        self.ok = []
    @property
    def learn(self): return self._learn()
    def on_epoch_end(self, **kwargs): self.ok.append(self.learn.model is model)

class PlainWithLearn(Callback):
    "a plain Callback that keeps the learner itself"
    def __init__(self, learn, opt): self.learn, self.opt, self.n = learn, opt, 0
    def on_step_end(self, **kwargs): self.n += self.learn.opt is not None

class Bare(Callback):
    "no constructor, attributes on the way"
    def on_epoch_begin(self, epoch, **kwargs): self.last = epoch

class WithWeakref(LearnerCallback):
    def on_train_begin(self, **kwargs): self.same = self._learn() is self.learn

xs = torch.randn(32, 2)
path = tempfile.mkdtemp()
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0, path=path)
model = nn.Linear(2, 2)
learn = Learner(data, model, loss_func=F.mse_loss)
late, bare, plain = LateLearner(), Bare(), PlainWithLearn(learn, None)
late.learn = learn
nosuper, own, over, weak = NoSuper(learn), OwnProperty(learn), Overwrites(learn, path), WithWeakref(learn)
learn.fit(2, 0.01, callbacks=[nosuper, late, over, own, plain, bare, weak])
assert nosuper.at == [(i, 0.01) for i in (0, 2, 4, 6)]
assert late.lrs == [0.01] * 8
assert (Path(path)/'1.txt').read_text() == 'mine None' and learn.model is model and learn.opt.lr == 0.01
assert own.ok == [True, True] and plain.n == 8 and bare.last == 1 and weak.same
