"Everything that is done with progress bars."
import fastai.basic_train, fastai.core
from fastai.basics import *
from fastai.basic_train import Recorder
from fastai.callbacks import *

class Writes(LearnerCallback):
    def on_train_begin(self, pbar, **kwargs):
        self.pbar, self.graphs = pbar, 0
        setattr(pbar, 'clean_on_interrupt', True)
        pbar.write('begin')
    def on_epoch_end(self, epoch, pbar, **kwargs):
        pbar.write(f'epoch {epoch} is over')
        assert self.learn.recorder.pbar is pbar is self.pbar
    def on_train_end(self, pbar, **kwargs):
        pbar.write(['a', 'table', 'line'], table=True)

class Graph(LearnerCallback):
    def on_epoch_end(self, n_epochs, last_metrics, **kwargs):
        rec = self.learn.recorder
        iters = list(range(len(rec.losses)))
        val_iter = np.array(rec.nb_batches).cumsum() if rec.nb_batches else []
        x_bounds, y_bounds = (0, (n_epochs - len(rec.nb_batches)) * (rec.nb_batches or [1])[-1] + len(rec.losses)), (0, 9.)
        rec.pbar.update_graph([(iters, rec.losses), (val_iter, rec.val_losses)], x_bounds, y_bounds)

xs = torch.randn(32, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)

def table(learn, *args, **kwargs):
    "what a fit prints"
    import contextlib, io
    out = io.StringIO()
    with contextlib.redirect_stdout(out): learn.fit(*args, **kwargs)
    return [line.split() for line in out.getvalue().splitlines() if line.strip()]

learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)
lines = table(learn, 2, 0.01, callbacks=[Writes(learn), Graph(learn)])
flat = [' '.join(line) for line in lines]
assert lines[0] == ['epoch', 'train_loss', 'valid_loss', 'time'] and flat[1] == 'begin'
assert 'epoch 0 is over' in flat and 'epoch 1 is over' in flat and flat[-1] == 'a table line'
rows = [line for line in lines if line[0] in ('0', '1') and len(line) == 4]
assert [float(r[2]) for r in rows] == [round(float(v), 6) for v in learn.recorder.val_losses]

# silenced, in the ways there are
quiet = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, silent=True)
assert table(quiet, 1, 0.01) == []
class Hush(LearnerCallback):
    _order = -20
    def on_train_begin(self, **kwargs): self.learn.recorder.silent = True
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, callback_fns=Hush)
assert table(learn, 1, 0.01) == []
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)
assert learn.callback_fns[0].func is Recorder
learn.callback_fns[0] = partial(Recorder, silent=True)
assert table(learn, 1, 0.01) == [] and len(learn.recorder.losses) == 4
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, add_time=False)
assert table(learn, 1, 0.01)[0] == ['epoch', 'train_loss', 'valid_loss']

# bars of one's own, and none
seen = []
old = fastai.basic_train.progress_bar
def counting(gen, *args, **kwargs):
    for o in gen:
        seen.append(len(o[0]))
        yield o
fastai.basic_train.progress_bar = counting
learn.fit(1, 0.01)
fastai.basic_train.progress_bar = old
assert seen == [8] * 8
for o in progress_bar(range(3)): pass
mb = master_bar(range(2))
for i in mb:
    for j in progress_bar(range(2), parent=mb): mb.child.comment = f'{j}'
    mb.write(f'Finished {i}.')
