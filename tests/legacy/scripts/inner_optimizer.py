"Warms up with SGD and goes on with Adam: the torch optimizer inside the wrapper is exchanged while training."
from fastai.vision import *

class SwitchOptimizer(LearnerCallback):
    _order = -20
    def __init__(self, learn, at):
        super().__init__(learn)
        self.at, self.used = at, []
    def on_batch_begin(self, iteration, train, **kwargs):
        if train and iteration == self.at:
            self.opt.opt = torch.optim.Adam([{'params': g['params'], 'lr': g['lr']} for g in self.opt.opt.param_groups])
    def on_step_end(self, **kwargs):
        self.used.append(type(self.learn.opt.opt).__name__)

torch.manual_seed(0)
xs = torch.randn(64, 3); ys = xs.sum(1, keepdim=True)
data = DataBunch.create(TensorDataset(xs, ys), TensorDataset(xs, ys), bs=16, num_workers=0)
learn = Learner(data, nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), loss_func=F.mse_loss,
                opt_func=partial(optim.SGD, momentum=0.9), wd=0.)
switch = SwitchOptimizer(learn, 3)
learn.fit(2, 0.02, callbacks=[switch])
assert switch.used == ['SGD'] * 3 + ['Adam'] * 5
assert isinstance(learn.opt, OptimWrapper) and isinstance(learn.opt.opt, torch.optim.Adam)
assert len(learn.opt.opt.param_groups) == 2 and all(g['lr'] == 0.02 for g in learn.opt.opt.param_groups)
states = list(learn.opt.opt.state.values())
assert len(states) == 6 and all(int(s['step']) == 5 for s in states)
