"Subclasses the TensorBoard writer, as scene text recognizers do."
import tempfile
from fastai.vision import *
from fastai.callbacks.tensorboard import LearnerTensorboardWriter

class MyWriter(LearnerTensorboardWriter):
    def __init__(self, learn, base_dir, name='run', **kwargs):
        super().__init__(learn, Path(base_dir), name, **kwargs)
        self.wrote = []
    def on_train_begin(self, **kwargs):
        super().on_train_begin(**kwargs)
        self.tbwriter.add_text('about', 'a net', 0)
    def on_batch_end(self, last_loss, iteration, train, **kwargs):
        super().on_batch_end(last_loss, iteration, train, **kwargs)
        if train: self.wrote.append(iteration)
    def on_epoch_end(self, last_metrics, iteration, **kwargs):
        super().on_epoch_end(last_metrics, iteration, **kwargs)

def mae(pred, targ): return (pred - targ).abs().mean()
where = Path(tempfile.mkdtemp())
xs = torch.randn(32, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, metrics=[mae], callback_fns=[partial(MyWriter, base_dir=where, loss_iters=2, hist_iters=2, stats_iters=2)])
learn.fit(2, 0.1)
assert learn.my_writer.wrote == list(range(8))
files = [p for p in where.rglob('*') if p.is_file()]
assert files and sum(p.stat().st_size for p in files) > 200
