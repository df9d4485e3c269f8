"The wrapper around the optimizer: hyper-parameters, copies, subclasses, and tools that take it for torch's own."
from fastai.basics import *
from fastai.callback import OptimWrapper
from fastai.torch_core import split_model_idx, flatten_model, requires_grad

class Counting(OptimWrapper):
    steps = 0
    def step(self, *args, **kwargs):
        self.steps += 1
        return super().step(*args, **kwargs)

class CountingLearner(Learner):
    def create_opt(self, lr, wd=0.):
        self.opt = Counting.create(self.opt_func, lr, self.layer_groups, wd=wd, true_wd=self.true_wd, bn_wd=self.bn_wd)

def xm_optimizer_step(optimizer):
    "stands for a tool that knows only torch optimizers"
    grads = [p.grad for group in optimizer.param_groups for p in group['params'] if p.grad is not None]
    optimizer.step()
    return len(grads)

class ToolSteps(LearnerCallback):
    def on_train_begin(self, **kwargs): self.n = []
    def on_backward_end(self, **kwargs):
        self.n.append(xm_optimizer_step(self.learn.opt))
        return {'skip_step': True}

torch.manual_seed(0)
xs = torch.randn(32, 4)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4))
learn = CountingLearner(data, model, loss_func=F.mse_loss, wd=0.1)
learn.split(lambda m: (m[3],))
assert len(learn.layer_groups) == 2 and len(flatten_model(model)) == 4
assert [len(g) for g in split_model_idx(model, [1, 3])] == [1, 2, 1]
learn.fit(1, slice(1e-4, 1e-2))
opt = learn.opt
assert type(opt) is Counting and opt.steps == 4
assert opt.lr == 1e-2 and np.allclose([g['lr'] for g in opt.param_groups], [1e-4, 1e-4, 1e-2, 1e-2])
assert (opt.mom, opt.beta, opt.wd, opt.true_wd, opt.bn_wd) == (0.9, 0.99, 0.1, True, True)
assert np.allclose(opt.read_val('lr'), [1e-4, 1e-2]) and isinstance(opt.opt, torch.optim.Adam)
assert [p['weight_decay'] for p in opt.opt.param_groups] == [0, 0, 0, 0]
assert opt.no_such_thing is None
opt.lr, opt.mom, opt.beta, opt.wd = 3e-3, 0.8, 0.95, 0.
assert all(g['lr'] == 3e-3 and g['betas'] == (0.8, 0.95) for g in opt.opt.param_groups)
state = opt.state_dict()
opt.load_state_dict(state)

other = opt.new(learn.layer_groups)
assert (other.lr, other.mom, other.beta) == (3e-3, 0.8, 0.95) and other.opt is not opt.opt and not other.opt.state
made = OptimWrapper.create(optim.SGD, 1e-2, [model], wd=1e-2, true_wd=False, bn_wd=False)
assert made.lr == 1e-2 and [g['weight_decay'] for g in made.opt.param_groups] == [1e-2, 0]

tool = ToolSteps(learn)
learn.fit(1, 1e-3, callbacks=tool)
assert tool.n == [6] * 4 and learn.opt is opt and opt.steps == 8
assert 'lr' in opt.opt_keys and len(opt.param_groups) == 4

learn.freeze()
assert [p.requires_grad for p in model[0].parameters()] == [False, False] and not requires_grad(model[0])
learn.fit(1, 1e-3)
learn.unfreeze()
assert all(p.requires_grad for p in model.parameters())
learn.opt_func = optim.SGD
learn.create_opt(1e-2, 0.)
assert isinstance(learn.opt.opt, torch.optim.SGD) and learn.opt.lr == 1e-2
