"What can be done with the numbers: item(), float(), formats, isnan."
import tempfile
from fastai.basics import *
from fastai.metrics import *

class TextLog(LearnerCallback):
    _order = 50
    def on_train_begin(self, **kwargs):
        self.path = Path(tempfile.mkdtemp())/'log.txt'
        self.lines = []
    def on_batch_end(self, last_loss, train, **kwargs):
        assert not torch.isnan(last_loss) and np.isfinite(last_loss) and not last_loss.requires_grad
    def on_epoch_end(self, epoch, smooth_loss, last_metrics, **kwargs):
        mets = [t.item() for t in last_metrics[1:]]
        stats = [epoch, smooth_loss] + last_metrics
        line = [str(s) if isinstance(s, int) else f'{s:.6f}' for s in stats]
        self.lines.append(line)
        with self.path.open('a') as f: f.write(','.join(line) + '\n')
        assert smooth_loss.item() == self.learn.recorder.losses[-1].item()
        assert isinstance(smooth_loss.item(), float) and all(isinstance(m, float) for m in mets)
        assert float(last_metrics[0]) == float(f'{last_metrics[0]:.20f}')

torch.manual_seed(0)
xs = torch.randn(60, 4); ys = (xs.sum(1) > 0).long()
data = DataBunch.create(TensorDataset(xs[:40], ys[:40]), TensorDataset(xs[40:], ys[40:]), bs=10, num_workers=0)
learn = Learner(data, nn.Linear(4, 2), loss_func=CrossEntropyFlat(), metrics=[accuracy, error_rate], callback_fns=TextLog)
learn.fit(2, 0.1)
lines = learn.text_log.path.read_text().splitlines()
assert len(lines) == 2 and [l.split(',')[0] for l in lines] == ['0', '1']
acc, err = learn.recorder.metrics[-1]
assert isinstance(acc, Tensor) and abs(acc.item() + err.item() - 1) < 1e-6
assert len(learn.recorder.losses) == 8 and len(learn.recorder.lrs) == 8 and len(learn.recorder.moms) == 8
assert float(learn.recorder.val_losses[-1]) == learn.recorder.val_losses[-1]
assert str(learn.recorder.lrs[-1]) == '0.1'
losses = np.array([l.item() for l in learn.recorder.losses]); assert np.isfinite(losses).all()
pd_like = [[float(m) for m in mets] for mets in learn.recorder.metrics]; assert len(pd_like) == 2
loss, acc2, err2 = learn.validate()
assert float(acc2) == float(acc) and abs(loss - learn.recorder.val_losses[-1]) < 1e-6
