"Begins like every notebook of the course, and needs no more than the basics of it."
import tempfile
from fastai import *
from fastai.vision import *
from fastai.callbacks import *
from fastai.callbacks.hooks import *
from fastai.utils.mem import *

path = Path(tempfile.mkdtemp())
np.random.seed(42)

class ConvModel(nn.Module):
    def __init__(self, n:int, act:Optional[Callable]=None):
        super().__init__()
        self.conv, self.head = conv_layer(1, 4, stride=2), nn.Sequential(AdaptiveConcatPool2d(1), Flatten(), nn.Linear(8, n))
        self.act = ifnone(act, F.relu)
    def forward(self, x:Tensor)->Tensor: return self.head(self.act(self.conv(x)))

class StoreHook(HookCallback):
    def on_train_begin(self, **kwargs):
        super().on_train_begin(**kwargs)
        self.shapes:List[Tuple[int,...]] = []
    def hook(self, m:nn.Module, i:Collection[Tensor], o:Tensor): return o.shape
    def on_batch_end(self, train, **kwargs):
        if train: self.shapes.append(self.hooks.stored[0])

def get_bars(n:int)->Tuple[Tensor, Tensor]:
    x, y = torch.rand(n, 1, 8, 8) * .1, LongTensor(np.random.randint(0, 2, n))
    for i in range_of(x): x[i, 0, 4 * y[i]:4 * y[i] + 4] += 1
    return x, y

train_ds, valid_ds = TensorDataset(*get_bars(64)), TensorDataset(*get_bars(32))
data = DataBunch.create(train_ds, valid_ds, bs=16, num_workers=0, path=path)
model = ConvModel(2)
learn = Learner(data, model, loss_func=CrossEntropyFlat(), metrics=[accuracy, error_rate],
                callback_fns=[partial(CSVLogger, filename='log'), ShowGraph][:1])
hook = StoreHook(learn, modules=[model.conv])
learn.fit_one_cycle(3, slice(1e-2), callbacks=[hook, SaveModelCallback(learn, monitor='accuracy', name='best')])
assert hook.shapes == [torch.Size([16, 4, 4, 4])] * 12
df = pd.read_csv(path/'log.csv')
assert list(df.columns)[:4] == ['epoch', 'train_loss', 'valid_loss', 'accuracy'] and len(df) == 3
assert (path/'models').ls() == [path/'models'/'best.pth']
preds, y = learn.get_preds(ds_type=DatasetType.Valid)
assert float(accuracy(preds, y)) == max(df.accuracy)
losses = to_np(torch.stack(learn.recorder.losses))
assert isinstance(losses, np.ndarray) and math.isfinite(losses.mean())
interp = ClassificationInterpretation.from_learner(learn)
assert interp.confusion_matrix().sum() == 32
fig = learn.recorder.plot_losses(return_fig=True)
plt.close(fig)
learn.lr_find(num_it=20)
learn.recorder.plot(suggestion=True)
assert learn.recorder.min_grad_lr > 0
plt.close('all')
learn.destroy(); gc.collect()
