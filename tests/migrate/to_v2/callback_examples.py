"""Callbacks in the manner of v1, as people wrote them: those that become v2 callbacks, and those that stay.

An example notes in `SEEN` what it sees; `run` trains with it, by `fit` and a second time by `fit_one_cycle`.
"""

from __future__ import annotations

PRELUDE = """\
import time
from fastai.basics import *
from fastai.callbacks import *




"""
RUN = """


def run(learn):
    learn.fit(3, 0.05, callbacks=[{0}({1})])
    learn.fit_one_cycle(2, 0.05, callbacks=[{0}({1})])
"""
RUN_FNS = """


def run(learn):
    learn.callback_fns.append({0})
    learn.fit(3, 0.05)
    learn.fit_one_cycle(2, 0.05)
"""


def _by(maker, arguments="", run=RUN):
    """The code that trains with callbacks made so."""
    return run.format(maker, arguments)


PORTED = {
    "gradient clipping": '''
class Clip(LearnerCallback):
    """Clips gradients."""

    def __init__(self, learn, most=0.1):
        super().__init__(learn)
        self.most = most

    def on_backward_end(self, **kwargs):
        nn.utils.clip_grad_norm_(self.learn.model.parameters(), self.most)
'''
    + _by("partial(Clip, most=0.2)", run=RUN_FNS),
    "gradient noise by layer group": """
class GradientNoise(LearnerCallback):
    def __init__(self, learn, std: float = 0.1, *, seed=3):
        super(GradientNoise, self).__init__(learn)
        self.std, self.generator = std, torch.Generator().manual_seed(seed)

    def on_backward_end(self, **kwargs: Any) -> None:
        for group in self.layer_groups:
            for p in group.parameters():
                if p.grad is not None:
                    p.grad += self.std * torch.randn(p.shape, generator=self.generator)
"""
    + _by("GradientNoise", "learn, 0.3, seed=4"),
    "penalty on the loss": """
class Penalty(Callback):
    def __init__(self, alpha: float = 0.1, beta: float = 0.1):
        self.alpha, self.beta = alpha, beta

    def on_backward_begin(self, last_loss, last_output, **kwargs):
        if self.alpha == 0: return
        if self.alpha != 0:
            last = last_output.pow(2).mean()
            return {"last_loss": last_loss + self.alpha * last}
        return {'last_loss': last_loss}
"""
    + _by("Penalty", "0.3"),
    "penalty on the weights": """
class WeightPenalty(LearnerCallback):
    def on_backward_begin(self, last_loss:Tensor, **kwargs):
        total = sum(p.abs().sum() for p in self.learn.model.parameters())
        return {'last_loss': (last_loss
                              + 0.01 * total)}
"""
    + _by("WeightPenalty", "learn"),
    "input noise": """
class Noise(LearnerCallback):
    def __init__(self, learn, std=.1):
        super().__init__(learn)
        self.std = std

    def on_train_begin(self, **kwargs):
        self.generator = torch.Generator().manual_seed(7)

    def on_batch_begin(self, last_input, train, **kwargs):
        if train:
            noise = torch.randn(last_input.shape, generator=self.generator)
            return {'last_input': last_input + self.std * noise}
"""
    + _by("lambda learn: Noise(learn, std=.3)", run=RUN_FNS),
    "smoothed targets": """
class Smooth(Callback):
    def __init__(self, eps=.1): self.eps = eps
    def on_batch_begin(self, last_target, train, **kwargs):
        if not train: return None
        return {"last_target": last_target * (1. - self.eps) + self.eps * last_target.mean()}
"""
    + _by("Smooth"),
    "mixed batches": """
class Mixed(Callback):
    def on_batch_begin(self, last_input, last_target, train, iteration, **kwargs):
        if train and iteration % 3:
            order = torch.arange(last_input.size(0)).flip(0)
            other, target = last_input[order], last_target[order]
            print("mixed", last_target.shape)
            return {"last_input": last_input * .7 + other * .3, "last_target": last_target * .7 + target * .3}
"""
    + _by("Mixed"),
    "scaled output": """
class Scaled(Callback):
    def on_loss_begin(self, last_output, train, **kw): return {"last_output": last_output * (1 + train)}
"""
    + _by("Scaled"),
    "every second step left out": """
class Sparse(Callback):
    "Leaves out every second step."
    def on_backward_end(self, iteration, **kwargs):
        SEEN.append(iteration)
        return {"skip_step": iteration % 2 == 1}
"""
    + _by("Sparse"),
    "no backward pass for small losses": """
class Selective(Callback):
    def __init__(self, least): self.least = least
    def on_backward_begin(self, last_loss, **kwargs):
        if last_loss.item() < self.least: return {'skip_bwd': True}
"""
    + _by("Selective", "least=.6"),
    "stop after some batches": """
class FewBatches(Callback):
    def __init__(self, n=2):
        super().__init__()
        self.n = n

    def on_batch_end(self, num_batch, train, **kwargs):
        if train:
            SEEN.append(num_batch)
            return {"stop_epoch": num_batch + 1 >= self.n}
"""
    + _by("FewBatches", "2"),
    "stop when good": """
class GoodEnough(LearnerCallback):
    def on_epoch_end(self, epoch, smooth_loss, **kwargs):
        SEEN.append((epoch, float(smooth_loss)))
        if epoch >= 1:
            print(f'stop at {epoch}')
            return {"stop_training": True}
"""
    + _by("GoodEnough", run=RUN_FNS),
    "losses recorded": """
class LossLog(Callback):
    def on_train_begin(self, n_epochs, **kwargs):
        self.losses, self.epochs = [], n_epochs

    def on_batch_end(self, last_loss, train, iteration=0, num_batch=0, **kwargs):
        self.losses.append(last_loss.item())
        SEEN.append((train, float(last_loss), last_loss, last_loss.requires_grad))
        if not train: return
        SEEN.append((iteration, num_batch, iteration + 1, iteration % 2, self.epochs))
"""
    + _by("LossLog"),
    "state printed at every event": """
class Everything(Callback):
    def on_train_begin(self, n_epochs, **kwargs): SEEN.append([n_epochs])
    def on_epoch_begin(self, epoch, n_epochs, iteration, **kwargs): SEEN.append([epoch, n_epochs, iteration])
    def on_batch_begin(self, last_input, last_target, train, epoch, iteration, num_batch, **kwargs):
        SEEN.append([last_input.clone(), last_target.clone(), train, epoch])
        SEEN.append([iteration, num_batch if train else -1])
    def on_loss_begin(self, last_input, last_output, train, epoch, n_epochs, iteration, num_batch, **kwargs):
        SEEN.append([last_input.sum(), last_output.clone(), train, epoch, n_epochs, iteration])
        if train and num_batch >= 0: SEEN.append(num_batch)
    def on_backward_begin(self, last_input, last_target, last_output, last_loss, smooth_loss, train, epoch,
                          iteration, num_batch, **kwargs):
        SEEN.append([last_input.sum(), last_target.sum(), last_output, last_loss, float(smooth_loss)])
        SEEN.append([train, epoch, iteration, num_batch, last_loss.requires_grad])
    def on_backward_end(self, last_input, last_target, last_output, last_loss, smooth_loss, train, epoch,
                        iteration, num_batch, **kwargs):
        SEEN.append([last_input.sum(), last_target.sum(), last_output, last_loss, float(smooth_loss)])
        SEEN.append([train, epoch, iteration, num_batch])
    def on_step_end(self, last_input, last_target, last_output, last_loss, smooth_loss, train, epoch,
                    iteration, num_batch, n_epochs, **kwargs):
        SEEN.append([last_input.sum(), last_target.sum(), last_output, last_loss, float(smooth_loss)])
        SEEN.append([train, epoch, iteration, num_batch, n_epochs])
    def on_batch_end(self, last_input, last_target, last_output, last_loss, smooth_loss, train, epoch,
                     n_epochs, iteration, num_batch, **kwargs):
        SEEN.append([last_input.sum(), last_target.sum(), last_output, last_loss, float(smooth_loss)])
        SEEN.append([train, epoch, n_epochs])
        SEEN.append([iteration, num_batch] if train else [])
    def on_epoch_end(self, epoch, n_epochs, iteration, smooth_loss, **kwargs):
        SEEN.append([epoch, n_epochs, iteration, float(smooth_loss)])
"""
    + _by("Everything"),
    "learning rate set and read": """
class Falling(LearnerCallback):
    def on_batch_begin(self, train, iteration, **kwargs):
        if train:
            self.learn.opt.lr = 0.1 / (1 + iteration)
            SEEN.append(self.opt.lr)

    def on_epoch_end(self, **kwargs):
        SEEN.append((self.learn.opt.lr, self.opt.mom, self.learn.recorder.lrs[-1], self.recorder.val_losses))
"""
    + _by("Falling", run=RUN_FNS),
    "learning rate read late": """
class Rates(LearnerCallback):
    _order = 5
    def on_train_begin(self, **kwargs): SEEN.append(self.learn.opt.lr)
    def on_batch_end(self, train, **kwargs):
        if train: SEEN.append((self.learn.opt.lr, self.learn.opt.mom))
"""
    + _by("Rates", run=RUN_FNS),
    "epoch timer": """
class Timer(Callback):
    def on_epoch_begin(self, **kwargs): self.start = time.time()
    def on_epoch_end(self, epoch, **kwargs):
        self.taken = time.time() - self.start
        SEEN.append((epoch, self.taken < 60))
"""
    + _by("Timer"),
    "weights averaged": """
class Average(LearnerCallback):
    def __init__(self, learn, decay=.9):
        super().__init__(learn)
        self.decay, self.shadow = decay, {}

    def on_train_begin(self, **kwargs):
        self.shadow = {k: v.detach().clone() for k, v in self.learn.model.state_dict().items()}

    def on_step_end(self, **kwargs):
        for k, v in self.learn.model.state_dict().items():
            if v.dtype.is_floating_point:
                self.shadow[k] = self.decay * self.shadow[k] + (1 - self.decay) * v.detach()

    def on_epoch_end(self, epoch: int, **kwargs):
        SEEN.append((epoch, sum(v.sum().item() for v in self.shadow.values())))
"""
    + _by("Average", "learn, decay=.5"),
    "accuracy on training batches": """
class TrainError(Callback):
    "Mean absolute error, in training and in validation."
    def on_epoch_begin(self, **kwargs): self.sums, self.counts = [0., 0.], [0, 0]

    def on_batch_end(self, last_output, last_target, train, **kwargs):
        at = 0 if train else 1
        self.sums[at] += (last_output - last_target).abs().sum().item()
        self.counts[at] += last_target.size(0)

    def on_epoch_end(self, epoch, **kwargs):
        SEEN.append((epoch, [self.mean(at) for at in (0, 1)]))

    def mean(self, at):
        return self.sums[at] / max(self.counts[at], 1)
"""
    + _by("TrainError"),
    "unfreezing": """
class Gradual(LearnerCallback):
    def on_epoch_begin(self, epoch, **kwargs):
        for at, p in enumerate(self.model.parameters()): p.requires_grad_(epoch > 0 or at > 1)
"""
    + _by("Gradual", "learn"),
    "frozen batch norm": """
class StillNorm(LearnerCallback):
    def on_epoch_begin(self, epoch, **kwargs):
        for m in self.learn.model.modules():
            if isinstance(m, nn.BatchNorm1d) and epoch: m.eval()

    def on_batch_end(self, train, **kwargs): SEEN.append([train, *(m.training for m in self.model.modules())])
"""
    + _by("StillNorm", run=RUN_FNS),
    "returns of the older protocol, rewritten": """
class Older(Callback):
    def on_backward_end(self, iteration, **kwargs):
        return {"skip_step": True} if iteration == 2 else None

    def on_batch_begin(self, last_input, **kwargs):
        SEEN.append(last_input.mean())
        return None
"""
    + _by("Older"),
    "two that meet": """
class First(Callback):
    def on_backward_begin(self, last_loss, **kwargs): return {"last_loss": last_loss * 2}


class Second(Callback):
    def on_backward_begin(self, last_loss, **kwargs): return {"last_loss": last_loss + 1}
    def on_batch_end(self, last_loss, **kwargs): SEEN.append(last_loss.item())


def run(learn):
    learn.fit(2, .05, callbacks=[Second(), First()])
    learn.fit(2, .05, callbacks=[First(), Second()])
""",
    "a stopper before a recorder": """
class Stopper(LearnerCallback):
    def on_batch_end(self, num_batch, train, **kwargs):
        if train and num_batch == 1: return {"stop_epoch": True}


class Watcher(Callback):
    def on_batch_end(self, iteration, last_output, train, **kwargs):
        SEEN.append(last_output.sum().item())
        if train:
            SEEN.append(iteration)

    def on_epoch_end(self, iteration, **kwargs): SEEN.append(iteration)


def run(learn):
    watcher = Watcher()
    stopper = Stopper(learn)
    learn.fit(3, .05, callbacks=[stopper, watcher])
""",
}
PORTED = {name: PRELUDE + code for name, code in PORTED.items()}
