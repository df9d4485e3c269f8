"A model with several losses: loss_batch is replaced, and the parts of the loss go through the state of the handler."
import fastai.basic_train
from fastai.basic_train import Learner, LearnerCallback, CallbackHandler
from fastai.torch_core import *
from fastai.basic_data import *

class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 1), nn.Linear(3, 1)
    def forward(self, x, flag=None): return self.a(x), self.b(x)

class MultiLoss(nn.Module):
    def forward(self, outputs, *gt):
        parts = {f'loss_{i}': F.mse_loss(o, g) for i, (o, g) in enumerate(zip(outputs, gt))}
        self.losses = parts
        return sum(parts.values())

calls = []
def my_loss_batch(model, xb, yb, loss_func=None, opt=None, cb_handler=None):
    calls.append(opt is not None)
    cb_handler = ifnone(cb_handler, CallbackHandler())
    if not is_listy(xb): xb = [xb]
    if not is_listy(yb): yb = [yb]
    out = model(*xb)
    out = cb_handler.on_loss_begin(out)
    if not loss_func: return to_detach(out), to_detach(yb[0])
    loss = loss_func(out, *yb)
    cb_handler.state_dict['loss_dict'] = {k: v.item() for k, v in loss_func.losses.items()}
    if opt is not None:
        loss, skip_bwd = cb_handler.on_backward_begin(loss)
        if not skip_bwd: loss.backward()
        if not cb_handler.on_backward_end(): opt.step()
        if not cb_handler.on_step_end(): opt.zero_grad()
    return loss.detach().cpu()

class PartLosses(LearnerCallback):
    _order = -20
    def on_train_begin(self, **kwargs):
        self.learn.recorder.add_metric_names(['loss_0', 'loss_1'])
        self.parts = []
    def on_epoch_begin(self, **kwargs): self.sums, self.n = np.zeros(2), 0
    def on_batch_end(self, train, loss_dict, **kwargs):
        self.parts.append(loss_dict)
        if not train:
            self.sums += np.array([loss_dict['loss_0'], loss_dict['loss_1']])
            self.n += 1
    def on_epoch_end(self, last_metrics, loss_dict, **kwargs):
        assert set(loss_dict) == {'loss_0', 'loss_1'}
        return add_metrics(last_metrics, list(self.sums / self.n))

fastai.basic_train.loss_batch = my_loss_batch
from fastai.callback import add_metrics
torch.manual_seed(0)
xs = torch.randn(48, 3)
class Pairs(Dataset):
    def __init__(self, xs): self.xs, self.c = xs, 2
    def __len__(self): return len(self.xs)
    def __getitem__(self, i): return self.xs[i], (self.xs[i].sum()[None], self.xs[i].mean()[None])
data = DataBunch.create(Pairs(xs[:32]), Pairs(xs[32:]), bs=8, num_workers=0)
learn = Learner(data, TwoHeads(), loss_func=MultiLoss(), callback_fns=[PartLosses])
learn.fit(2, 1e-2)
assert calls == ([True] * 4 + [False] * 2) * 2
assert len(learn.part_losses.parts) == 12
for (a, b), val in zip(learn.recorder.metrics, learn.recorder.val_losses): assert abs(a + b - val) < 1e-5
