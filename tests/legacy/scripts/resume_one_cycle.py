"A cycle is broken off after two of four epochs and goes on another day."
import tempfile
from fastai.vision import *
from fastai.callbacks import *

class SaveAll(SaveModelCallback):
    "keeps its own names and reads its own files when it goes on"
    def __init__(self, learn, name):
        super().__init__(learn, every='epoch', name=name)
        self.jumped = None
    def jump_to_epoch(self, epoch):
        self.jumped = epoch
        self.learn.load(f'{self.name}_{epoch-1}', purge=False)

class Break(LearnerCallback):
    def __init__(self, learn, at): super().__init__(learn); self.at = at
    def on_epoch_end(self, epoch, **kwargs): return {'stop_training': epoch == self.at}

class Seen(LearnerCallback):
    def on_train_begin(self, epoch, n_epochs, **kwargs): self.begin, self.epochs = (epoch, n_epochs), []
    def on_epoch_begin(self, epoch, **kwargs): self.epochs.append(epoch)

path = tempfile.mkdtemp()
torch.manual_seed(0)
xs = torch.randn(32, 2)
def learner():
    torch.manual_seed(1)
    data = DataBunch(DataLoader(TensorDataset(xs, xs), 8), DataLoader(TensorDataset(xs, xs), 8), path=path)
    return Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, callback_fns=[partial(SaveAll, name='day')])

whole = learner()
whole.fit_one_cycle(4, 1e-2)
first = learner()
first.fit_one_cycle(4, 1e-2, callbacks=[Break(first, 1)])
assert len(first.recorder.val_losses) == 2
second = learner()
seen = Seen(second)
second.fit_one_cycle(4, 1e-2, start_epoch=2, callbacks=[seen])
assert second.save_all.jumped == 2 and seen.epochs == [2, 3] and seen.begin[1] == 4
assert np.allclose(first.recorder.lrs + second.recorder.lrs, whole.recorder.lrs)
assert np.allclose(first.recorder.moms + second.recorder.moms, whole.recorder.moms)
for p, q in zip(whole.model.parameters(), second.model.parameters()): assert torch.allclose(p, q, atol=1e-6)
assert sorted(f.name for f in (Path(path)/'models').iterdir()) == [f'day_{i}.pth' for i in range(4)]

# the days split by hand, with the length of the whole cycle
third = learner()
third.fit_one_cycle(2, 1e-2, tot_epochs=4)
assert np.allclose(third.recorder.lrs, whole.recorder.lrs[:8])
