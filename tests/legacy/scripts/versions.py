"Code that was written for some version, and what later versions made of it."
import tempfile
from fastai import *                        # empty since 1.0.38; harmless
from fastai.basics import *
from fastai.callbacks import *

# 1.0.39: a callback does not keep its learner alive
class Holds(LearnerCallback): pass
def learner(**kwargs):
    xs = torch.randn(32, 2)
    data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0, path=tempfile.mkdtemp())
    return Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, **kwargs)
learn = learner()
holds = Holds(learn)
learn.fit(1, 1e-2, callbacks=[holds])
del learn; gc.collect()
assert holds.learn is None

# 1.0.40: LearnerCallback is no dataclass any more, super().__init__ is
class Modern(LearnerCallback):
    def __init__(self, learn, power:float=2.): super().__init__(learn); self.power = power
assert Modern(learner(), 3.).power == 3.

# 1.0.43: start_epoch, load(purge=)
learn = learner()
learn.fit_one_cycle(2, 1e-2); learn.save('a')
learn.load('a', purge=False)
learn.fit_one_cycle(3, 1e-2, start_epoch=2)
assert len(learn.recorder.val_losses) == 1

# 1.0.47: events return dicts; `return True` was how one stopped before
class Stops(Callback):
    def on_epoch_end(self, epoch, **kwargs): return {'stop_training': epoch == 1}
learn.fit(5, 1e-2, callbacks=[Stops()])
assert len(learn.recorder.val_losses) == 2
class StoppedBefore47(Callback):
    def on_epoch_end(self, epoch, **kwargs): return epoch == 1
import warnings
with warnings.catch_warnings(record=True):
    warnings.simplefilter('always')
    try: learn.fit(5, 1e-2, callbacks=[StoppedBefore47()])
    except AttributeError: pass             # that is what the last versions did
assert len(learn.recorder.val_losses) in (1, 2)
assert hasattr(learn.recorder, 'add_metric_names') and not hasattr(Recorder, 'add_metrics')

# 1.0.48: skip_bwd
class NoBackward(Callback):
    def on_backward_begin(self, **kwargs): return {'skip_bwd': True}
before = learn.model.weight.clone()
learn.opt.clear()
learn.fit(1, 1e-2, wd=0., callbacks=[NoBackward()])
assert torch.equal(before, learn.model.weight)

# 1.0.49: schedule_hp
assert TrainingPhase(3).schedule_hp('lr', (0., 1.)).scheds['lr'].n_iter == 3

# 1.0.56: predictions run the callbacks of callback_fns
class Doubles(LearnerCallback):
    def on_loss_begin(self, last_output, **kwargs): return {'last_output': last_output * 2}
one = learner(); preds = one.get_preds()[0]
one.callback_fns.append(Doubles)
assert torch.allclose(one.get_preds()[0], preds * 2)

# 1.0.58: fastai.callbacks has an __all__
assert 'SaveModelCallback' in globals() and 'EarlyStoppingCallback' in globals()
