"Saves and loads, in every way people do."
import io, tempfile
from fastai.basics import *

def learner(path, n=2, **kwargs):
    xs = torch.randn(32, 2)
    data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0, path=path)
    return Learner(data, nn.Sequential(nn.Linear(2, n), nn.Linear(n, 2)), loss_func=F.mse_loss, **kwargs)
def same(a, b): return all(torch.equal(p, q) for p, q in zip(a.model.parameters(), b.model.parameters()))

torch.manual_seed(0)
path = tempfile.mkdtemp()
learn = learner(path)
learn.fit_one_cycle(2, 1e-2)
where = learn.save('stage-1', return_path=True)
assert where == Path(path)/'models'/'stage-1.pth' and where.exists()

other = learner(path).load('stage-1')
assert same(learn, other)
assert other.opt.opt.state_dict()['state'] and same(learn, other.load('stage-1', purge=False))
weights = other.save('weights', return_path=True, with_opt=False)
assert weights.stat().st_size < where.stat().st_size
third = learner(path)
third.load('weights', strict=True, with_opt=False)
assert same(learn, third) and not getattr(third, 'opt', None)

# to and from open files
buf = io.BytesIO()
learn.save(buf); buf.seek(0)
fourth = learner(path)
fourth.load(buf)
assert same(learn, fourth)
with open(Path(path)/'by_hand.pth', 'wb') as f: learn.save(f)
with open(Path(path)/'by_hand.pth', 'rb') as f: assert same(learn, learner(path).load(f))

# to a path of one's own
p = learn.save(Path(path)/'elsewhere', return_path=True)
assert p.exists() and p.name == 'elsewhere.pth' and same(learn, learner(path).load(Path(path)/'elsewhere'))

# other folders
second = Path(tempfile.mkdtemp())
learn.path, learn.model_dir = second, 'checkpoints'
learn.save('x')
assert (second/'checkpoints'/'x.pth').exists()
learn.model_dir = second/'deep'/'er'
learn.save('y')
assert (second/'deep'/'er'/'y.pth').exists()

# the file is a dict of torch's
state = torch.load(where, map_location='cpu')
assert set(state) == {'model', 'opt'} and list(state['model']) == ['0.weight', '0.bias', '1.weight', '1.bias']
state['model'] = {k: v * 0 for k, v in state['model'].items()}
torch.save(state, where)
zero = learner(path).load('stage-1')
assert all((p == 0).all() for p in zero.model.parameters())
del state['model']['0.bias']; state['model']['new'] = torch.ones(1)
torch.save(state['model'], Path(path)/'models'/'part.pth')
before = learner(path)
try: before.load('part')
except RuntimeError as e: assert '0.bias' in str(e)
else: raise AssertionError('strict')
before.load('part', strict=False)
assert (before.model[0].weight == 0).all() and not (before.model[0].bias == 0).all()

# training goes on where it was
torch.manual_seed(3); one = learner(path); one.fit(1, 1e-2); one.save('go'); torch.manual_seed(4); one.fit(1, 1e-2)
torch.manual_seed(3); two = learner(path); two.load('go'); torch.manual_seed(4); two.fit(1, 1e-2)
for p, q in zip(one.model.parameters(), two.model.parameters()): assert torch.allclose(p, q, atol=1e-7)

learn.purge()
assert not getattr(learn, 'opt', None)
learn.fit(1, 1e-2)
