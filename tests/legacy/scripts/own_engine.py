"Drives the engine by hand: own fit, own handler, own bars."
import fastai.basic_train
from fastai.basics import *
from fastai.basic_train import *
from fastai.basic_train import loss_batch, validate, get_preds, _loss_func2activ
from fastai.callback import CallbackHandler, AverageMetric

class Keeps(Callback):
    def on_train_begin(self, **kwargs): self.log = ['train_begin']
    def on_batch_end(self, train, last_output, **kwargs):
        if not hasattr(self, 'log'): self.log = []
        self.log.append(('batch', train))
    def on_epoch_end(self, last_metrics, **kwargs): self.last_metrics = last_metrics
    def on_train_end(self, exception=None, **kwargs): self.log.append(('train_end', exception))

def one_epoch(learn, pbar, cb_handler):
    for xb, yb in fastai.basic_train.progress_bar(learn.data.train_dl, parent=pbar):
        xb, yb = cb_handler.on_batch_begin(xb, yb)
        learn.model(xb)
        loss = loss_batch(learn.model, xb, yb, learn.loss_func, learn.opt, cb_handler)
        if cb_handler.on_batch_end(loss): break

def my_fit(epochs, learn, callbacks=None, metrics=None):
    "an own copy of the loop, with two forward passes"
    cb_handler = CallbackHandler(callbacks, metrics)
    pbar = fastai.basic_train.master_bar(range(epochs))
    cb_handler.on_train_begin(epochs, pbar=pbar, metrics=metrics)
    exception = False
    try:
        for epoch in pbar:
            learn.model.train()
            cb_handler.set_dl(learn.data.train_dl)
            cb_handler.on_epoch_begin()
            one_epoch(learn, pbar, cb_handler)
            if not cb_handler.skip_validate and not learn.data.empty_val:
                val_loss = validate(learn.model, learn.data.valid_dl, loss_func=learn.loss_func, cb_handler=cb_handler, pbar=pbar)
            else: val_loss = None
            if cb_handler.on_epoch_end(val_loss): break
    except Exception as e:
        exception = e
        raise
    finally: cb_handler.on_train_end(exception)

def mae(pred, targ): return (pred - targ).abs().mean()
torch.manual_seed(0)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=mae)

# validation with a handler of one's own
metric, keeps = AverageMetric(mae), Keeps()
handler = CallbackHandler([keeps], [metric])
handler.on_train_begin(1, pbar=None, metrics=[mae]); handler.on_epoch_begin()
val = validate(learn.model, data.valid_dl, F.mse_loss, handler)
handler.on_epoch_end(val)
assert handler.state_dict['last_metrics'][0] == val and keeps.last_metrics[1] == learn.validate()[1]
assert keeps.log == ['train_begin', ('batch', False), ('batch', False)]
handler.state_dict['epoch'] = 7
assert handler.state_dict['metrics'] == [mae]

# predictions with a handler
keeps = Keeps()
preds, targs = get_preds(learn.model, data.valid_dl, cb_handler=CallbackHandler([keeps]))
assert preds.shape == (16, 2) and keeps.log == [('batch', False)] * 2
out = get_preds(learn.model, data.valid_dl, activ=torch.sigmoid)[0]
assert torch.allclose(out, preds.sigmoid())
assert _loss_func2activ(nn.CrossEntropyLoss())(preds).sum(1).allclose(torch.ones(16))
assert validate(learn.model, data.valid_dl, F.mse_loss, average=False)[0].dim() == 0
assert abs(loss_batch(learn.model, xs[32:], xs[32:], F.mse_loss) - val) < 1e-6

# the copy of the loop, with bars of one's own put into the module
class Bar:
    made = []
    def __init__(self, gen, parent=None, **kwargs): self.gen = gen; Bar.made.append(parent)
    def __iter__(self): return iter(self.gen)
class Master(Bar):
    main_bar = child = None
    def __init__(self, gen, **kwargs): super().__init__(gen, None)
    def write(self, line, **kwargs): pass
old = fastai.basic_train.master_bar, fastai.basic_train.progress_bar
fastai.basic_train.master_bar, fastai.basic_train.progress_bar = Master, Bar
keeps = Keeps()
learn.create_opt(0.1, 0.)
my_fit(2, learn, [keeps], [mae])
assert keeps.log == ['train_begin'] + ([('batch', True)] * 4 + [('batch', False)] * 2) * 2 + [('train_end', False)]
assert len(Bar.made) == 1 + 2 * 2
learn.fit(1, 0.1)
assert len(Bar.made) == 5 + 3               # Learner.fit takes them from the module too
fastai.basic_train.master_bar, fastai.basic_train.progress_bar = old
assert keeps.last_metrics[0] < val
