"Experiment trackers patch the classes: what they wrap, they must find, with the arguments they expect."
import tempfile, functools
from fastai.basics import *
from fastai.basic_train import Recorder
from fastai.callback import CallbackHandler
from fastai.callbacks import SaveModelCallback, EarlyStoppingCallback, OneCycleScheduler
from fastai.callbacks.hooks import model_summary, layers_info

sent = []
def after(cls, name):
    def deco(f):
        old = getattr(cls, name)
        @functools.wraps(old)
        def _inner(*args, **kwargs):
            ret = old(*args, **kwargs)
            f(ret, *args, **kwargs)
            return ret
        setattr(cls, name, _inner)
        return f
    return deco

@after(Recorder, 'on_train_begin')
def _(ret, recorder, **kwargs): sent.append(('names', recorder.no_val, list(recorder.metrics_names), kwargs['n_epochs']))
@after(Recorder, 'on_backward_end')
def _(ret, recorder, **kwargs): sent.append(('grads', kwargs['iteration'], sum(p.grad is not None for p in recorder.learn.model.parameters())))
@after(Recorder, 'on_batch_end')
def _(ret, recorder, **kwargs): sent.append(('loss', kwargs['iteration'], float(kwargs['last_loss']), kwargs['train'], len(kwargs['last_input'])))
@after(Recorder, 'on_epoch_end')
def _(ret, recorder, **kwargs): sent.append(('epoch', kwargs['epoch'], [float(m) for m in kwargs['last_metrics']], float(kwargs['smooth_loss'])))
@after(CallbackHandler, 'on_epoch_begin')
def _(ret, *args, **kwargs): sent.append(('handler', args[0].state_dict['epoch']))
@after(CallbackHandler, 'on_epoch_end')
def _(ret, *args, **kwargs):
    names = ['val_loss'] + [getattr(f, '__name__', 'custom_metric') for f in args[0].state_dict['metrics']]
    sent.append(dict(zip(names, args[0].state_dict['last_metrics'])))
@after(Learner, '__init__')
def _(ret, *args, **kwargs): sent.append(('learner', args[1], args[2]))

old_fit = Learner.fit
def fit(self, *args, **kwargs):
    made = [cb(self) for cb in self.callback_fns] + (self.callbacks or [])
    passed = (list(args[3]) if len(args) > 3 else []) + list(kwargs.get('callbacks') or [])
    for cb in made + passed:
        if isinstance(cb, EarlyStoppingCallback): sent.append(('early', cb.monitor, cb.min_delta, cb.patience, cb.mode))
        if isinstance(cb, OneCycleScheduler):
            sent.append(('cycle', cb.lr_max, cb.div_factor, cb.pct_start, cb.final_div, cb.tot_epochs, cb.start_epoch, cb.moms))
    sent.append(('fit', self.opt_func.func.__name__, len(layers_info(self)), isinstance(model_summary(self), str)))
    return old_fit(self, *args, **kwargs)
Learner.fit = fit

def jump_to_epoch(self, epoch): sent.append(('jump', epoch))
SaveModelCallback.jump_to_epoch = jump_to_epoch

def mae(pred, targ): return (pred - targ).abs().mean()
def fit_twice(self, *args, **kwargs):
    for _ in range(2): self.fit(*args, **kwargs)
Learner.fit_twice = fit_twice

xs = torch.randn(24, 2)
data = DataBunch.create(TensorDataset(xs[:16], xs[:16]), TensorDataset(xs[16:], xs[16:]), bs=8, num_workers=0, path=tempfile.mkdtemp())
model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
learn = Learner(data, model, loss_func=F.mse_loss, metrics=[mae], callback_fns=[partial(EarlyStoppingCallback, monitor='mae', min_delta=.01, patience=3)])
assert sent == [('learner', data, model)], sent
sent.clear()
learn.unfreeze()                            # there is an optimizer from here on
learn.fit_one_cycle(1, 1e-2, moms=(0.95, 0.85), div_factor=25., pct_start=0.3)
kinds = [s[0] if isinstance(s, tuple) else 'metrics' for s in sent]
assert kinds == ['early', 'cycle', 'fit', 'names', 'handler', 'grads', 'loss', 'grads', 'loss', 'loss', 'epoch', 'metrics'], kinds
assert sent[0] == ('early', 'mae', .01, 3, 'auto')
assert sent[1] == ('cycle', 1e-2, 25., .3, 25. * 1e4, None, None, (.95, .85)), sent[1]
assert sent[2] == ('fit', 'Adam', 2, True), sent[2]
assert sent[3] == ('names', False, ['mae'], 1)
assert sent[5] == ('grads', 0, 4) and sent[6][0:2] == ('loss', 0) and sent[6][3:] == (True, 8)
assert sent[9][3] is False and sent[10][1] == 0 and len(sent[10][2]) == 2
assert set(sent[11]) == {'val_loss', 'mae'}

sent.clear()
saver = SaveModelCallback(learn, every='epoch', name='m')
learn.fit_one_cycle(3, 1e-2, start_epoch=2, callbacks=[saver])
assert ('jump', 2) in sent and sent.count(('handler', 2)) == 1
learn.fit_twice(1, 1e-3)
assert len(learn.recorder.losses) == 2
