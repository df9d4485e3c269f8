"A logger that reads everything from its learner as if it were its own, and is found on the learner by its name."
import tempfile
from fastai.basics import *
from fastai.callbacks import CSVLogger, SaveModelCallback

class BigLogger(LearnerCallback):
    def on_train_begin(self, **kwargs):
        self.read = dict(path=self.path, model_dir=self.model_dir, bs=self.data.batch_size, loss=self.loss_func,
                         callbacks=list(self.callbacks), train_bn=self.train_bn, add_time=self.add_time,
                         opt_func=self.opt_func, n_train=len(self.data.train_ds))
        self.names = self.recorder.names
    def on_batch_end(self, train, **kwargs):
        if train: self.read['lr'] = self.opt.lr
    def on_epoch_end(self, **kwargs):
        self.read['losses'] = len(self.recorder.losses)
        self.read['model'] = self.model

class Watch(Callback): pass

xs = torch.randn(24, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0, path=tempfile.mkdtemp())
watch = Watch()
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, callback_fns=[BigLogger, CSVLogger], callbacks=[watch])
learn.fit(2, 1e-3)
read = learn.big_logger.read
assert read == dict(path=Path(data.path), model_dir='models', bs=8, loss=F.mse_loss, callbacks=[watch], train_bn=True,
                    add_time=True, opt_func=learn.opt_func, n_train=24, lr=1e-3, losses=6, model=learn.model)
assert learn.big_logger.names == ['epoch', 'train_loss', 'valid_loss', 'time']
assert isinstance(learn.recorder, Recorder) and isinstance(learn.csv_logger, CSVLogger)
assert learn.big_logger.learn is learn
assert list(learn.csv_logger.read_logged_file()['epoch']) == [0, 1]
try: learn.big_logger.not_there_at_all
except AttributeError as e: assert 'not_there_at_all' in str(e)
else: raise AssertionError('an unknown attribute is an error')
assert not hasattr(learn.big_logger, 'not_there_at_all')
