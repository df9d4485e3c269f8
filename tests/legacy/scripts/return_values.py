"What a callback may return, and what comes of it."
from fastai.basics import *

class Count(Callback):
    _order = 1000
    def on_train_begin(self, **kwargs): self.steps, self.trained, self.validated, self.epochs, self.iters = 0, 0, 0, 0, []
    def on_backward_end(self, iteration, **kwargs): self.iters.append(iteration)
    def on_batch_end(self, train, **kwargs):
        if train: self.trained += 1
        else: self.validated += 1
    def on_epoch_end(self, **kwargs): self.epochs += 1

class Returns(Callback):
    def __init__(self, event, result, when=None):
        self.result, self.when = result, when
        setattr(self, 'on_' + event, self.answer)
    def answer(self, **kwargs):
        if self.when is None or self.when(kwargs): return self.result

torch.manual_seed(0)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)

def run(*callbacks, epochs=2, **kwargs):
    torch.manual_seed(1)
    learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss, opt_func=optim.SGD, wd=0.)
    count = Count()
    start = learn.model.weight.detach().clone()
    learn.fit(epochs, 0.1, callbacks=[*callbacks, count], **kwargs)
    count.moved = not torch.equal(start, learn.model.weight)
    return learn, count

third = lambda kw: kw['train'] and kw['num_batch'] == 2

# None and a bare return
learn, count = run(Returns('epoch_end', None), Returns('batch_end', {}))
assert (count.trained, count.validated, count.epochs) == (8, 4, 2)
# the counter of iterations goes on from an earlier run
learn, count = run(Returns('train_begin', {'iteration': 100}))
assert count.iters == list(range(100, 108))
# no validation
learn, count = run(Returns('train_begin', {'skip_validate': True}))
assert count.validated == 0 and learn.recorder.val_losses == [None, None] and count.epochs == 2
for event in 'batch_begin', 'batch_end', 'step_end':
    learn, count = run(Returns(event, {'skip_validate': True}))
    assert count.validated == 0, event
# the epoch is left after this batch
for event in 'batch_begin', 'backward_end', 'batch_end':
    learn, count = run(Returns(event, {'stop_epoch': True}, lambda kw: kw['train'] and kw['num_batch'] == 1))
    assert (count.trained, count.validated, count.epochs) == (4, 4, 2), event
# training stops, the epoch is finished first
for event in 'batch_begin', 'backward_end', 'batch_end':
    learn, count = run(Returns(event, {'stop_training': True}, third), epochs=5)
    assert (count.trained, count.validated, count.epochs) == (4, 2, 1), event
learn, count = run(Returns('epoch_end', {'stop_training': True}, lambda kw: kw['epoch'] == 1), epochs=5)
assert count.epochs == 2
# both: at once
learn, count = run(Returns('batch_end', {'stop_epoch': True, 'stop_training': True}, third), epochs=5)
assert (count.trained, count.epochs) == (3, 1)
# no step
learn, count = run(Returns('backward_end', {'skip_step': True}))
assert not count.moved and count.trained == 8
learn, count = run(Returns('backward_begin', {'skip_bwd': True}))
assert not count.moved                                    # without gradients the step changes nothing
learn, count = run(Returns('batch_begin', {'train': False}))
assert count.trained == 0 and count.validated == 12       # all batches pass as validation
# a loss of the callback's own
learn, count = run(Returns('backward_begin', {'last_loss': torch.tensor(0., requires_grad=True)}))
assert not count.moved
# gradients stay
class Grads(Callback):
    def on_train_begin(self, **kwargs): self.norms = []
    def on_backward_begin(self, **kwargs): self.norms.append(learner.model.weight.grad is not None and learner.model.weight.grad.abs().sum().item() > 0)
    def on_step_end(self, **kwargs): return {'skip_zero': True}
torch.manual_seed(1)
learner = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)
grads = Grads()
learner.fit(1, 0.01, callbacks=grads)
assert grads.norms == [False, True, True, True]
# what on_batch_end puts in place is what metrics see
class Sigmoided(Callback):
    _order = -20
    def on_loss_begin(self, last_output, **kwargs): return {'last_output': last_output * 2}
    def on_batch_end(self, last_output, **kwargs): return {'last_output': last_output.sigmoid()}
class Sees(Callback):
    def on_batch_end(self, last_output, **kwargs): self.seen = last_output
sees = Sees()
run(Sigmoided(), sees)
assert 0 < sees.seen.min() and sees.seen.max() < 1
# a key nobody knows
try: run(Returns('batch_end', {'loss_dict': 1}))
except Exception as e: assert 'loss_dict' in str(e) and 'valid key' in str(e)
else: raise AssertionError('an unknown key must be an error')
