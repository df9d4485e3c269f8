"Metaclasses, abstract properties, decorators: callbacks are ordinary classes."
from fastai.basics import *
import abc, functools

class SafeType(type):
    "every method swallows its own errors"
    def __new__(cls, name, bases, dct):
        for k, v in list(dct.items()):
            if callable(v) and k.startswith('on_'): dct[k] = cls.safe(v)
        return super().__new__(cls, name, bases, dct)
    @staticmethod
    def safe(f):
        @functools.wraps(f)
        def _inner(self, *args, **kwargs):
            try: return f(self, *args, **kwargs)
            except ZeroDivisionError as e: self.errors.append(f.__name__)
        return _inner

class Fragile(LearnerCallback, metaclass=SafeType):
    def __init__(self, learn):
        super().__init__(learn)
        self.errors = []
    def on_epoch_end(self, epoch, **kwargs): 1 / 0
    def on_batch_begin(self, train, num_batch, **kwargs):
        if train and num_batch == 0: 1 / (num_batch)

class NamedMetric(LearnerCallback, abc.ABC):
    _order = -20
    @property
    @abc.abstractmethod
    def name(self): ...
    def on_train_begin(self, **kwargs): self.learn.recorder.add_metric_names([self.name])
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, self.compute())
    @abc.abstractmethod
    def compute(self): ...

class WeightNorm(NamedMetric):
    @property
    def name(self): return 'weight_norm'
    def compute(self): return sum(p.norm() for p in self.learn.model.parameters()).item()

def retry(times):
    def deco(f):
        @functools.wraps(f)
        def _inner(self, **kwargs):
            for _ in range(times):
                try: return f(self, **kwargs)
                except IOError: pass
        return _inner
    return deco

class Sends(Callback):
    def __init__(self): self.tries = 0
    @retry(3)
    def on_epoch_end(self, **kwargs):
        self.tries += 1
        if self.tries % 3: raise IOError('no connection')

def only_training(cls):
    old = cls.on_batch_end
    def on_batch_end(self, train, **kwargs):
        if train: return old(self, train=train, **kwargs)
    cls.on_batch_end = on_batch_end
    return cls

@only_training
class Count(Callback):
    n = 0
    def on_batch_end(self, **kwargs): self.n += 1

assert len({Count, Count}) == 1
try: NamedMetric(None)
except TypeError: pass
else: raise AssertionError('abstract')

xs = torch.randn(32, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=16, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, callback_fns=WeightNorm)
count, sends = Count(), Sends()
fragile = Fragile(learn)
learn.callbacks = list(set([count, sends, fragile, count]))
assert len(learn.callbacks) == 3
learn.fit(2, 0.01)
assert fragile.errors == ['on_batch_begin', 'on_epoch_end'] * 2
assert sends.tries == 6 and count.n == 4
assert learn.recorder.names[-2] == 'weight_norm' and learn.recorder.metrics[0][0] > 0
