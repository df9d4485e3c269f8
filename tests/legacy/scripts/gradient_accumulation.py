"Steps every n batches, by hand and through the flags; four small batches are one big one."
from fastai.vision import *

class AccumulateStep(LearnerCallback):
    def __init__(self, learn, n_step=2):
        super().__init__(learn)
        self.n_step, self.real_steps = n_step, 0
    def on_epoch_begin(self, **kwargs): self.acc_batches = 0
    def on_batch_begin(self, train, **kwargs):
        if train: self.acc_batches += 1
    def on_backward_end(self, **kwargs):
        if self.acc_batches % self.n_step == 0:
            for p in self.learn.model.parameters():
                if p.requires_grad: p.grad.div_(self.n_step)
            self.real_steps += 1
        else: return {'skip_step': True, 'skip_zero': True}

class OwnStep(LearnerCallback):
    "the older way: no step by the loop at all"
    def __init__(self, learn, n_step): super().__init__(learn); self.n_step = n_step
    def on_backward_begin(self, last_loss, **kwargs):
        (last_loss / self.n_step).backward()
        return {'skip_bwd': True}
    def on_backward_end(self, num_batch, **kwargs):
        if (num_batch + 1) % self.n_step == 0:
            self.learn.opt.step()
            self.learn.opt.zero_grad()
        return {'skip_step': True}
    def on_step_end(self, **kwargs): return {'skip_zero': True}

def train(bs, fn=None):
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    train_dl = DataLoader(TensorDataset(xs, ys), batch_size=bs)
    data = DataBunch(train_dl, DataLoader(TensorDataset(xs, ys), batch_size=16))
    learn = Learner(data, model, opt_func=optim.SGD, loss_func=F.mse_loss, callback_fns=fn)
    learn.fit(3, 0.05)
    return learn

torch.manual_seed(2)
xs = torch.randn(32, 3); ys = xs @ torch.randn(3, 1)
big = train(16)
small = train(4, partial(AccumulateStep, n_step=4))
own = train(4, partial(OwnStep, n_step=4))
assert small.accumulate_step.real_steps == 6
for learn in small, own:
    for p, q in zip(big.model.parameters(), learn.model.parameters()): assert torch.allclose(p, q, atol=1e-6), (p, q)
