"Starts on short sequences and changes to long ones in the middle of a fit, by putting other data on the learner."
from fastai.basics import *
from fastai.callbacks import *

class GrowingData(LearnerCallback):
    def __init__(self, learn, stages):
        super().__init__(learn)
        self.stages = stages
    def on_epoch_begin(self, epoch, **kwargs):
        if epoch in self.stages:
            self.learn.data = self.stages[epoch]

class BackAtTheEnd(LearnerCallback):
    def on_epoch_end(self, epoch, **kwargs):
        if epoch == 1: self.learn.data = self.other

class Shapes(Callback):
    def __init__(self): self.shapes = []
    def on_batch_begin(self, last_input, train, **kwargs):
        self.shapes.append((tuple(last_input.shape), train))

class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(1, 1)
    def forward(self, x): return self.lin(x.mean(1, keepdim=True))

def make(length, bs):
    x = torch.randn(32, length)
    ds = TensorDataset(x, x.mean(1, keepdim=True))
    return DataBunch.create(ds, ds, bs=bs, num_workers=0)

torch.manual_seed(1)
small, big = make(4, 16), make(8, 8)
learn = Learner(small, Mean(), loss_func=MSELossFlat())
shapes = Shapes()
learn.fit(3, 1e-2, callbacks=[GrowingData(learn, {1: big}), shapes])
assert learn.data is big
assert [s for s, train in shapes.shapes if train] == [(16, 4)] * 2 + [(8, 8)] * 8
assert [s for s, train in shapes.shapes if not train] == [(16, 4)] * 2 + [(8, 8)] * 8
assert learn.recorder.nb_batches == [2, 4, 4]

back = BackAtTheEnd(learn); back.other = small
learn.fit(3, 1e-2, callbacks=[back])
assert learn.data is small and learn.recorder.nb_batches == [4, 4, 2]
