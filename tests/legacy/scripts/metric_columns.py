"All the ways to put a number into the table."
from fastai.basics import *
from fastai.callback import *

class Adds(LearnerCallback):
    _order = -20
    def __init__(self, learn, names, value, early=False):
        super().__init__(learn)
        self.names, self.value, self.early = names, value, early
        if early: self.learn.recorder.add_metric_names(names)
    def on_train_begin(self, **kwargs):
        if not self.early: self.learn.recorder.add_metric_names(self.names)
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, self.value)

class ByHand(LearnerCallback):
    _order = -19
    def on_train_begin(self, **kwargs):
        if not hasattr(self.learn.recorder, '_added_met_names'): self.learn.recorder._added_met_names = []
        self.learn.recorder._added_met_names.append('by_hand')
    def on_epoch_end(self, last_metrics, **kwargs): return {'last_metrics': last_metrics + [42]}

class DropsTheFirst(LearnerCallback):
    _order = -11
    def on_epoch_end(self, last_metrics, **kwargs): del last_metrics[1]

class NamedByAttribute(Callback):
    def __init__(self): self.name = 'my_name'
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, 1.5)
class NamedByProperty(Callback):
    @property
    def name(self): return 'my_property'
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, 2)
class NamedBySnake(Callback):
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, np.float64(3.))
def plain_function(pred, targ): return (pred - targ).abs().mean()
def scaled(pred, targ, by): return (pred - targ).abs().mean() * by

assert add_metrics([1], 2) == {'last_metrics': [1, 2]}
assert add_metrics([1], [2, 3]) == {'last_metrics': [1, 2, 3]}
assert add_metrics([1], None) == {'last_metrics': [1]}
assert add_metrics([1], [None]) == {'last_metrics': [1, None]}
assert add_metrics(None, [1]) == {'last_metrics': [1]}

xs = torch.randn(24, 2)
data = DataBunch.create(TensorDataset(xs[:16], xs[:16]), TensorDataset(xs[16:], xs[16:]), bs=8, num_workers=0)
metrics = [plain_function, NamedByAttribute(), NamedByProperty(), NamedBySnake(), partial(scaled, by=2.)]
cbs = [partial(Adds, names=['a_float'], value=.25), partial(Adds, names=['numpy'], value=np.float32(.5), early=True),
       partial(Adds, names=['tensor'], value=tensor(.75)), partial(Adds, names=['none'], value=[None]),
       partial(Adds, names=['nothing_at_all'][:0], value=None),
       partial(Adds, names=['two', 'more'], value=[1, tensor(2)]), ByHand]
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=metrics, callback_fns=cbs)
assert [getattr(o, '__name__', None) or getattr(o, 'name', None) for o in learn.metrics] == ['plain_function', 'my_name', 'my_property', None, None]
learn.fit(2, 0.01)
rec = learn.recorder
assert rec.names[3:8] == ['plain_function', 'my_name', 'my_property', 'named_by_snake', 'scaled'], rec.names
assert sorted(rec.names[8:-1]) == sorted(['numpy', 'a_float', 'tensor', 'none', 'two', 'more', 'by_hand']), rec.names
assert rec.metrics_names == rec.names[3:-1]
row = rec.metrics[-1]
assert len(row) == 12 and row[1:4] == [1.5, 2, 3.]
assert row[5:8] == [.25, .5, tensor(.75)] and row[8] is None and row[9:] == [1, tensor(2), 42]
assert abs(row[0] * 2 - row[4]) < 1e-6

learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=metrics, callback_fns=[DropsTheFirst])
learn.fit(1, 0.01)
assert learn.recorder.metrics[-1][0] == 1.5
