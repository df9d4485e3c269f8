"Mixes pairs of samples; the loss is wrapped while a fit lasts. Added to Learner from outside, as everybody does."
from fastai.torch_core import *
from fastai.callback import *
from fastai.basic_train import Learner, LearnerCallback

class CutMixLoss(Module):
    def __init__(self, crit, reduction='mean'):
        super().__init__()
        if hasattr(crit, 'reduction'):
            self.crit = crit
            self.old_red = crit.reduction
            setattr(self.crit, 'reduction', 'none')
        else:
            self.crit = partial(crit, reduction='none')
            self.old_crit = crit
        self.reduction = reduction
    def forward(self, output, target):
        if len(target.size()) == 2:
            loss1, loss2 = self.crit(output, target[:, 0].long()), self.crit(output, target[:, 1].long())
            d = (loss1 * target[:, 2] + loss2 * (1 - target[:, 2])).mean()
        else:
            d = self.crit(output, target)
        return d.mean() if self.reduction == 'mean' else d
    def get_old(self):
        if hasattr(self, 'old_crit'): return self.old_crit
        setattr(self.crit, 'reduction', self.old_red)
        return self.crit

class CutMixCallback(LearnerCallback):
    def __init__(self, learn, alpha=1.):
        super().__init__(learn)
        self.alpha = alpha
    def on_train_begin(self, **kwargs):
        self.seen = []
        self.learn.loss_func = CutMixLoss(self.learn.loss_func)
    def on_batch_begin(self, last_input, last_target, train, **kwargs):
        if not train: return
        lambd = np.random.beta(self.alpha, self.alpha)
        shuffle = torch.randperm(last_target.size(0)).to(last_input.device)
        cut = int(last_input.size(1) * (1 - lambd))
        new_input = last_input.clone()
        new_input[:, :cut] = last_input[shuffle, :cut]
        lam = last_input.new([1 - cut / last_input.size(1)]).expand(last_target.size(0))
        new_target = torch.stack([last_target.float(), last_target[shuffle].float(), lam], 1)
        self.seen.append(new_target.shape)
        return {'last_input': new_input, 'last_target': new_target}
    def on_train_end(self, **kwargs):
        self.learn.loss_func = self.learn.loss_func.get_old()

def cutmix(learn: Learner, alpha: float = 1.) -> Learner:
    learn.callback_fns.append(partial(CutMixCallback, alpha=alpha))
    return learn
Learner.cutmix = cutmix

from fastai.basics import *
np.random.seed(3); torch.manual_seed(3)
xs = torch.randn(128, 6); ys = (xs[:, 0] > 0).long()
data = DataBunch.create(TensorDataset(xs[:96], ys[:96]), TensorDataset(xs[96:], ys[96:]), bs=32, num_workers=0)
for loss in (CrossEntropyFlat(), F.cross_entropy, nn.CrossEntropyLoss()):
    learn = Learner(data, nn.Linear(6, 2), loss_func=loss, metrics=[accuracy]).cutmix(alpha=.4)
    learn.fit(2, 0.1)
    assert learn.cut_mix_callback.seen == [(32, 3)] * 6
    assert learn.loss_func is loss
    assert getattr(loss, 'reduction', 'mean') == 'mean'
    assert len(learn.recorder.metrics) == 2 and 0 <= learn.recorder.metrics[-1][0].item() <= 1
