"The script that ran on eight cards, on one machine without any."
from fastai.vision import *
from fastai.distributed import *
from fastai.distributed import OurDistributedSampler
from torch.nn.parallel import DataParallel

class DDPLike(nn.Module):
    def __init__(self, module, device_ids=None): super().__init__(); self.module = module
    def forward(self, *args): return self.module(*args)

class Distributed(LearnerCallback):
    "wraps model and loader the way the trainer of the library did"
    _order = -20
    def __init__(self, learn, rank=0, world=2):
        super().__init__(learn)
        self.rank, self.world = rank, world
    def on_train_begin(self, **kwargs):
        self.learn.model = DDPLike(self.learn.model)
        self.old_train_dl = self.data.train_dl
        self.sampler = OurDistributedSampler(self.data.train_dl.dataset, num_replicas=self.world, rank=self.rank, shuffle=True)
        self.data.train_dl = self.data.train_dl.new(shuffle=False, sampler=self.sampler)
        self.data.train_dl.add_tfm(self.count); self.batches = 0
    def count(self, b): self.batches += 1; return b
    def on_epoch_begin(self, epoch, **kwargs): self.sampler.set_epoch(epoch)
    def on_train_end(self, **kwargs):
        self.learn.model = self.learn.model.module
        self.learn.data.train_dl = self.old_train_dl
        self.learn.data.train_dl.remove_tfm(self.count)

class Net(nn.Sequential): pass

gpu = setup_distrib(None)
assert gpu is None and num_distrib() == 0
torch.manual_seed(0)
xs = torch.randn(64, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
learn = Learner(data, Net(nn.Linear(2, 2)), loss_func=F.mse_loss)
ddp = Distributed(learn)
learn.fit(2, 0.1, callbacks=[ddp])
assert ddp.batches == 2 * 4 and type(learn.model) is Net and learn.data.train_dl is ddp.old_train_dl
assert learn.recorder.nb_batches == [4, 4]
if num_distrib() > 1: learn = learn.to_distributed(gpu)
learn = learn.to_parallel() if torch.cuda.device_count() > 1 else learn
learn = learn.to_fp16().to_fp32()
learn.fit(1, 0.1)
