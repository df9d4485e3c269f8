"Trains on several devices: the model is wrapped while a fit lasts, and saved unwrapped."
from fastai.vision import *
from fastai.basic_train import LearnerCallback

class Wrapped(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module, self.calls = module, 0
    def forward(self, *xb):
        self.calls += 1
        return self.module(*xb)

class ParallelTrainer(LearnerCallback):
    _order = -20
    def on_train_begin(self, **kwargs):
        self.inner = self.learn.model
        self.learn.model = Wrapped(self.learn.model)
    def on_train_end(self, **kwargs):
        self.calls = self.learn.model.calls
        self.learn.model = self.learn.model.module

class EveryOther(LearnerCallback):
    "Every other batch goes through a plain function instead of the model."
    def on_train_begin(self, **kwargs): self.through = []
    def on_batch_begin(self, train, num_batch, last_input, **kwargs):
        self.keep = self.learn.model
        if train and num_batch % 2:
            self.learn.model = lambda xb: self.through.append(num_batch) or self.keep(xb)
    def on_batch_end(self, **kwargs):
        self.learn.model = self.keep

def _learner_parallel(learn):
    learn.callback_fns.append(ParallelTrainer)
    return learn
Learner.to_many = _learner_parallel

torch.manual_seed(7)
xs, w = torch.randn(96, 5), torch.randn(5, 1)
train, valid = TensorDataset(xs[:64], xs[:64] @ w), TensorDataset(xs[64:], xs[64:] @ w)
data = DataBunch.create(train, valid, bs=16, num_workers=0)
model = nn.Linear(5, 1)
learn = Learner(data, model, loss_func=F.mse_loss).to_many()
learn.fit(2, 0.1)
assert learn.model is model
assert learn.parallel_trainer.inner is model
assert learn.parallel_trainer.calls == 2 * (4 + 2)          # validation goes through the wrapper too
assert sorted(model.state_dict()) == ['bias', 'weight']

halves = EveryOther(learn)
learn.fit(1, 0.1, callbacks=[halves])
assert halves.through == [1, 3] and learn.model is model
assert learn.recorder.val_losses[-1] < 5
