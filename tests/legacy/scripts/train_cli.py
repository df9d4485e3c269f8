"The training script of a repository: arguments, folders, an exit code."
import argparse, sys, os
from fastai.script import *
from fastai.basics import *
from fastai.callbacks import *
from fastai.distributed import *

torch.backends.cudnn.benchmark = True

class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(4, hidden), nn.Linear(hidden, 2)
    def forward(self, x): return self.lin2(F.relu(self.lin1(x)))

@call_parse
def main(gpu:Param("GPU to run on", str)=None,
         lr:Param("learning rate", float)=1e-2,
         epochs:Param("epochs", int)=1,
         hidden:Param("width of the layer", int)=8,
         out:Param("folder to write to", str)='.',
         fail:Param("fail at the end", int)=0):
    "Train a small net."
    gpu = setup_distrib(gpu)
    assert num_distrib() == 0 and rank_distrib() == 0
    torch.manual_seed(0)
    xs = torch.randn(64, 4); ys = (xs.sum(1) > 0).long()
    data = DataBunch.create(TensorDataset(xs[:48], ys[:48]), TensorDataset(xs[48:], ys[48:]), bs=16, num_workers=0, path=out)
    learn = Learner(data, Net(hidden), loss_func=CrossEntropyFlat(), metrics=accuracy, path=out,
                    callback_fns=[partial(SaveModelCallback, every='epoch', name='net'), CSVLogger])
    learn.fit_one_cycle(epochs, lr)
    if rank_distrib() == 0: print(f'DONE {__name__} {os.path.basename(sys.argv[0])} {epochs} {hidden} {lr}')
    if fail: sys.exit(fail)
