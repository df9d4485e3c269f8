"Data without a DataBunch of the library's own making."
import tempfile
from fastai.basics import *

class Points(Dataset):
    "len, getitem, x, y and c are all a data set needs"
    def __init__(self, x, y): self.x, self.y, self.c = x, y, 3
    def __len__(self): return len(self.x)
    def __getitem__(self, i): return self.x[i], self.y[i]

class Curriculum(Points, Callback):
    "a data set that hears the events of the fit"
    def __init__(self, x, y):
        super().__init__(x, y)
        self.heard = []
    def on_epoch_begin(self, epoch, **kwargs): self.heard.append(('epoch', epoch))
    def on_batch_end(self, train, **kwargs): self.heard.append(train)
    def on_train_end(self, **kwargs): self.heard.append('end')

class MyData:
    "quacks like a DataBunch"
    def __init__(self, train_dl, valid_dl):
        self.train_dl, self.valid_dl, self.path, self.device = train_dl, valid_dl, Path(tempfile.mkdtemp()), torch.device('cpu')
        self.empty_val = False
    def __getattr__(self, k):
        if k in ('train_dl', 'valid_dl'): raise AttributeError(k)
        return getattr(self.train_dl.dataset, k)

class Every(torch.utils.data.Sampler):
    def __init__(self, n, step): self.n, self.step = n, step
    def __len__(self): return len(range(0, self.n, self.step))
    def __iter__(self): return iter(range(0, self.n, self.step))

class Resample(LearnerCallback):
    def on_train_begin(self, **kwargs):
        self.old = self.learn.data.train_dl
        self.learn.data.train_dl = self.old.new(shuffle=False, sampler=Every(len(self.old.dataset), 2))
    def on_batch_begin(self, train, last_input, **kwargs):
        if train: self.first = last_input[0]
    def on_train_end(self, **kwargs): self.learn.data.train_dl = self.old

torch.manual_seed(0)
xs = torch.randn(64, 4); ys = xs[:, :3].argmax(1)
data = DataBunch.create(Points(xs[:48], ys[:48]), Points(xs[48:], ys[48:]), bs=16, num_workers=0)
assert data.loss_func is F.nll_loss and data.c == 3 and data.batch_size == 16 and len(data.train_ds) == 48
learn = Learner(data, nn.Sequential(nn.Linear(4, data.c), nn.LogSoftmax(dim=1)), metrics=accuracy)
assert learn.loss_func is F.nll_loss
learn.fit(2, 0.05)
assert len(learn.recorder.metrics) == 2
x, y = data.one_batch()
assert x.shape == (16, 4) and y.shape == (16,)
assert learn.dl(DatasetType.Train) is data.train_dl and learn.dl(DatasetType.Valid) is data.valid_dl
assert learn.dl(DatasetType.Fix).dataset is data.train_ds

kw = data.train_dl.init_kwargs
assert kw['batch_size'] == 16
again = data.train_dl.new(batch_size=8, shuffle=False)
assert again.batch_size == 8 and len(again) == 6 and again.x is data.train_ds.x      # asked of the data set
again.batch_size = 4
assert len(again) == 12 and torch.equal(next(iter(again))[0], xs[:4])

sampled = Resample(learn)
learn.fit(1, 0.01, callbacks=sampled)
assert learn.recorder.nb_batches == [1]     # every other sample, and what is left of a batch is dropped
assert torch.equal(sampled.first, xs[0])
assert learn.data.train_dl is sampled.old

cur = Curriculum(xs[:48], ys[:48])
cdata = DataBunch.create(cur, Points(xs[48:], ys[48:]), bs=16, num_workers=0)
learn = Learner(cdata, nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(dim=1)))
learn.fit(2, 0.05)
assert cur.heard[:4] == [('epoch', 0), True, True, True] and ('epoch', 1) in cur.heard
assert False not in cur.heard               # validation is another data set

mine = MyData(DataLoader(Points(xs[:48], ys[:48]), 16), DataLoader(Points(xs[48:], ys[48:]), 16))
learn = Learner(mine, nn.Linear(4, mine.c), loss_func=F.cross_entropy, metrics=[accuracy])
learn.fit_one_cycle(2, 0.05)
learn.save('mine')
assert (mine.path/'models'/'mine.pth').exists() and learn.data.c == 3 and learn.path == mine.path
assert float(learn.validate()[1]) == float(learn.recorder.metrics[-1][0])

class MyBunch(DataBunch):
    "subclassed for a second validation set"
    @classmethod
    def twice(cls, ds, valid, **kwargs):
        res = cls.create(ds, valid, **kwargs)
        res.second = DeviceDataLoader.create(valid, bs=8, num_workers=0)
        return res
bunch = MyBunch.twice(Points(xs[:48], ys[:48]), Points(xs[48:], ys[48:]), bs=16, num_workers=0)
assert type(bunch) is MyBunch and len(bunch.second) == 2 and bunch.second.dataset is bunch.valid_ds
