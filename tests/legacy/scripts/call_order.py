"_order says who comes first."
from fastai.basics import *

log = []
class Says(Callback):
    def __init__(self, name): self.name = name
    def on_epoch_end(self, **kwargs): log.append(self.name)
class First(Says): _order = -30
class BeforeRecorder(Says): _order = -20
class Nineteen(Says): _order = -19
class JustBefore(Says): _order = -11
class Last(Says): _order = 10000
class ByInstance(Says):
    def __init__(self, name, order):
        super().__init__(name)
        self._order = order
class Mistake(Says):
    def on_train_begin(self, **kwargs): _order = -1000       # has no effect
class Fn(LearnerCallback):
    def on_epoch_end(self, **kwargs): log.append('fn')
class SeesRecorder(Callback):
    def __init__(self, name, order): self.name, self._order = name, order
    def on_epoch_end(self, **kwargs): log.append((self.name, len(learn.recorder.val_losses)))

xs = torch.randn(16, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
kept = [Says('kept 1'), Last('last'), Says('kept 2'), ByInstance('999', 999), First('first')]
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, callbacks=kept, callback_fns=Fn)
learn.fit(1, 0.01, callbacks=[Mistake('mistake'), ByInstance('50', 50), JustBefore('-11'), Nineteen('-19'), BeforeRecorder('-20'),
                              ByInstance('9999', 9999), SeesRecorder('before', -10.5), SeesRecorder('after', -9)])
assert log == ['first', '-20', '-19', '-11', ('before', 0), ('after', 1), 'kept 1', 'kept 2', 'fn', 'mistake', '50', '999', '9999', 'last'], log
