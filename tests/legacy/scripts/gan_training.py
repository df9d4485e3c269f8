"Two models in one, each with its optimizer; the inner one is switched batch by batch."
from fastai.vision import *

class GANModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.critic, self.gen_mode = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), True
    def forward(self, x): return self.generator(x) if self.gen_mode else self.critic(x)
    def switch(self, gen_mode): self.gen_mode = gen_mode

class GANLoss(nn.Module):
    def __init__(self, gan):
        super().__init__()
        self.gan = gan
    def forward(self, output, target):
        if self.gan.gen_mode: return -self.gan.critic(output).mean() + F.mse_loss(output, target)
        return self.gan.critic(self.gan.generator(target).detach()).mean() - self.gan.critic(target).mean()

class GANTrainer(LearnerCallback):
    _order = -20
    def on_train_begin(self, **kwargs):
        self.opt_gen = self.learn.opt.new([nn.Sequential(*flatten_model(self.learn.model.generator))])
        self.opt_critic = self.learn.opt.new([nn.Sequential(*flatten_model(self.learn.model.critic))])
        self.opt_critic.mom = 0.5
        self.modes, self.moved = [], []
        self.learn.recorder.add_metric_names(['gen_batches'])
        self.switch(True)
    def switch(self, gen_mode):
        self.learn.model.switch(gen_mode)
        self.learn.opt.opt = self.opt_gen.opt if gen_mode else self.opt_critic.opt
    def on_batch_begin(self, train, iteration, **kwargs):
        if train:
            self.switch(iteration % 2 == 0)
            self.before = [p.detach().clone() for p in self.learn.model.parameters()]
        else: self.switch(True)
    def on_step_end(self, **kwargs):
        self.modes.append(self.learn.model.gen_mode)
        self.moved.append([not torch.equal(a, b) for a, b in zip(self.before, self.learn.model.parameters())])
        self.learn.model.critic.zero_grad()
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, sum(self.modes))
    def on_train_end(self, **kwargs): self.switch(True)

from fastai.callback import add_metrics
torch.manual_seed(0)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)
gan = GANModule()
learn = Learner(data, gan, loss_func=GANLoss(gan), callback_fns=[GANTrainer], wd=0.)
learn.fit(2, 1e-3)
trainer = learn.gan_trainer
assert trainer.modes == [True, False] * 4
for gen_mode, moved in zip(trainer.modes, trainer.moved):
    assert moved[:2] == [gen_mode] * 2, (gen_mode, moved)
    assert any(moved[2:]) == (not gen_mode)
assert trainer.opt_gen.mom == 0.9 and trainer.opt_critic.mom == 0.5
assert learn.opt.opt is trainer.opt_gen.opt
assert [row[-1] for row in learn.recorder.metrics] == [2, 4]
