#!/usr/bin/env python
"""Golden-trace checker for a fastai-v1-compatible training loop.

    python replay.py [-v] [-k SUBSTRING] [FILE_OR_DIR ...]

Rebuilds every scenario (one JSON file each) through the public API of the package named by the
environment variable GOLDEN_PREFIX (default ``fastloop_v1``) and compares with the recorded values.
One line per scenario, then ``N passed, M failed`` (exit status 1 if M > 0).

Environment variables
    GOLDEN_PREFIX          package to test (default fastloop_v1; ``fastai`` = the real v1, a self-check)
    GOLDEN_STRICT=1        every number must be bit-equal (NaN equals NaN)
    GOLDEN_LOOSE_TYPES=1   ignore container/array kinds (list, tuple, ndarray, tensor, number)
    GOLDEN_SKIP_QUIRKS=1   skip scenarios marked as v1 quirks (behaviour a rewrite may well repair)
    GOLDEN_NO_MSG=1        do not compare exception messages

This file holds no library code: only recipes (data, models, scripted callbacks), calls of the v1 public API
and a comparer.  Works on Python 3.7+ and torch 1.4+.
"""
import os, sys, io, json, math, copy, glob, tempfile, warnings, contextlib, importlib, functools, inspect, random, shutil
from pathlib import Path
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset, Sampler, TensorDataset

HERE = Path(__file__).resolve().parent
EVENTS = ['train_begin', 'epoch_begin', 'batch_begin', 'loss_begin', 'backward_begin', 'backward_end', 'step_end',
          'batch_end', 'epoch_end', 'train_end']
DT = {'float16': torch.float16, 'float32': torch.float32, 'float64': torch.float64, 'int64': torch.int64,
      'int32': torch.int32, 'uint8': torch.uint8, 'bool': torch.bool}

# ------------------------------------------------------------------------------------------------------------------
# the package under test
# ------------------------------------------------------------------------------------------------------------------
class Missing(Exception): pass

class Lib:
    "Lazy access to `PREFIX.module.name`."
    def __init__(self, prefix):
        self.prefix = prefix
        for m in ('train', 'callbacks', 'metrics'):
            try: importlib.import_module(prefix + '.' + m)
            except Exception as e: self.import_error = e
    def mod(self, name):
        try: return importlib.import_module(self.prefix + ('.' + name if name else ''))
        except ImportError as e: raise Missing('cannot import {}.{}: {}'.format(self.prefix, name, e))
    def get(self, path):
        "`path` like 'callback.Scheduler', 'callbacks.misc.StopAfterNBatches' or 'basic_train.Learner.fit'."
        parts = path.split('.')
        for n in range(len(parts) - 1, -1, -1):
            try: m = importlib.import_module('.'.join([self.prefix] + parts[:n]))
            except ImportError: continue
            o, ok = m, True
            for a in parts[n:]:
                if not hasattr(o, a): ok = False; break
                o = getattr(o, a)
            if ok: return o
        raise Missing('{}.{} is missing'.format(self.prefix, path))

# ------------------------------------------------------------------------------------------------------------------
# portable recipes (numpy RandomState.random_sample only: bit-stable in every numpy)
# ------------------------------------------------------------------------------------------------------------------
def u01(seed, shape): return np.random.RandomState(seed).random_sample(tuple(shape))
def u11(seed, shape): return 2 * u01(seed, shape) - 1
def ui(seed, shape, k): return np.floor(u01(seed, shape) * k).astype(np.int64)

def make_xy(d):
    """inputs and targets (float64 / int64 numpy) of a data recipe; see README.md, section 'Recipes'."""
    n = d['n_train'] + d['n_valid']
    seed, task = d['seed'], d['task']
    shape = (n,) + tuple(d['shape'])
    x = u11(seed, shape)
    flat = x.reshape(n, -1)
    noise = u11(seed + 1, (n,))
    m = flat.shape[1]
    if task == 'reg':
        cols = []
        for j in range(d['n_out']):
            c = 0.1 * noise
            for i in range(min(m, 8)): c = c + ((i + 2 * j) % 5 - 2) / 2 * flat[:, i]
            cols.append(c)
        y = np.stack(cols, 1)
    elif task == 'clas':
        k = d['n_out']
        s = flat[:, 0] + 0.5 * flat[:, 1] + 0.2 * noise
        y = np.zeros((n,), dtype=np.int64)
        for t in range(1, k): y = y + (s > (-1 + 2 * t / k)).astype(np.int64)
    elif task == 'multi':
        y = np.stack([(flat[:, j % m] + 0.3 * noise > 0.1 * j).astype(np.float64) for j in range(d['n_out'])], 1)
    elif task == 'tokens':                     # x: int tokens, y: the next token of a fixed chain
        x = ui(seed, shape, d['vocab'])
        y = (x * 3 + 1) % d['vocab']
    else: raise ValueError(task)
    for r, v in d.get('poke', []): x[r] = np.nan if v == 'NaN' else v
    return x, y

def as_t(a, dtype):
    t = torch.from_numpy(np.ascontiguousarray(a))
    return t.to(DT[dtype]) if t.is_floating_point() else t

class TinyRNN(nn.Module):
    "Elman net: returns (decoded last step, [raw hidden], [0.9*raw hidden]); has `reset`."
    def __init__(self, n_in, n_h, n_out):
        super().__init__()
        self.i, self.h, self.o, self.resets = nn.Linear(n_in, n_h), nn.Linear(n_h, n_h), nn.Linear(n_h, n_out), 0
    def reset(self): self.resets += 1
    def forward(self, x):
        h, hs = torch.zeros(x.shape[0], self.h.in_features, dtype=x.dtype), []
        for t in range(x.shape[1]):
            h = torch.tanh(self.i(x[:, t]) + self.h(h))
            hs.append(h)
        raw = torch.stack(hs, 1)
        out = raw * 0.9
        return self.o(out[:, -1]), [raw], [out]

class TiedNet(nn.Module):
    "embedding -> linear -> decoder whose weight is the embedding's."
    def __init__(self, v, d):
        super().__init__()
        self.emb, self.lin, self.dec = nn.Embedding(v, d), nn.Linear(d, d), nn.Linear(d, v)
        self.dec.weight = self.emb.weight
    def forward(self, x): return self.dec(torch.tanh(self.lin(self.emb(x))))

class LoneParam(nn.Module):
    "a linear layer plus direct parameters that sit in no child module."
    def __init__(self, n_in, n_out):
        super().__init__()
        self.scale, self.lin, self.shift = nn.Parameter(torch.ones(n_in)), nn.Linear(n_in, n_out), nn.Parameter(torch.zeros(n_out))
    def forward(self, x): return self.lin(x * self.scale) + self.shift

class TwoIn(nn.Module):
    "two inputs, one output."
    def __init__(self, a, b, n_out):
        super().__init__()
        self.la, self.lb = nn.Linear(a, n_out), nn.Linear(b, n_out)
    def forward(self, xa, xb): return self.la(xa) + self.lb(xb)

class MixIn(nn.Module):
    "takes (x) or (x, x_shuffled, lambda) - for MixUpCallback(stack_x=True)."
    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(n_in, n_out)
    def forward(self, x, x2=None, lam=None):
        return self.lin(x) if x2 is None else self.lin(x * lam[:, None] + x2 * (1 - lam)[:, None])

class Unused(nn.Module):
    "the second layer never takes part in the forward pass."
    def __init__(self, n_in, n_out):
        super().__init__()
        self.used, self.idle = nn.Linear(n_in, n_out), nn.Linear(n_in, n_out)
    def forward(self, x): return self.used(x)

ARCHS = dict(rnn=TinyRNN, tied=TiedNet, lone=LoneParam, twoin=TwoIn, unused=Unused, mixin=MixIn)

def make_layer(s):
    k, a = s[0], s[1:]
    if k == 'linear':        return nn.Linear(*a)
    if k == 'linear_nobias': return nn.Linear(*a, bias=False)
    if k == 'relu':          return nn.ReLU()
    if k == 'tanh':          return nn.Tanh()
    if k == 'sigmoid':       return nn.Sigmoid()
    if k == 'bn1d':          return nn.BatchNorm1d(*a)
    if k == 'bn2d':          return nn.BatchNorm2d(*a)
    if k == 'ln':            return nn.LayerNorm(*a)
    if k == 'gn':            return nn.GroupNorm(*a)
    if k == 'conv1d':        return nn.Conv1d(*a)
    if k == 'conv2d':        return nn.Conv2d(*a)
    if k == 'conv2d_nobias': return nn.Conv2d(*a, bias=False)
    if k == 'convt2d':       return nn.ConvTranspose2d(*a)
    if k == 'emb':           return nn.Embedding(*a)
    if k == 'flatten':       return nn.Flatten()
    if k == 'avgpool':       return nn.AdaptiveAvgPool2d(1)
    if k == 'dropout':       return nn.Dropout(*a)
    if k == 'seq':           return nn.Sequential(*[make_layer(o) for o in a[0]])
    if k == 'lstm':          return nn.LSTM(*a)
    if k in ARCHS:           return ARCHS[k](*a)
    raise ValueError(k)

def make_model(m, dtype='float32'):
    torch.manual_seed(0)
    model = ARCHS[m['arch']](*m['args']) if 'arch' in m else nn.Sequential(*[make_layer(o) for o in m['layers']])
    norm_w = set()
    for mod in model.modules():
        if isinstance(mod, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm)): norm_w.add(id(mod.weight))
    with torch.no_grad():
        for i, (n, p) in enumerate(model.named_parameters()):
            a = u11(m['seed'] * 100 + i, p.shape)
            if p.dim() >= 2:         a = a / math.sqrt(int(np.prod(p.shape[1:])))
            elif id(p) in norm_w:    a = 1 + 0.1 * a
            else:                    a = 0.1 * a
            p.copy_(torch.from_numpy(np.ascontiguousarray(a)).to(p.dtype))
    return model.to(DT[dtype])

class YList:
    "the label side of an ItemDS: what `Learner.predict`, `show_results` and OverSamplingCallback look at."
    def __init__(self, items, classes=None, loss_func=None):
        self.items, self.classes = items, classes
        if loss_func is not None: self.loss_func = loss_func
    def analyze_pred(self, pred, thresh=0.5): return pred.argmax() if self.classes is not None else (pred > thresh).float()
    def reconstruct(self, t): return ('y', self.classes[int(t)]) if self.classes is not None else ('y', [float(o) for o in t.reshape(-1)])

class XList:
    def reconstruct(self, t): return ('x', [float(o) for o in t.reshape(-1)])

class ItemDS(Dataset):
    "A data set with the attributes v1's own ones offer: items, x, y, c, classes, set_item, get_state."
    is_empty = False
    def __init__(self, x, y, classes=None, c=None, loss_func=None):
        self.xt, self.yt, self.items, self.item = x, y, list(range(len(x))), None
        self.classes, self.c = classes, c if c is not None else (len(classes) if classes else 1)
        self.x, self.y = XList(), YList(y.numpy() if isinstance(y, torch.Tensor) else y, classes, loss_func)
    def __len__(self): return len(self.xt) if self.item is None else 1
    def __getitem__(self, i): return (self.xt[i], self.yt[i]) if self.item is None else (self.item, 0)
    @contextlib.contextmanager
    def set_item(self, item):
        self.item = item
        yield None
        self.item = None
    def get_state(self, **kw): return dict(kw, n_classes=self.c)

class FixedOrder(Sampler):
    def __init__(self, order): self.order = list(order)
    def __iter__(self): return iter(self.order)
    def __len__(self): return len(self.order)

def raw_dl(ds, bs, order=None, drop_last=False):
    kw = dict(sampler=FixedOrder(order)) if order else {}
    return DataLoader(ds, batch_size=bs, shuffle=False, drop_last=drop_last, num_workers=0, pin_memory=False, **kw)

def make_data(lib, d, dtype, tmp, ds_cls=None, cb_ds=None):
    x, y = make_xy(d)
    xt, yt = as_t(x, dtype), as_t(y, dtype)
    if d.get('squeeze_y'): yt = yt.squeeze(-1)
    nt = d['n_train']
    kind = d.get('ds', 'tensor')
    def mk(a, b):
        if kind == 'tensor': return TensorDataset(a, b)
        if kind == 'two':
            h = d['split_at']
            return [([u[:h], u[h:]], v) for u, v in zip(a, b)]
        if kind == 'twotarg':
            return [(u, [v[:1], v[1:]]) for u, v in zip(a, b)]
        if kind == 'item':   return ItemDS(a, b, classes=d.get('classes'), c=d.get('c'))
        raise ValueError(kind)
    tr, va = mk(xt[:nt], yt[:nt]), mk(xt[nt:], yt[nt:])
    if cb_ds: tr, va = cb_ds(tr, va)
    tdl = raw_dl(tr, d['bs'], d.get('order'), d.get('drop_last', False))
    vdl = raw_dl(va, d.get('val_bs', d['bs']))
    kw = {}
    if d.get('test'): kw['test_dl'] = raw_dl(TensorDataset(xt[:d['test']], yt[:d['test']]), d['bs'])
    DataBunch = lib.get('basic_data.DataBunch')
    return DataBunch(tdl, vdl, path=tmp, device=torch.device('cpu'), **kw)

# ------------------------------------------------------------------------------------------------------------------
# tagged JSON <-> Python
# ------------------------------------------------------------------------------------------------------------------
class UpperItems:
    "sized, no shape"
    def __init__(self, l): self.l = l
    def __len__(self): return len(self.l)
    def __getitem__(self, i): return self.l[i]

def _py_fn(name):
    return dict(
        double=lambda o: o * 2, addn=lambda o, n=1: o + n, strlen=len, neg=lambda o: -o, sq=lambda o: o * o,
        np_mean=lambda a, b: (a - b).mean(), two_args=lambda a, b=2, *c, d=4, **e: None,
        mean_pred=mean_pred, max_abs=max_abs, mean2=mean2, is_lin=lambda m: isinstance(m, nn.Linear),
        half_err=half_err, item_mean=item_mean, plain_mse=plain_mse, frac_pos=frac_pos)[name]

def mean_pred(out, targ): return out.float().mean()
def item_mean(out, targ): return out.float().mean().item()
def frac_pos(out, targ): return (out > 0).float().mean()
def max_abs(out, targ): return (out - targ).abs().max()
def mean2(out, ta, tb): return (out - ta).abs().mean() + (out - tb).abs().mean()
def half_err(out, targ, scale=0.5): return ((out - targ) * scale).abs().mean()
def plain_mse(out, targ): return ((out - targ) ** 2).mean()

def dec(v, lib, **ctx):
    "JSON -> Python; single-key dicts starting with '$' are tags."
    if isinstance(v, list): return [dec(o, lib, **ctx) for o in v]
    if not isinstance(v, dict): return v
    if '$tuple' in v: return tuple(dec(v['$tuple'], lib, **ctx))
    if '$slice' in v: return slice(*dec(v['$slice'], lib, **ctx))
    if '$np' in v: return np.array(dec_f(v['$np']), dtype=v.get('dtype'))
    if '$t' in v: return torch.tensor(dec_f(v['$t']), dtype=DT[v.get('dtype', 'float32')])
    if '$u' in v:                                       # uniform in [lo, hi)
        a = v.get('lo', -1.) + (v.get('hi', 1.) - v.get('lo', -1.)) * u01(v['$u'], v['shape'])
        if v.get('round') is not None: a = np.round(a, v['round'])
        return a if v.get('as') == 'np' else as_t(a, v.get('dtype', 'float32'))
    if '$ui' in v:                                      # integers 0..k-1
        a = ui(v['$ui'], v['shape'], v['k'])
        return a if v.get('as') == 'np' else torch.from_numpy(a).to(DT[v.get('dtype', 'int64')])
    if '$fn' in v: return lib.get(v['$fn'])
    if '$call' in v: return lib.get(v['$call'])(*dec(v.get('args', []), lib, **ctx), **dec_kw(v.get('kwargs', {}), lib, **ctx))
    if '$py' in v: return _py_fn(v['$py'])
    if '$torch' in v:
        o = torch
        for a in v['$torch'].split('.'): o = getattr(o, a)
        return o(*dec(v['args'], lib), **dec_kw(v.get('kwargs', {}), lib)) if 'args' in v else o
    if '$partial' in v: return functools.partial(dec(v['$partial'], lib), **dec_kw(v.get('kwargs', {}), lib))
    if '$path' in v: return Path(v['$path'])
    if '$set' in v: return set(v['$set'])
    if '$range' in v: return range(*v['$range'])
    if '$gen' in v: return (o for o in v['$gen'])
    if '$sized' in v: return UpperItems(v['$sized'])
    if '$float' in v: return float(v['$float'])
    if '$df' in v:
        import pandas as pd
        return pd.DataFrame(v['$df'])
    if '$series' in v:
        import pandas as pd
        return pd.Series(v['$series'])
    if '$model' in v: return make_model(v['$model'], v.get('dtype', 'float32'))
    if '$phases' in v:
        TP, res = lib.get('callbacks.TrainingPhase'), []
        for ph in v['$phases']:
            t = TP(ph['length'])
            for name, vals, ann in ph['hps']: t = t.schedule_hp(name, dec(vals, lib), anneal=dec(ann, lib))
            res.append(t)
        return res
    if '$dict' in v: return {k: dec(o, lib, **ctx) for k, o in v['$dict'].items()}
    return {k: dec(o, lib, **ctx) for k, o in v.items()}
def dec_kw(d, lib, **ctx): return {k: dec(o, lib, **ctx) for k, o in d.items()}
def dec_f(v):
    if isinstance(v, list): return [dec_f(o) for o in v]
    return float(v) if isinstance(v, str) and v in ('NaN', 'Infinity', '-Infinity') else v

def num(v):
    "any scalar -> plain JSON number"
    if v is None or isinstance(v, (bool, str)): return v
    if isinstance(v, np.bool_): return bool(v)
    if isinstance(v, torch.Tensor):
        if v.dim() == 0 or v.numel() == 1: v = v.item()
        else: return [num(o) for o in v.detach().reshape(-1)]
    if isinstance(v, np.ndarray): return num(v.item()) if v.ndim == 0 else [num(o) for o in v.reshape(-1)]
    if isinstance(v, (int, np.integer)) and not isinstance(v, bool): return int(v)
    if isinstance(v, (float, np.floating)):
        f = float(v)
        return 'NaN' if f != f else 'Infinity' if f == math.inf else '-Infinity' if f == -math.inf else f
    if isinstance(v, slice): return norm(v)
    return {'$other': type(v).__name__}
def nums(l): return [nums(o) if isinstance(o, (list, tuple)) else num(o) for o in l]

def tname(dt): return str(dt).replace('torch.', '')
def norm(v):
    "any value -> tagged JSON, container and array kinds kept"
    if v is None or isinstance(v, (bool, str)): return str(v) if isinstance(v, str) else v
    if isinstance(v, np.bool_): return bool(v)
    if isinstance(v, (int, float, np.integer, np.floating)): return num(v)
    if isinstance(v, torch.Tensor):
        d = v.detach()
        if d.dtype in (torch.float16,): d = d.float()
        return {'$t': _fl(d.tolist()), 'dtype': tname(v.dtype), 'shape': list(v.shape)}
    if isinstance(v, np.ndarray): return {'$np': _fl(v.tolist()), 'kind': v.dtype.kind}
    if isinstance(v, (tuple, torch.Size)): return {'$tuple': [norm(o) for o in v]}
    if isinstance(v, list): return [norm(o) for o in v]
    if isinstance(v, dict): return {'$dict': {str(k): norm(o) for k, o in v.items()}}
    if isinstance(v, slice): return {'$slice': [norm(v.start), norm(v.stop)]}
    if isinstance(v, (set, frozenset)): return {'$set': sorted(norm(o) for o in v)}
    if isinstance(v, Path): return {'$path': v.as_posix()}
    if isinstance(v, nn.Module): return {'$module': type(v).__name__}
    if isinstance(v, functools.partial): return {'$partial': norm(v.func), 'kwargs': {k: norm(o) for k, o in v.keywords.items()}}
    if isinstance(v, type): return {'$type': v.__name__}
    if callable(v) and hasattr(v, '__name__'): return {'$callable': v.__name__}
    if isinstance(v, torch.dtype): return tname(v)
    if type(v).__name__ in ('DataFrame', 'Series'): return {'$pd': type(v).__name__, 'values': _fl(v.values.tolist())}
    return {'$other': type(v).__name__}
def _fl(l):
    if isinstance(l, list): return [_fl(o) for o in l]
    return num(l)

def cap(f, msg=False, base=Exception):
    "value of f(), or a record of the exception it raised"
    try: return f()
    except Missing: raise
    except base as e: return exc_rec(e, msg)
def exc_rec(e, msg=False):
    return {'$exc': type(e).__name__, 'mro': [c.__name__ for c in type(e).__mro__], 'msg': str(e)[:300], 'msg_cmp': bool(msg)}
def is_exc(v): return isinstance(v, dict) and '$exc' in v

def tsum(t):
    "[sum, sum of squares, first five values] of a tensor, exact summation"
    a = t.detach().cpu().double().reshape(-1).numpy()
    if not np.isfinite(a).all(): return [num(a.sum()), num((a * a).sum()), [num(o) for o in a[:5]]]
    return [math.fsum(a), math.fsum(a * a), [float(o) for o in a[:5]]]
def psum(sd): return {k: tsum(v) for k, v in sd.items()}

def tload(f):
    try: return torch.load(f, map_location='cpu', weights_only=False)
    except TypeError: return torch.load(f, map_location='cpu')

# ------------------------------------------------------------------------------------------------------------------
# scripted callbacks
# ------------------------------------------------------------------------------------------------------------------
FLAGS = [('stop_epoch', 'E'), ('stop_training', 'T'), ('skip_validate', 'V'), ('skip_step', 'S'), ('skip_zero', 'Z'), ('skip_bwd', 'B')]

class Trace:
    def __init__(self): self.rows, self.keysets, self.extra = [], [], []
    def add(self, who, ev, kw):
        keys = sorted(kw)
        if keys not in self.keysets: self.keysets.append(keys)
        fl = ''.join(c for k, c in FLAGS if kw.get(k) is True)
        tr = kw.get('train')
        row = [who, ev, kw.get('epoch'), kw.get('iteration'), kw.get('num_batch'), None if tr is None else int(bool(tr)), self.keysets.index(keys), fl]
        if ev == 'train_end':
            e = kw.get('exception')
            row.append(type(e).__name__ if isinstance(e, BaseException) else e)
        self.rows.append(row)
    def json(self): return {'columns': ['who', 'event', 'epoch', 'iteration', 'num_batch', 'train', 'keyset', 'flags'], 'keysets': self.keysets, 'rows': self.rows}

EXCS = dict(ValueError=ValueError, RuntimeError=RuntimeError, KeyError=KeyError, KeyboardInterrupt=KeyboardInterrupt,
            SystemExit=SystemExit, StopIteration=StopIteration, ZeroDivisionError=ZeroDivisionError, OSError=OSError)

def scripted_ret(spec, kw):
    "what a script entry's 'return' means"
    if not isinstance(spec, dict): return spec            # a raw non-dict return
    res = {}
    for k, v in spec.items():
        if isinstance(v, dict) and '$mul' in v: v = kw[k] * v['$mul']
        elif isinstance(v, dict) and '$add' in v: v = kw[k] + v['$add']
        elif isinstance(v, dict) and '$append' in v: v = kw[k] + v['$append']
        elif isinstance(v, dict) and '$prepend_val' in v: v = v['$prepend_val'] + kw[k][1:]
        elif isinstance(v, dict) and '$halves' in v: v = kw[k][:kw[k].shape[0] // 2]
        res[k] = v
    return res

def make_actor(lib, spec, trace, base=None, learn=None):
    """a callback that logs every event and plays a script.
    spec: {name, order?, learner_cb?, script: [{on, if: {key: value}, return | raise}], quiet?, metric?}"""
    Callback = base or lib.get('callback.Callback')
    script, name = spec.get('script', []), spec['name']
    def mk(ev):
        def f(self, **kw):
            if trace is not None and not spec.get('quiet'): trace.add(name, ev, kw)
            for s in script:
                if s['on'] != ev: continue
                if all(kw.get(k) == v for k, v in s.get('if', {}).items()):
                    if 'raise' in s: raise EXCS[s['raise'][0]](s['raise'][1])
                    if 'vals' in s:        # a scripted value per epoch
                        return scripted_ret({k: ([vals[kw['epoch']]] + list(kw[k][1:]) if k == 'last_metrics' else vals[kw['epoch']]) for k, vals in s['vals'].items()}, kw)
                    return scripted_ret(s['return'], kw)
            if ev == 'epoch_end' and spec.get('metric') is not None:
                return {'last_metrics': kw['last_metrics'] + [spec['metric'] + kw['epoch']]}
        return f
    d = {'on_' + ev: mk(ev) for ev in EVENTS}
    def jump_to_epoch(self, epoch):
        if trace is not None: trace.rows.append([name, 'jump_to_epoch', epoch])
    d['jump_to_epoch'] = jump_to_epoch
    if 'order' in spec: d['_order'] = spec['order']
    if spec.get('metric') is not None or spec.get('met_name'): d['name'] = spec.get('met_name', name.lower())
    cls = type('Actor' + name, (Callback,), d)
    return cls(learn) if learn is not None else cls()

def scripted_metric(lib, vals, name):
    "a metric callback whose value at epoch i is vals[i] (float32 tensor; 'NaN' allowed)"
    def on_epoch_end(self, last_metrics, epoch, **kw):
        v = torch.tensor(float(vals[epoch] if epoch < len(vals) else vals[-1]))
        return {'last_metrics': last_metrics + [v]}
    return type('Scripted', (lib.get('callback.Callback'),), dict(on_epoch_end=on_epoch_end, name=name))()

def make_spy(lib):
    "records what the loop does per training iteration, before any other callback changes it"
    def on_train_begin(self, **kw): self.raw, self.lrs, self.moms, self.wds, self.final = [], [], [], [], []
    def on_batch_begin(self, train, **kw):
        if not train: return
        o = self.lrn.opt
        self.lrs.append([num(pg['lr']) for pg in o.opt.param_groups[::2]])
        pg = o.opt.param_groups[0]
        self.moms.append(num(pg['momentum']) if 'momentum' in pg else num(pg['betas'][0]) if 'betas' in pg else None)
        self.wds.append([num(pg.get('weight_decay')) for pg in o.opt.param_groups])
    def on_backward_begin(self, last_loss, **kw): self.raw.append(num(last_loss))
    def on_batch_end(self, last_loss, train, **kw):
        if train: self.final.append(num(last_loss))
    return type('Spy', (lib.get('callback.Callback'),), dict(_order=-1000, on_train_begin=on_train_begin, on_batch_begin=on_batch_begin,
                on_backward_begin=on_backward_begin, on_batch_end=on_batch_end))()

# ------------------------------------------------------------------------------------------------------------------
# factories
# ------------------------------------------------------------------------------------------------------------------
LOSSES = dict(mse_flat='layers.MSELossFlat', ce_flat='layers.CrossEntropyFlat', bcel_flat='layers.BCEWithLogitsFlat', bce_flat='layers.BCEFlat')
class MetricLoss(nn.Module):
    "mse + weighted l1; publishes .metrics / .metric_names the way LossMetrics expects"
    def __init__(self, w=0.5):
        super().__init__()
        self.w, self.metric_names, self.metrics = w, ['mse_part', 'l1_part'], {}
    def forward(self, out, targ):
        a, b = F.mse_loss(out, targ), self.w * F.l1_loss(out, targ)
        self.metrics = {'mse_part': a, 'l1_part': b}
        return a + b
class TwoTargLoss(nn.Module):
    def forward(self, out, ta, tb): return F.mse_loss(out, ta) + 0.5 * F.mse_loss(out, tb)

def make_loss(lib, s):
    if s is None: return None
    if isinstance(s, str): s = {'name': s}
    k, a = s['name'], s.get('kwargs', {})
    if k in LOSSES: return lib.get(LOSSES[k])(**dec_kw(a, lib))
    if k == 'mse': return nn.MSELoss(**a)
    if k == 'metric_loss': return MetricLoss(**a)
    if k == 'twotarg': return TwoTargLoss()
    if k.startswith('nn.'): return getattr(nn, k[3:])(**dec_kw(a, lib))
    if k.startswith('F.'):
        f = getattr(F, k[2:])
        return functools.partial(f, **a) if a else f
    return lib.get(k)(**dec_kw(a, lib))

def sgd_step(self, p, group, i): p.data.add_(p.grad.data * -group['lr'])
def mom_step(self, p, group, i): p.data.add_(self.state[p]['momentum_buffer'] * -group['lr'])
def adamish_step(self, p, group, i):
    st = self.state[p]
    p.data.add_(st['momentum_buffer'] / (st['sqr_mom_buffer'].sqrt() + 1e-5) * -group['lr'])
ON_STEP = dict(sgd=sgd_step, mom=mom_step, adamish=adamish_step)

def make_stats(lib, specs):
    S = lib.mod('general_optimizer')
    res = []
    for s in specs:
        kw = {k: v for k, v in s.items() if k not in ('cls', 'scope')}
        if 'scope' in s: kw['scope'] = S.StatScope[s['scope']]
        res.append(getattr(S, s['cls'])(**kw))
    return res

def make_opt(lib, s):
    if s is None or s.get('name') == 'default': return None
    if s['name'] == 'general':
        return functools.partial(lib.get('general_optimizer.GeneralOptimizer'), stats=make_stats(lib, s['stats']),
                                 on_step=ON_STEP[s['on_step']] if s.get('on_step') else None)
    cls = getattr(optim, s['name'])
    kw = {k: (tuple(v) if k == 'betas' else v) for k, v in s.get('kwargs', {}).items()}
    return functools.partial(cls, **kw) if kw else cls

def make_metric(lib, s, trace=None):
    if isinstance(s, str): return lib.get('metrics.' + s)
    if 'partial' in s:
        f = _py_fn(s['partial'][3:]) if s['partial'].startswith('py:') else lib.get('metrics.' + s['partial'])
        return functools.partial(f, **dec_kw(s.get('kwargs', {}), lib))
    if 'cls' in s: return lib.get('metrics.' + s['cls'])(**dec_kw(s.get('kwargs', {}), lib))
    if 'py' in s: return _py_fn(s['py'])
    if 'actor' in s: return make_actor(lib, s['actor'], trace)
    if 'scripted' in s: return scripted_metric(lib, s['scripted'], s['name'])
    raise ValueError(s)

PLAIN_CBS = ('callbacks.TerminateOnNaNCallback', 'callbacks.misc.StopAfterNBatches')
def make_cb(lib, s, learn, trace, as_fn=False):
    if 'actor' in s:
        a = s['actor']
        if a.get('learner_cb'):
            f = lambda lrn: make_actor(lib, a, trace, base=lib.get('basic_train.LearnerCallback'), learn=lrn)
        else: f = lambda lrn: make_actor(lib, a, trace)
        return f if as_fn else f(learn)
    cls, kw = lib.get(s['cb']), dec_kw(s.get('kwargs', {}), lib)
    if s['cb'] in PLAIN_CBS: return (lambda lrn: cls(**kw)) if as_fn else cls(**kw)
    return functools.partial(cls, **kw) if as_fn else cls(learn, **kw)

@contextlib.contextmanager
def stubbed(st):
    "replace np.random.beta / torch.randperm by recorded draws (each call takes the next entry)"
    old = (np.random.beta, torch.randperm)
    if st.get('np.random.beta'):
        q = iter(st['np.random.beta'])
        np.random.beta = lambda a, b, size=None: np.array(next(q))
    if st.get('torch.randperm'):
        r = iter(st['torch.randperm'])
        torch.randperm = lambda n, *a, **k: torch.tensor(next(r))
    try: yield
    finally: np.random.beta, torch.randperm = old

def make_learner(lib, p, tmp, trace=None, data=None):
    dtype, lk = p.get('dtype', 'float32'), dict(p.get('learner', {}))
    cb_ds = None
    if p.get('cb_ds'):
        Callback = lib.get('callback.Callback')
        def cb_ds(tr, va):
            out = []
            for ds, nm in zip((tr, va), p['cb_ds']):
                if nm is None: out.append(ds); continue
                b = type('DSBase', (Callback, Dataset), dict(__len__=lambda self: len(self.ds), __getitem__=lambda self, i: self.ds[i]))
                a = make_actor(lib, {'name': nm}, trace, base=b)
                a.ds = ds
                out.append(a)
            return out
    data = data or make_data(lib, p['data'], dtype, tmp, cb_ds=cb_ds)
    model = make_model(p['model'], dtype)
    kw = {k: dec(lk[k], lib) for k in ('true_wd', 'bn_wd', 'wd', 'train_bn', 'add_time', 'silent', 'model_dir') if k in lk}
    of = make_opt(lib, p.get('opt'))
    if of is not None: kw['opt_func'] = of
    if lk.get('callback_fns'): kw['callback_fns'] = [make_cb(lib, c, None, trace, as_fn=True) for c in lk['callback_fns']]
    if 'metrics' in lk: kw['metrics'] = [make_metric(lib, m, trace) for m in lk['metrics']]
    learn = lib.get('basic_train.Learner')(data, model, loss_func=make_loss(lib, p.get('loss')), path=tmp, **kw)
    if lk.get('split'): learn.split([_sub(model, n) for n in lk['split']])
    if lk.get('layer_groups'): learn.layer_groups = [nn.Sequential(*[_sub(model, n) for n in g]) for g in lk['layer_groups']]
    for c in lk.get('callbacks', []): learn.callbacks.append(make_cb(lib, c, learn, trace))
    return learn

def _sub(model, path):
    for a in str(path).split('.'): model = getattr(model, a) if not a.isdigit() else list(model.children())[int(a)]
    return model

HYPER = ('lr', 'momentum', 'betas', 'alpha', 'weight_decay', 'eps', 'centered', 'nesterov', 'dampening', 'amsgrad')
def hyper(opt, keys=HYPER):
    "the classic hyper-parameters of every parameter group of the torch optimizer inside the wrapper"
    res = []
    for pg in opt.opt.param_groups:
        res.append({k: ([num(o) for o in pg[k]] if isinstance(pg[k], (tuple, list)) else num(pg[k])) for k in keys if k in pg})
        res[-1]['n'] = len(pg['params'])
    return res

# ------------------------------------------------------------------------------------------------------------------
# runners
# ------------------------------------------------------------------------------------------------------------------
RUNNERS = {}
def runner(name):
    def _d(f): RUNNERS[name] = f; return f
    return _d

@runner('calls')
def run_calls(lib, p, tmp):
    "plain function calls; optionally the state of the arguments after the call"
    res = []
    for c in p['calls']:
        args, kw = dec(c.get('args', []), lib), dec_kw(c.get('kwargs', {}), lib)
        if c['f'].startswith('.'):        # method on the first argument
            f = getattr(args[0], c['f'][1:]); args = args[1:]
        else: f = lib.get(c['f'])
        r = cap(lambda: norm(list(f(*args, **kw)) if c.get('aslist') else f(*args, **kw)), msg=c.get('msg', False))
        if c.get('show_args'): r = {'result': r, 'args_after': norm(args)}
        res.append(r)
    return {'results': res}

@runner('scheduler')
def run_scheduler(lib, p, tmp):
    S = lib.get('callback.Scheduler')
    s = S(dec(p['vals'], lib), p['n_iter'], dec(p.get('func'), lib))
    out = {'start': norm(s.start), 'end': norm(s.end), 'n_iter': s.n_iter, 'trace': []}
    for op, k in p['ops']:
        for _ in range(k):
            if op == 'step': out['trace'].append([norm(s.step()), s.n, bool(s.is_done)])
            else:            s.restart(); out['trace'].append(['restart', s.n, bool(s.is_done)])
    return out

@runner('smooth')
def run_smooth(lib, p, tmp):
    s = lib.get('callback.SmoothenValue')(p['beta'])
    out = {'init': [num(s.n), num(s.mov_avg), hasattr(s, 'smooth')], 'trace': []}
    for v in p['vals']:
        v = dec_f(v)
        s.add_value(torch.tensor(v, dtype=DT[p['tensor']]) if p.get('tensor') else v)
        out['trace'].append([s.n, num(s.mov_avg), num(s.smooth)])
    return out

@runner('lr_range')
def run_lr_range(lib, p, tmp):
    res = []
    for k in p['groups']:
        m = {'layers': [['linear', 3, 3]] * k, 'seed': 1}
        q = {'data': {'task': 'reg', 'n_train': 4, 'n_valid': 2, 'shape': [3], 'n_out': 3, 'seed': 1, 'bs': 2}, 'model': m, 'loss': 'mse',
             'learner': {'split': list(range(k))} if k > 1 else {}}
        learn = make_learner(lib, q, tmp)
        res.append([cap(lambda: norm(learn.lr_range(dec(l, lib)))) for l in p['lrs']])
    return {'by_groups': res}

@runner('split_wd')
def run_split_wd(lib, p, tmp):
    tc = lib.mod('torch_core')
    model = make_model(p['model'])
    names = {}
    for n, q in model.named_parameters(): names.setdefault(id(q), n)
    if p.get('frozen'):
        for n, q in model.named_parameters():
            if any(n.startswith(f) for f in p['frozen']): q.requires_grad_(False)
    if p.get('raw_groups'): groups = [nn.Sequential(*[_sub(model, n) for n in g]) for g in p['raw_groups']]
    elif p.get('split'):    groups = tc.split_model(model, [_sub(model, n) for n in p['split']])
    elif p.get('idxs'):     groups = tc.split_model_idx(model, list(p['idxs']))
    else:                   groups = [nn.Sequential(*tc.flatten_model(model))]
    nm = lambda l: [names.get(id(o), '?') for o in l]
    out = {'flat': [type(o).__name__ for o in tc.flatten_model(model)],
           'groups': [[type(o).__name__ for o in g] for g in groups],
           'split_no_wd_params': [nm(g) for g in tc.split_no_wd_params(groups)],
           'get_param_groups': [nm(g) for g in tc.get_param_groups(groups)],
           'trainable': nm(tc.trainable_params(model))}
    def mk():
        o = lib.get('callback.OptimWrapper').create(functools.partial(optim.SGD, momentum=0.9), 0.1, groups)
        return [len(g['params']) for g in o.opt.param_groups]
    out['optim_group_sizes'] = cap(mk)
    return out

def collect(lib, learn, spy, rec):
    r, out = learn.recorder, {}
    if 'iters' in rec:
        out['lrs'], out['moms'], out['smooth'] = nums(r.lrs), nums(r.moms), nums(r.losses)
        out['raw'] = list(spy.raw)
    if 'final_loss' in rec: out['final_loss'] = list(spy.final)
    if 'group_lrs' in rec: out['group_lrs'] = [list(o) for o in spy.lrs]
    if 'wds' in rec: out['wds'] = [list(o) for o in spy.wds]
    if 'inner_mom' in rec: out['inner_mom'] = list(spy.moms)
    if 'epochs' in rec:
        out['val_losses'], out['metrics'], out['nb_batches'] = nums(r.val_losses), nums(r.metrics), nums(r.nb_batches)
        out['names'] = [str(o) for o in r.names]
    return out

def csv_text(path):
    "rows of a history file; the time column (last one when the header ends in 'time') is dropped"
    rows = [l.split(',') for l in Path(path).read_text().strip().split('\n')]
    return [r[:-1] if rows[0][-1] == 'time' else r for r in rows]

@runner('train')
def run_train(lib, p, tmp):
    """build a Learner, run steps, record.
    record: iters, epochs, group_lrs, wds, inner_mom, final_loss, params (end), params_each, hyper, trace, saves, files, csv, opt_lr"""
    rec, trace = p['record'], Trace() if 'trace' in p['record'] else None
    learn = make_learner(lib, p, tmp, trace)
    spy = make_spy(lib); spy.lrn = learn
    if 'iters' in rec or 'final_loss' in rec or 'group_lrs' in rec or 'wds' in rec: learn.callbacks.append(spy)
    saved = []
    if 'saves' in rec:
        orig = learn.save
        def save(file=None, *a, **k):
            saved.append(str(file)); return orig(file, *a, **k)
        learn.save = save
    out = {'steps': []}
    TRAIN = ('fit', 'fit_one_cycle', 'fit_fc', 'lr_find')
    for st in p['steps']:
        st, r = dict(st), {}
        do = st.pop('do')
        if trace is not None: trace.rows.append(['--', do])
        base = BaseException if p.get('catch_base') else Exception
        def go():
            kw = dec_kw({k: v for k, v in st.items() if k not in ('callbacks', 'args', 'note', 'metrics', 'as', 'with_mom')}, lib)
            if 'callbacks' in st: kw['callbacks'] = [make_cb(lib, c, learn, trace) for c in st['callbacks']]
            if 'metrics' in st: kw['metrics'] = [make_metric(lib, m, trace) for m in st['metrics']]
            args = dec(st.get('args', []), lib)
            if do in TRAIN or do in ('freeze', 'unfreeze', 'freeze_to', 'save', 'load', 'purge', 'to_fp32'):
                x = getattr(learn, do)(*args, **kw)
                if do == 'save': return None if x is None else Path(x).name
                return None if x is None else type(x).__name__
            if do == 'to_fp16': learn.to_fp16(*args, **kw); return None
            if do == 'clip_grad': learn.clip_grad(*args, **kw); return None
            if do == 'mixup': learn.mixup(*args, **kw); return None
            if do == 'split': learn.split([_sub(learn.model, n) for n in st['args'][0]]); return None
            if do == 'set': setattr(learn, args[0], args[1]); return None
            if do == 'perturb':
                with torch.no_grad():
                    for i, q in enumerate(learn.model.parameters()): q.add_(torch.from_numpy(u11(args[0] + i, q.shape)).to(q.dtype))
                return None
            if do == 'set_add_cb': learn.callbacks.append(make_cb(lib, args[0], learn, trace)); return None
            if do == 'validate': return nums(learn.validate(**kw))
            if do == 'get_preds':
                if 'ds_type' in kw: kw['ds_type'] = lib.get('basic_data.DatasetType')[kw['ds_type']]
                return [norm(o) for o in learn.get_preds(*args, **kw)]
            if do == 'drop_opt': del learn.opt; return None
            if do == 'opt_state':
                s = learn.opt.state_dict()
                return {'n_state': len(s['state'])}
            raise ValueError(do)
        x = cap(go, msg=p.get('msg', False), base=base)
        if is_exc(x): r['exc'] = x
        elif x is not None: r['returned'] = x
        if do in TRAIN and not (is_exc(x) and not hasattr(getattr(learn, 'recorder', None), 'lrs')): r.update(cap(lambda: collect(lib, learn, spy, rec)))
        if 'hyper' in rec and getattr(learn, 'opt', None) is not None: r['hyper'] = hyper(learn.opt)
        if 'opt_lr' in rec and getattr(learn, 'opt', None) is not None:
            o = learn.opt
            r['opt'] = {'lr': num(o.lr), '_lr': nums(o._lr), 'mom': num(o.mom), 'wd': num(o.wd), 'beta': num(o.beta)}
        if 'params_each' in rec: r['params'] = psum(learn.model.state_dict())
        if 'requires_grad' in rec: r['requires_grad'] = [bool(q.requires_grad) for q in learn.model.parameters()]
        if 'training' in rec: r['bn_training'] = [bool(m.training) for m in learn.model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
        out['steps'].append(r)
    if 'params' in rec: out['params'] = psum(learn.model.state_dict())
    if trace is not None: out['trace'] = trace.json()
    if 'saves' in rec: out['saves'] = saved
    if 'files' in rec: out['files'] = sorted(q.relative_to(tmp).as_posix() for q in Path(tmp).rglob('*') if q.is_file())
    if 'csv' in rec: out['csv'] = {n: csv_text(Path(tmp) / n) for n in p['csv_files']}
    if 'read' in rec: out['read'] = {n: (Path(tmp) / n).read_text() for n in p['read_files'] if (Path(tmp) / n).exists()}
    if 'model_resets' in rec: out['model_resets'] = learn.model.resets
    if 'loss_restored' in rec: out['loss_func'] = type(learn.loss_func).__name__
    if 'cb_attrs' in rec:
        out['cb_attrs'] = {a: num(functools.reduce(getattr, a.split('.'), learn)) for a in p['cb_attrs']}
    return out

def with_stubs(fn):
    def _f(lib, p, tmp):
        with stubbed(p.get('stubs', {})): return fn(lib, p, tmp)
    return _f
RUNNERS['train'] = with_stubs(run_train)

@runner('train_many')
def run_train_many(lib, p, tmp):
    "the same recipe with each of several patches"
    out = []
    for i, patch in enumerate(p['patches']):
        q = copy.deepcopy(p['base'])
        for path, v in patch['set']:
            o = q
            ks = path.split('/')
            for k in ks[:-1]: o = o[int(k)] if isinstance(o, list) else o.setdefault(k, {})
            if isinstance(o, list): o[int(ks[-1])] = v
            else: o[ks[-1]] = v
        d = Path(tmp) / ('v%d' % i)
        d.mkdir()
        reset_rng()
        out.append(cap(lambda: RUNNERS['train'](lib, q, str(d)), base=BaseException if q.get('catch_base') else Exception))
    return {'variants': out}

@runner('handler')
def run_handler(lib, p, tmp):
    "CallbackHandler driven by hand"
    trace = Trace()
    CH = lib.get('callback.CallbackHandler')
    cbs = [make_actor(lib, c, trace) for c in p.get('callbacks', [])]
    mets = [make_metric(lib, m, trace) for m in p.get('metrics', [])]
    h = CH(cbs, mets, **({'beta': p['beta']} if 'beta' in p else {}))
    out = {'order': [type(c).__name__ for c in h.callbacks], 'metric_types': [type(m).__name__ for m in h.metrics], 'init_state': norm(h.state_dict), 'results': []}
    for call in p['calls']:
        m, args, kw = call['m'], dec(call.get('args', []), lib), dec_kw(call.get('kwargs', {}), lib)
        if m == 'skip_validate': r = norm(h.skip_validate)
        elif m == 'state': r = {k: norm(h.state_dict.get(k)) for k in call['keys']}
        elif m == 'keys': r = sorted(h.state_dict)
        else: r = cap(lambda: norm(getattr(h, m)(*args, **kw)), msg=call.get('msg', False))
        out['results'].append(r)
    out['trace'] = trace.json()
    return out

@runner('metric')
def run_metric(lib, p, tmp):
    "a metric through CallbackHandler, batch by batch (uneven last batch), for several epochs"
    CH = lib.get('callback.CallbackHandler')
    res = []
    for spec in p['metrics']:
        warned = []
        def one():
            met = make_metric(lib, spec)
            h = CH([], [met])
            name = getattr(h.metrics[0], 'name', type(h.metrics[0]).__name__)
            h.on_train_begin(len(p['epochs']), None, [met])
            vals = []
            for ep in p['epochs']:
                h.on_epoch_begin()
                preds, targs = dec(ep['preds'], lib), dec(ep['targs'], lib)
                i = 0
                for b in p['batches']:
                    xb, yb = h.on_batch_begin(preds[i:i + b], targs[i:i + b], train=False)
                    o = h.on_loss_begin(preds[i:i + b])
                    h.on_batch_end(torch.tensor(0.5))
                    i += b
                h.on_epoch_end(0.25)
                vals.append([num(o) for o in h.state_dict['last_metrics']])
            h.on_train_end(False)
            return {'name': name, 'last_metrics': vals, 'types': [type(o).__name__ for o in h.state_dict['last_metrics']]}
        with warnings.catch_warnings(record=True) as w:
            warnings.simplefilter('always')
            r = cap(one)
        res.append(r)
    direct = []
    for spec in p.get('direct', []):
        ep = p['epochs'][0]
        direct.append(cap(lambda: norm(make_metric(lib, spec)(dec(ep['preds'], lib), dec(ep['targs'], lib)))))
    out = {'handler': res}
    if direct: out['direct'] = direct
    return out

@runner('losses')
def run_losses(lib, p, tmp):
    "loss functions: value and gradient"
    out = []
    for c in p['cases']:
        def one():
            lf = make_loss(lib, c['loss'])
            x, t = dec(c['input'], lib), dec(c['target'], lib)
            if isinstance(x, torch.Tensor): x = x.requires_grad_(True)
            r = {}
            for k, v in c.get('set', {}).items(): setattr(lf, k, dec(v, lib))
            loss = lf(x, *t) if isinstance(t, tuple) else lf(x, t)
            r['value'] = norm(loss)
            if loss.requires_grad:
                (loss if loss.dim() == 0 else loss.sum()).backward()
                r['grad'] = tsum(x.grad)
            for k in c.get('attrs', []): r[k] = norm(getattr(lf, k))
            if c.get('repr'): r['repr'] = repr(lf)
            return r
        out.append(cap(one))
    return {'cases': out}

@runner('optwrapper')
def run_optwrapper(lib, p, tmp):
    tc, OW = lib.mod('torch_core'), lib.get('callback.OptimWrapper')
    dtype = p.get('dtype', 'float32')
    model = make_model(p['model'], dtype)
    flat = tc.flatten_model(model)
    groups = tc.split_model_idx(model, list(p['idxs'])) if p.get('idxs') else [nn.Sequential(*flat)]
    of = make_opt(lib, p['opt']) or tc.AdamW
    out = {'n_groups': len(groups), 'ops': []}
    opt = OW.create(of, dec(p['lr'], lib), groups, **dec_kw(p.get('kwargs', {}), lib))
    keep = {}
    for op in p['ops']:
        k, a = op[0], op[1:]
        def go():
            nonlocal_opt = keep.get('opt', opt)
            if k == 'get': return norm(getattr(nonlocal_opt, a[0]))
            if k == 'set': setattr(nonlocal_opt, a[0], dec(a[1], lib)); return None
            if k == 'read_val': return norm(nonlocal_opt.read_val(a[0]))
            if k == 'set_val': return norm(nonlocal_opt.set_val(a[0], dec(a[1], lib), **dec_kw(a[2] if len(a) > 2 else {}, lib)))
            if k == 'get_stat': return norm(nonlocal_opt.get_stat(a[0]))
            if k == 'set_stat': nonlocal_opt.set_stat(a[0], dec(a[1], lib)); return None
            if k == 'read_defaults': nonlocal_opt.read_defaults(); return None
            if k == 'hyper': return hyper(nonlocal_opt)
            if k == 'lists': return {n: norm(getattr(nonlocal_opt, n)) for n in ('_lr', '_mom', '_beta', '_wd')}
            if k == 'stat_names': return sorted(n for n in nonlocal_opt._stats if n in HYPER)
            if k == 'step':
                for i, q in enumerate(model.parameters()):
                    if i in (a[1] if len(a) > 1 else []): q.grad = None
                    elif q.requires_grad: q.grad = torch.from_numpy(u11(a[0] + i, q.shape)).to(q.dtype)
                nonlocal_opt.step()
                return psum(model.state_dict())
            if k == 'zero_grad':
                nonlocal_opt.zero_grad()
                return all(q.grad is None or float(q.grad.abs().sum()) == 0 for q in model.parameters())
            if k == 'n_state': return len(nonlocal_opt.state_dict()['state'])
            if k == 'clear': nonlocal_opt.clear(); return len(nonlocal_opt.state_dict()['state'])
            if k == 'new':
                g2 = tc.split_model_idx(model, list(a[0])) if a[0] else [nn.Sequential(*flat)]
                keep['opt'] = nonlocal_opt.new(g2)
                return hyper(keep['opt'])
            if k == 'new_with_params':
                keep['opt'] = nonlocal_opt.new_with_params(tc.split_no_wd_params(groups))
                return hyper(keep['opt'])
            if k == 'get_state':
                s = nonlocal_opt.get_state()
                return {'keys': sorted(s), 'lr': norm(s['lr']), 'wd': norm(s['wd']), 'mom': norm(s['mom']), 'beta': norm(s['beta']),
                        'true_wd': s['true_wd'], 'bn_wd': s['bn_wd'], 'opt_state_keys': sorted(s['opt_state']), 'n_state': len(s['opt_state']['state'])}
            if k == 'reload':
                s = copy.deepcopy(nonlocal_opt.get_state())
                keep['opt'] = OW.load_with_state_and_layer_group(s, groups)
                return {'hyper': hyper(keep['opt']), 'n_state': len(keep['opt'].state_dict()['state'])}
            if k == 'back': keep.pop('opt'); return None
            if k == 'wrap_twice': OW(nonlocal_opt); return None
            if k == 'repr': return [l for l in repr(nonlocal_opt).split('\n') if l.strip().startswith('weight_decay:') or l.startswith(('OptimWrapper', 'True weight'))]
            raise ValueError(k)
        r = cap(go)
        out['ops'].append([k if not a else k + ' ' + json.dumps(a[0]) if not isinstance(a[0], dict) else k, r])
    return out

@runner('cb_state')
def run_cb_state(lib, p, tmp):
    learn = make_learner(lib, p, tmp)
    out = []
    for c in p['cbs']:
        cb = make_cb(lib, c, learn, None)
        for k, v in c.get('setattr', {}).items(): setattr(cb, k, dec(v, lib))
        r = {}
        for mn in (True, False): r['minimal' if mn else 'full'] = {k: norm(v) for k, v in sorted(cb.get_state(minimal=mn).items())}
        ks = sorted(cb.get_state(minimal=False))
        r['repr'] = cap(lambda: [l for i, l in enumerate(repr(cb).split('\n')) if i == 0 or any(l.startswith(k + ': ') for k in ks)])
        if hasattr(cb, 'cb_name'):
            r['cb_name'] = cb.cb_name
            r['on_learner'] = getattr(learn, cb.cb_name) is cb
            r['passthrough'] = cb.wd == learn.wd and cb.learn is learn
        r['order'] = cb._order
        out.append(r)
    return {'cbs': out}

@runner('saveload')
def run_saveload(lib, p, tmp):
    "Learner.save / load: file layout and what is restored"
    learn = make_learner(lib, p, tmp)
    out = {}
    for st in p.get('before', []):
        st = dict(st); getattr(learn, st.pop('do'))(**dec_kw(st, lib))
    for variant in p['variants']:
        def one():
            r, sv = {}, variant.get('save', {})
            if variant.get('drop_opt'): del learn.opt
            target = io.BytesIO() if variant.get('buffer') else variant['name']
            ret = learn.save(target, **sv)
            r['returned'] = None if ret is None else Path(ret).relative_to(tmp).as_posix()
            if variant.get('buffer'): target.seek(0)
            state = tload(target if variant.get('buffer') else Path(tmp) / 'models' / (variant['name'] + '.pth'))
            r['keys'] = sorted(state)[:12]
            if variant.get('buffer'): target.seek(0)
            q = copy.deepcopy(p)
            q['model']['seed'] += 7
            for path, v in variant.get('patch', []):
                o = q
                for k in path.split('/')[:-1]: o = o[k]
                o[path.split('/')[-1]] = v
            l2 = make_learner(lib, q, tmp)
            if variant.get('create_opt'): l2.create_opt(dec(variant['create_opt'], lib), 0.)
            with warnings.catch_warnings(record=True) as w:
                warnings.simplefilter('always')
                ret = l2.load(target, **variant.get('load', {}))
            r['load_returns_self'] = ret is l2
            r['warned_no_opt'] = any("doesn't contain an optimizer" in str(o.message) for o in w)
            r['equal'] = all(torch.equal(a, b) for a, b in zip(learn.model.state_dict().values(), l2.model.state_dict().values()))
            r['has_opt'] = bool(getattr(l2, 'opt', False))
            if r['has_opt']:
                r['hyper'], r['_lr'], r['_wd'], r['mom'] = hyper(l2.opt), nums(l2.opt._lr), nums(l2.opt._wd), num(l2.opt.mom)
                r['n_state'] = len(l2.opt.state_dict()['state'])
            if variant.get('fit'):
                l2.fit(**dec_kw(variant['fit'], lib))
                r['after_fit'] = psum(l2.model.state_dict())
            return r
        out[variant['name']] = cap(one)
    return out

@runner('export')
def run_export(lib, p, tmp):
    "Learner.export: the keys of the pickled state"
    learn = make_learner(lib, p, tmp)
    for st in p.get('before', []):
        st = dict(st); getattr(learn, st.pop('do'))(**dec_kw(st, lib))
    learn.export(p['file'])
    s = tload(Path(tmp) / p['file'])
    out = {'keys': sorted(s), 'cb_state': {k.__name__: {a: norm(b) for a, b in sorted(v.items())} for k, v in s['cb_state'].items()},
           'cls': s['cls'].__name__, 'scalars': {k: norm(s[k]) for k in ('true_wd', 'bn_wd', 'wd', 'train_bn', 'model_dir')},
           'data': norm(s['data']), 'model': type(s['model']).__name__, 'params': psum(s['model'].state_dict()),
           'opt_func': norm(s['opt_func']), 'loss_func': type(s['loss_func']).__name__, 'n_callback_fns': len(s['callback_fns']),
           'metrics': [getattr(m, '__name__', type(m).__name__) for m in s['metrics']]}
    buf = io.BytesIO()
    learn.export(buf)
    buf.seek(0)
    out['buffer_keys'] = sorted(tload(buf))
    return out

@runner('lifecycle')
def run_lifecycle(lib, p, tmp):
    "purge / destroy"
    learn = make_learner(lib, p, tmp)
    learn.fit(1, p['lr'])
    out = {'before': psum(learn.model.state_dict())}
    def purge():
        r = learn.purge(**p.get('purge', {}))
        d = {'returns_self': r is learn, 'has_opt': bool(getattr(learn, 'opt', False)), 'cbs': [type(c).__name__ for c in learn.callbacks],
             'params': psum(learn.model.state_dict()), 'n_callback_fns': len(learn.callback_fns)}
        if d['has_opt']: d['hyper'] = hyper(learn.opt)
        learn.fit(1, p['lr'])
        d['after_fit'] = psum(learn.model.state_dict())
        return d
    out['purge'] = cap(purge)
    l2 = make_learner(lib, p, tmp)
    l2.destroy()
    out['destroyed'] = {'cls': type(l2).__name__, 'fit': cap(lambda: norm(l2.fit(1)))}
    return out

@runner('hooks')
def run_hooks(lib, p, tmp):
    H, model = lib.mod('callbacks.hooks'), make_model(p['model'])
    x = dec(p['x'], lib)
    out = {}
    for name in p['what']:
        def one():
            if name == 'hook_output':
                with H.hook_output(_sub(model, p['at'])) as h: model(x); r = tsum(h.stored)
                h2 = H.hook_output(_sub(model, p['at'])); model(x); h2.remove(); s = h2.stored; h2.stored = None; model(x)
                return {'stored': r, 'removed': h2.removed, 'after_remove': h2.stored is None}
            if name == 'hook_outputs':
                with H.hook_outputs([_sub(model, a) for a in p['at_many']]) as hs: model(x); return {'n': len(hs), 'stored': [tsum(o) for o in hs.stored]}
            if name == 'hook_grad':
                with H.hook_output(_sub(model, p['at']), grad=True) as h:
                    model(x).sum().backward()
                    return [tsum(o) for o in h.stored]
            if name == 'model_sizes': return norm(list(H.model_sizes(model, size=tuple(p['size']))))
            if name == 'num_features_model': return norm(H.num_features_model(model))
            if name == 'dummy_batch': b = H.dummy_batch(model, size=tuple(p['size'])); return [list(b.shape), bool(b.requires_grad), bool((b.abs() <= 1).all())]
            if name == 'dummy_eval':
                model.train(); y = H.dummy_eval(model, size=tuple(p['size'])); return [list(y.shape), model.training]
            if name == 'params_size':
                sz, ps, tr = H.params_size(model, size=tuple(p['psize']))
                return [[norm(o) for o in sz], [norm(o) for o in ps], [norm(o) for o in tr]]
            if name == 'total_params': return [norm(H.total_params(m)) for m in lib.mod('torch_core').flatten_model(model)]
            if name == 'in_channels': return norm(lib.mod('torch_core').in_channels(model))
            raise ValueError(name)
        out[name] = cap(one)
    return out

@runner('summary')
def run_summary(lib, p, tmp):
    learn = make_learner(lib, p, tmp)
    for st in p.get('before', []):
        st = dict(st); a = st.pop('args', []); getattr(learn, st.pop('do'))(*a, **dec_kw(st, lib))
    H = lib.mod('callbacks.hooks')
    info = H.layers_info(learn)
    def txt():
        s = str(learn.summary())
        g = lambda pre: int(next(l for l in s.split('\n') if l.startswith(pre)).split(':')[1].replace(',', ''))
        return {'total': g('Total params'), 'trainable': g('Total trainable params'), 'non_trainable': g('Total non-trainable params'),
                'first_line': s.split('\n')[0], 'loss_line': next((l for l in s.split('\n') if l.startswith('Loss function')), None),
                'optimized': next((l for l in s.split('\n') if l.startswith('Optimized with')), None),
                'true_wd_line': any('true weight decay' in l for l in s.split('\n'))}
    return {'layers_info': [[norm(o) for o in i] for i in info], 'fields': list(info[0]._fields), 'summary': cap(txt), 'training_after': learn.model.training}

@runner('actstats')
def run_actstats(lib, p, tmp):
    learn = make_learner(lib, p, tmp)
    A = lib.get('callbacks.ActivationStats')
    mods = [_sub(learn.model, a) for a in p['modules']] if p.get('modules') else None
    cb = A(learn, modules=mods) if mods else A(learn)
    learn.fit(p['epochs'], p['lr'], callbacks=[cb])
    return {'shape': list(cb.stats.shape), 'stats': _fl(cb.stats.tolist()), 'n_modules': len(cb.modules), 'removed': all(h.removed for h in cb.hooks)}

@runner('interp')
def run_interp(lib, p, tmp):
    learn = make_learner(lib, p, tmp)
    if p.get('fit'): learn.fit(**dec_kw(p['fit'], lib))
    C = lib.get('train.ClassificationInterpretation')
    DTy = lib.get('basic_data.DatasetType')
    it = C.from_learner(learn, ds_type=DTy[p.get('ds_type', 'Valid')])
    v, i = it.top_losses(p['k'])
    vs, is_ = it.top_losses(p['k'], largest=False)
    va, ia = it.top_losses()
    return {'preds': tsum(it.preds), 'y_true': norm(it.y_true), 'losses': nums(it.losses), 'pred_class': norm(it.pred_class),
            'top_losses': [nums(v), nums(i)], 'smallest': [nums(vs), nums(is_)], 'n_all': len(va),
            'confusion_matrix': norm(it.confusion_matrix()), 'confusion_matrix_full': norm(it.confusion_matrix(slice_size=None)),
            'confusion_matrix_slices': norm(it.confusion_matrix(slice_size=p.get('slice_size', 4))),
            'most_confused': [[num(o) for o in t] for t in it.most_confused()],
            'most_confused_min': [[num(o) for o in t] for t in it.most_confused(min_val=p['min_val'])],
            'interpret_type': type(learn.interpret()).__name__}

@runner('genopt')
def run_genopt(lib, p, tmp):
    "GeneralOptimizer stepped by hand: parameters and buffers after every step"
    G = lib.mod('general_optimizer')
    ps = [nn.Parameter(dec(q, lib)) for q in p['params']]
    groups = [{'params': [ps[i] for i in g['idx']], 'lr': g['lr']} for g in p['groups']]
    o = G.GeneralOptimizer(groups, stats=make_stats(lib, p['stats']), on_step=ON_STEP[p['on_step']] if p.get('on_step') else None)
    def bufs(key): return {k: (tsum(v) if isinstance(v, torch.Tensor) and v.dim() > 0 else num(v)) for k, v in sorted(o.state[key].items())}
    out = {'defaults': {k: num(v) for k, v in sorted(o.param_groups[0].items()) if k not in ('params',)}, 'steps': []}
    for s in range(p['n_steps']):
        def one():
            for i, q in enumerate(ps):
                if i not in p.get('nograd', []): q.grad = torch.from_numpy(u11(p['gseed'] + 10 * s + i, q.shape)).to(q.dtype)
            o.step()
            return {'params': [tsum(q) for q in ps], 'state': [bufs(q) for q in ps], 'global': bufs('global'),
                    'groups': [bufs('group%d' % i) for i in range(len(groups))]}
        out['steps'].append(cap(one))
    return out

@runner('sampling')
def run_sampling(lib, p, tmp):
    "OverSamplingCallback / UnderSamplingCallback: sampler set up during the fit, loader put back after it"
    learn = make_learner(lib, p, tmp)
    cls = lib.get(p['cb'])
    kw = dec_kw(p.get('kwargs', {}), lib)
    cb, seen, old = cls(learn, **kw), {}, learn.data.train_dl
    def on_epoch_begin(self, **k):
        dl = learn.data.train_dl
        s = dl.dl.sampler
        seen.update(sampler=type(s).__name__, weights=nums(s.weights), num_samples=int(s.num_samples), replacement=bool(s.replacement), n_batches=len(dl), changed=dl is not old)
    watch = type('Watch', (lib.get('callback.Callback'),), dict(on_epoch_begin=on_epoch_begin, _order=50))()
    learn.fit(1, p['lr'], callbacks=[cb, watch])
    return {'seen': seen, 'label_counts': nums(cb.label_counts), 'weights': nums(cb.weights),
            'total': num(getattr(cb, 'total_len_oversample', getattr(cb, 'total_len_undersample', None))),
            'restored': learn.data.train_dl is old, 'nb_batches': nums(learn.recorder.nb_batches)}

@runner('predict')
def run_predict(lib, p, tmp):
    learn = make_learner(lib, p, tmp)
    DTy = lib.get('basic_data.DatasetType')
    if p.get('fit'): learn.fit(**dec_kw(p['fit'], lib))
    out = {}
    item = dec(p['item'], lib)
    out['predict'] = cap(lambda: norm(learn.predict(item)))
    out['predict_x'] = cap(lambda: norm(learn.predict(item, return_x=True)))
    out['pred_batch'] = {k: cap(lambda: norm(learn.pred_batch(DTy[k]))) for k in p['ds_types']}
    out['pred_batch_recon'] = cap(lambda: norm(learn.pred_batch(batch=(dec(p['batch'], lib), None), activ=_py_fn('double'))))
    out['mc'] = cap(lambda: norm(learn.predict_with_mc_dropout(item, n_times=p['n_times'])))
    def bw():
        learn.model.zero_grad()
        l = learn.backward(item)
        return {'loss': num(l), 'grads': [tsum(q.grad) for q in learn.model.parameters()], 'training': learn.model.training}
    if p.get('backward'): return {'backward': cap(bw)}
    out['single_len_after'] = len(learn.data.single_ds)
    return out

@runner('functional')
def run_functional(lib, p, tmp):
    "loss_batch, validate, get_preds, train_epoch, fit used without a Learner"
    B, dtype = lib.mod('basic_train'), p.get('dtype', 'float32')
    data = make_data(lib, p['data'], dtype, tmp)
    CH = lib.get('callback.CallbackHandler')
    out = {}
    def fresh():
        m = make_model(p['model'], dtype)
        return m, optim.SGD(m.parameters(), lr=p['lr'], momentum=0.9)
    lf = make_loss(lib, p['loss'])
    m, o = fresh()
    xb, yb = next(iter(data.train_dl))
    if p.get('bare'): return {'loss_batch_bare': cap(lambda: norm(B.loss_batch(m, xb, yb, lf, o)))}
    out['loss_batch_eval'] = norm(B.loss_batch(m, xb, yb, lf))
    r = B.loss_batch(m, xb, yb)
    out['loss_batch_noloss'] = [type(r).__name__, len(r), tsum(r[0]), tsum(r[1])]
    h = CH()
    h.on_batch_begin(xb, yb)
    out['loss_batch_train'] = norm(B.loss_batch(m, xb, yb, lf, o, h))
    out['after_one'] = psum(m.state_dict())
    v = B.validate(m, data.valid_dl, lf)
    out['validate'] = [norm(v), type(v).__name__]
    out['validate_n1'] = norm(B.validate(m, data.valid_dl, lf, n_batch=1))
    out['validate_list'] = nums(B.validate(m, data.valid_dl, lf, average=False))
    out['get_preds'] = [tsum(t) for t in B.get_preds(m, data.valid_dl)]
    out['get_preds_loss'] = [tsum(t) for t in B.get_preds(m, data.valid_dl, loss_func=lf, activ=torch.sigmoid, n_batch=2)]
    out['loss_reduction_after'] = getattr(lf, 'reduction', None)
    m, o = fresh()
    out['train_epoch_returns'] = norm(B.train_epoch(m, data.train_dl, o, lf))
    out['train_epoch'] = psum(m.state_dict())
    m, o = fresh()
    class Bl: pass
    bl = Bl(); bl.model, bl.loss_func, bl.opt, bl.data = m, lf, o, data
    trace = Trace()
    B.fit(p['epochs'], bl, callbacks=[make_actor(lib, {'name': 'A'}, trace)], metrics=[make_metric(lib, {'py': 'mean_pred'})])
    out['fit'] = psum(m.state_dict())
    out['fit_rows'] = len(trace.rows)
    return out

@runner('batchinfo')
def run_batchinfo(lib, p, tmp):
    "names, kinds and python types that user code sees"
    learn = make_learner(lib, p, tmp)
    seen = {}
    def mk(ev):
        def f(self, **kw):
            if ev not in seen: seen[ev] = {k: kind(v) for k, v in sorted(kw.items()) if k not in ('pbar', 'metrics')}
        return f
    def kind(v):
        if isinstance(v, torch.Tensor): return 'tensor%d %s%s' % (v.dim(), tname(v.dtype), ' grad' if v.requires_grad else '')
        if isinstance(v, (list, tuple)): return type(v).__name__ + '[' + ', '.join(kind(o) for o in v[:6]) + ']'
        if isinstance(v, np.generic): return 'np.' + type(v).__name__
        return type(v).__name__
    cb = type('Kinds', (lib.get('callback.Callback'),), {'on_' + e: mk(e) for e in EVENTS})()
    learn.fit(p['epochs'], dec(p['lr'], lib), callbacks=[cb])
    r = learn.recorder
    return {'kwargs': seen, 'recorder': {k: kind(getattr(r, k)[-1]) for k in ('losses', 'val_losses', 'lrs', 'moms', 'metrics', 'nb_batches')},
            'metric_callbacks': [type(m).__name__ for m in lib.get('callback.CallbackHandler')([], learn.metrics).metrics],
            'callback_fns0': norm(learn.callback_fns[0])}

@runner('learner_attrs')
def run_learner_attrs(lib, p, tmp):
    "constructor normalisation and defaults"
    learn = make_learner(lib, p, tmp)
    d = lib.get('core.defaults')
    out = {'metrics': len(learn.metrics), 'callbacks': type(learn.callbacks).__name__, 'n_callback_fns': len(learn.callback_fns),
           'opt_func': norm(learn.opt_func), 'wd': norm(learn.wd), 'true_wd': learn.true_wd, 'bn_wd': learn.bn_wd, 'train_bn': learn.train_bn,
           'model_dir': str(learn.model_dir), 'n_layer_groups': len(learn.layer_groups), 'has_opt_before': bool(getattr(learn, 'opt', False)),
           'defaults': {k: norm(getattr(d, k)) for k in ('lr', 'wd', 'extra_callbacks', 'extra_callback_fns', 'silent', 'return_fig')}}
    learn.create_opt(d.lr)
    out['default_opt_lr'] = norm(learn.opt.lr)
    out['default_opt_wd'] = norm(learn.opt.wd)
    out['silent'] = learn.silent
    learn.init(nn.init.zeros_)
    out['init_zeros'] = psum(learn.model.state_dict())
    out['dl_names'] = {k: len(learn.dl(lib.get('basic_data.DatasetType')[k])) for k in ('Train', 'Valid', 'Single', 'Fix')}
    out['test_dl_is_none'] = learn.dl(lib.get('basic_data.DatasetType').Test) is None
    out['ds_types'] = [m.name for m in lib.get('basic_data.DatasetType')]
    return out

@runner('defaults')
def run_defaults(lib, p, tmp):
    "defaults.extra_callbacks / extra_callback_fns / silent are picked up by new Learners"
    d, trace = lib.get('core.defaults'), Trace()
    old = {k: getattr(d, k) for k in ('extra_callbacks', 'extra_callback_fns', 'silent')}
    out = {}
    try:
        d.extra_callbacks = [make_actor(lib, a, trace) for a in p.get('extra_callbacks', [])] or None
        d.extra_callback_fns = [make_cb(lib, {'actor': a}, None, trace, as_fn=True) for a in p.get('extra_callback_fns', [])] or None
        d.silent = p.get('silent', False)
        learn = make_learner(lib, p, tmp, trace)
        out['silent'], out['n_callbacks'], out['n_fns'] = learn.silent, len(learn.callbacks), len(learn.callback_fns)
        learn.fit(1, p['lr'])
        if 'get_preds' in p: trace.rows.append(['--', 'get_preds']); learn.get_preds()
        if 'validate' in p: trace.rows.append(['--', 'validate']); learn.validate()
    finally:
        for k, v in old.items(): setattr(d, k, v)
    out['trace'] = trace.json()
    return out

@runner('recorder_plots')
def run_recorder_plots(lib, p, tmp):
    "what the Recorder's plotting functions draw (line data) and remember"
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    learn = make_learner(lib, p, tmp)
    for st in p['before']:
        st = dict(st); a = st.pop('args', []); getattr(learn, st.pop('do'))(*a, **dec_kw(st, lib))
    out, R = {}, learn.recorder
    for c in p['plots']:
        def one():
            fig = getattr(R, c['f'])(return_fig=True, **c.get('kwargs', {}))
            return [[[num(v) for v in np.asarray([float(o) for o in l.get_xdata()])], [num(float(o)) for o in l.get_ydata()]] for ax in fig.axes for l in ax.lines]
        key = c['f'] + json.dumps(c.get('kwargs', {}), sort_keys=True)
        out[key] = cap(one)
        plt.close('all')
    out['min_grad_lr'] = num(getattr(R, 'min_grad_lr', None))
    return out

@runner('showgraph')
def run_showgraph(lib, p, tmp):
    learn = make_learner(lib, p, tmp)
    learn.fit(p['epochs'], p['lr'])
    calls = []
    class FakeBar:
        def update_graph(self, graphs, xb, yb): calls.append([[[nums(list(a)), nums(list(b))] for a, b in graphs], nums(list(xb)), nums(list(yb))])
    learn.recorder.pbar = FakeBar()
    S = lib.get('train.ShowGraph')(learn)
    r1 = S.on_epoch_end(n_epochs=p['n_epochs'], last_metrics=[0.5])
    r2 = S.on_epoch_end(n_epochs=p['n_epochs'], last_metrics=[None])
    return {'calls': calls, 'returns': [norm(r1), norm(r2)]}

@runner('fp16')
def run_fp16(lib, p, tmp):
    "MixedPrecision on the CPU"
    learn = make_learner(lib, p, tmp)
    learn.to_fp16(**p.get('to_fp16', {}))
    out = {'dtypes': [tname(q.dtype) for q in learn.model.parameters()], 'order': learn.mp_cb._order, 'scale0': num(learn.mp_cb.loss_scale)}
    scales = []
    def on_batch_end(self, train, **kw):
        if train: scales.append([num(learn.mp_cb.loss_scale), num(learn.mp_cb.noskip)])
    w = type('W', (lib.get('callback.Callback'),), dict(on_batch_end=on_batch_end, _order=1500))()
    spy = make_spy(lib); spy.lrn = learn
    learn.fit(p['epochs'], dec(p['lr'], lib), callbacks=[w, spy])
    out.update(scales=scales, raw=spy.raw, val=nums(learn.recorder.val_losses), params=psum({k: v.float() for k, v in learn.model.state_dict().items()}),
               master=[[tsum(q) for q in g] for g in learn.mp_cb.master_params], master_dtypes=[[tname(q.dtype) for q in g] for g in learn.mp_cb.master_params])
    learn.to_fp32()
    out['after_fp32'] = [sorted(set(tname(q.dtype) for q in learn.model.parameters())), [type(c).__name__ for c in learn.callbacks]]
    return out

@runner('master')
def run_master(lib, p, tmp):
    "fp16 helpers on float32 models: master copies, gradient and weight transfer, overflow test"
    M, tc = lib.mod('callbacks.fp16'), lib.mod('torch_core')
    model = make_model(p['model'])
    groups = tc.split_model_idx(model, list(p['idxs'])) if p.get('idxs') else [nn.Sequential(*tc.flatten_model(model))]
    mp, ma = M.get_master(groups, p['flat'])
    for i, q in enumerate(model.parameters()): q.grad = torch.from_numpy(u11(p['gseed'] + i, q.shape)).to(q.dtype)
    M.model_g2master_g(mp, ma, p['flat'])
    out = {'sizes': [[list(q.shape) for q in g] for g in ma], 'grads': [[tsum(q.grad) for q in g] for g in ma]}
    with torch.no_grad():
        for g in ma:
            for q in g: q.mul_(1.5)
    M.master2model(mp, ma, p['flat'])
    out['params'] = psum(model.state_dict())
    out['overflow'] = [M.grad_overflow(mp)]
    next(model.parameters()).grad.reshape(-1)[0] = float('inf')
    out['overflow'].append(M.grad_overflow(mp))
    return out

@runner('torch_core_nn')
def run_tc_nn(lib, p, tmp):
    "module helpers of torch_core"
    tc, out = lib.mod('torch_core'), {}
    model = make_model(p['model'])
    nm = lambda l: [type(o).__name__ for o in l]
    for k in p['what']:
        def one():
            if k == 'flatten': return nm(tc.flatten_model(model))
            if k == 'first_last': return [type(tc.first_layer(model)).__name__, type(tc.last_layer(model)).__name__]
            if k == 'children': return [nm(tc.children(model)), tc.num_children(model), list(tc.range_children(model)), nm(tc.children_and_parameters(model))]
            if k == 'requires_grad':
                r = [tc.requires_grad(model)]; tc.requires_grad(model, False); r.append(tc.requires_grad(model)); tc.requires_grad(model, True)
                return r + [tc.requires_grad(nn.ReLU()), tc.requires_grad(nn.ReLU(), True)]
            if k == 'has_params': return [tc.has_params(m) for m in tc.flatten_model(model)]
            if k == 'split_idx': return [[nm(g) for g in tc.split_model_idx(model, list(i))] for i in p['idxs']]
            if k == 'split_model': return [[nm(g) for g in tc.split_model(model, [_sub(model, n) for n in s])] for s in p['splits']]
            if k == 'split_lists': return [nm(g) for g in tc.split_model(model, [[m for m in model.children()][:2], [m for m in model.children()][2:]])]
            if k == 'set_bn_eval':
                bns = [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
                model.train()
                for q in bns[0].parameters(): q.requires_grad_(False)
                tc.set_bn_eval(model)
                r = [m.training for m in bns]
                model.train()
                for q in bns[0].parameters(): q.requires_grad_(True)
                return r
            if k == 'init':
                m = make_model(p['model']); tc.apply_init(m, nn.init.ones_); a = psum(m.state_dict())
                m = make_model(p['model']); tc.init_default(list(m.children())[0], nn.init.zeros_); b = psum(m.state_dict())
                m = make_model(p['model']); tc.init_default(list(m.children())[0], None); c = psum(m.state_dict())
                return [a, b, c]
            if k == 'half':
                m = tc.model2half(make_model(p['model'])); a = [tname(q.dtype) for q in m.parameters()]
                m = tc.bn2float(make_model(p['model']).half()); return [a, [tname(q.dtype) for q in m.parameters()]]
            if k == 'in_channels': return [norm(tc.in_channels(model)), cap(lambda: tc.in_channels(nn.Sequential(nn.ReLU())), msg=True)]
            if k == 'one_param': return tsum(tc.one_param(model))
            if k == 'get_model': return [tc.get_model(model) is model, tc.get_model(nn.DataParallel(model)) is model]
            if k == 'on_cpu':
                with tc.ModelOnCPU(model) as m: return m is model
            if k == 'none_reduce':
                lf = nn.MSELoss()
                with tc.NoneReduceOnCPU(lf) as l2: a = [l2 is lf, lf.reduction]
                with tc.NoneReduceOnCPU(F.mse_loss) as l3: b = l3(torch.ones(3), torch.zeros(3))
                return a + [lf.reduction, norm(b)]
            if k == 'remove_module_load': return list(tc.remove_module_load({'module.' + n: 0 for n, _ in model.named_parameters()}))
            if k == 'module_meta':
                class M(tc.Module):
                    def __init__(self, a): self.l = nn.Linear(a, a)
                return [len(list(M(3).parameters())), isinstance(M(3), nn.Module)]
            if k == 'apply_leaf':
                seen = []; tc.apply_leaf(model, lambda m: seen.append(type(m).__name__)); return seen
            raise ValueError(k)
        out[k] = cap(one)
    return out

@runner('api')
def run_api(lib, p, tmp):
    "public names and call signatures"
    def dflt(v):
        if v is inspect.Parameter.empty: return '-'
        if isinstance(v, slice): return 'slice(%r, %r)' % (v.start, v.stop)
        if isinstance(v, functools.partial): return 'partial ' + getattr(v.func, '__name__', '?')
        if isinstance(v, (bool, int, float, str, tuple, type(None))): return repr(v)
        if isinstance(v, torch.device): return 'device'
        if callable(v): return 'callable ' + getattr(v, '__name__', type(v).__name__)
        if hasattr(v, 'name') and hasattr(v, 'value'): return str(v).split('.')[-1]
        return type(v).__name__
    out = {'missing': {}, 'signatures': {}}
    for m, names in p.get('names', {}).items():
        def miss(n):
            try: lib.get(m + '.' + n if m else n); return False
            except Missing: return True
        out['missing'][m] = [n for n in names if miss(n)]
    for path in p.get('signatures', []):
        def sig():
            o = lib.get(path)
            f = o.__init__ if isinstance(o, type) else o
            ps = list(inspect.signature(f).parameters.values())
            if isinstance(o, type): ps = ps[1:]
            return [['*' * (1 if q.kind == q.VAR_POSITIONAL else 2 if q.kind == q.VAR_KEYWORD else 0) + q.name, dflt(q.default)] for q in ps]
        try: out['signatures'][path] = sig()
        except Missing as e: out['signatures'][path] = 'missing'
    return out

ARTIFACTS = os.environ.get('GOLDEN_ARTIFACTS')
def art_file(p):
    "artifacts_public/ stands beside this file, or in GOLDEN_ARTIFACTS"
    f = Path(ARTIFACTS or HERE) / ('artifacts_' + p['split']) / p['file']
    if not f.exists(): raise Missing('artifact %s/%s' % (f.parent.name, f.name))
    return f

@runner('artifact_pth')
def run_artifact_pth(lib, p, tmp):
    "read a .pth that real v1 wrote under torch 1.4 through Learner.load"
    art = art_file(p)
    (Path(tmp) / 'models').mkdir(exist_ok=True)
    shutil.copy(str(art), str(Path(tmp) / 'models' / 'legacy.pth'))
    learn = make_learner(lib, p, tmp)
    def one():
        learn.load('legacy', **p.get('load', {}))
        r = {'params': psum(learn.model.state_dict())}
        with torch.no_grad(): r['pred'] = norm(learn.model.eval()(dec(p['x'], lib)))
        o = getattr(learn, 'opt', None)
        r['has_opt'] = o is not None
        if o is not None:
            r['hyper'] = hyper(o)
            st = o.opt.state
            r['opt_state'] = [{k: tsum(v) if isinstance(v, torch.Tensor) and v.dim() > 0 else num(v) for k, v in sorted(st[q].items()) if k in ('step', 'exp_avg', 'exp_avg_sq', 'momentum_buffer', 'square_avg')}
                              for g in o.opt.param_groups for q in g['params']]
        if p.get('fit'):
            learn.fit(**dec_kw(p['fit'], lib))
            r['after_fit'] = psum(learn.model.state_dict())
            r['losses'] = nums(learn.recorder.losses)
        return r
    return {'load': cap(one)}

@runner('artifact_export')
def run_artifact_export(lib, p, tmp):
    "read an export.pkl that real v1 wrote under torch 1.4 through load_learner"
    shutil.copy(str(art_file(p)), str(Path(tmp) / 'export.pkl'))
    def one():
        learn = lib.get('basic_train.load_learner')(tmp)
        r = {'cls': type(learn).__name__, 'params': psum(learn.model.state_dict())}
        with torch.no_grad(): r['pred'] = norm(learn.model.eval()(dec(p['x'], lib)))
        r['scalars'] = {k: norm(getattr(learn, k)) for k in ('true_wd', 'bn_wd', 'wd', 'train_bn')}
        r['loss'] = num(learn.loss_func(learn.model(dec(p['x'], lib)), dec(p['y'], lib)))
        r['metrics'] = [getattr(m, '__name__', type(m).__name__) for m in learn.metrics]
        r['callbacks'] = [[type(c).__name__, {k: norm(getattr(c, k)) for k in ks if hasattr(c, k)}] for c, ks in zip(learn.callbacks, p['cb_keys'])]
        if p.get('classes'): r['classes'] = norm(list(learn.data.classes))
        return r
    return {'load': cap(one)}

# ------------------------------------------------------------------------------------------------------------------
# comparing
# ------------------------------------------------------------------------------------------------------------------
STRICT, LOOSE = bool(os.environ.get('GOLDEN_STRICT')), bool(os.environ.get('GOLDEN_LOOSE_TYPES'))
NO_MSG = bool(os.environ.get('GOLDEN_NO_MSG'))
SPECIAL = {'NaN': math.nan, 'Infinity': math.inf, '-Infinity': -math.inf}

def untag(v):
    if isinstance(v, dict):
        for t in ('$t', '$np', '$tuple', '$set', '$dict'):
            if t in v: return v[t]
    return v
def is_num(v): return (isinstance(v, (int, float)) and not isinstance(v, bool)) or v in ('NaN', 'Infinity', '-Infinity')

class Cmp:
    def __init__(self, tol):
        self.rtol, self.atol = (0., 0.) if STRICT else (tol['rtol'], tol['atol'])
        self.bad, self.max_abs, self.max_rel, self.n = [], 0., 0., 0
    def add(self, path, e, a):
        self.bad.append((path, e, a))
    def __call__(self, e, a, path=''):
        if LOOSE: e, a = untag(e), untag(a)
        if is_exc(e) or is_exc(a):
            if not (is_exc(e) and is_exc(a)): return self.add(path, e, a)
            if e['$exc'] not in a['mro']: return self.add(path, e['$exc'] + ': ' + e['msg'][:80], a['$exc'] + ': ' + a['msg'][:80])
            if e.get('msg_cmp') and not NO_MSG and e['msg'] != a['msg']: return self.add(path + '/msg', e['msg'], a['msg'])
            return
        if isinstance(e, bool) or isinstance(a, bool) or e is None or a is None:
            if not (e is a or (type(e) == type(a) and e == a)): self.add(path, e, a)
            return
        if is_num(e) and is_num(a):
            self.n += 1
            x, y = SPECIAL.get(e, e) if isinstance(e, str) else e, SPECIAL.get(a, a) if isinstance(a, str) else a
            if x == y or (x != x and y != y): return
            if any(isinstance(o, float) and (o != o or abs(o) == math.inf) for o in (x, y)): return self.add(path, e, a)
            d = abs(x - y)
            self.max_abs = max(self.max_abs, d)
            self.max_rel = max(self.max_rel, d / max(abs(x), abs(y)))
            if d > self.atol + self.rtol * abs(x): self.add(path, e, a)
            return
        if isinstance(e, str) or isinstance(a, str):
            if e != a: self.add(path, e, a)
            return
        if isinstance(e, list) and isinstance(a, list):
            if len(e) != len(a): return self.add(path + '/len', len(e), len(a))
            for i, (x, y) in enumerate(zip(e, a)): self(x, y, path + '/%d' % i)
            return
        if isinstance(e, dict) and isinstance(a, dict):
            for k in list(e) + [k for k in a if k not in e]:
                if k not in a: self.add(path + '/' + k, e[k], '<absent>')
                elif k not in e: self.add(path + '/' + k, '<absent>', a[k])
                else: self(e[k], a[k], path + '/' + k)
            return
        self.add(path, e, a)

def reset_rng():
    torch.manual_seed(0); np.random.seed(0); random.seed(0)

def execute(lib, sc):
    "run one scenario -> JSON-able result"
    import matplotlib
    matplotlib.use('Agg')
    p = sc['recipe']
    torch.set_num_threads(1)
    reset_rng()
    cwd = os.getcwd()
    tmp = tempfile.mkdtemp()
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            r = RUNNERS[sc['kind']](lib, p, tmp)
        return json.loads(json.dumps(r, default=lambda o: num(o)))
    finally:
        os.chdir(cwd)
        shutil.rmtree(tmp, ignore_errors=True)

def short(v):
    s = json.dumps(v) if not isinstance(v, str) else v
    return s if len(s) < 90 else s[:87] + '...'

def check_one(lib, sc, prefix):
    "-> (ok, text)"
    try: act = execute(lib, sc)
    except Missing as e: return False, 'MISSING ' + str(e)
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt): raise
        act = {'$scenario_exc': exc_rec(e)}
        import traceback
        tb = traceback.extract_tb(sys.exc_info()[2])
        where = ' at %s:%d' % (Path(tb[-1].filename).name, tb[-1].lineno)
    exp, note = sc['expected'], ''
    if prefix == 'fastai' and 'v1_modern' in sc and int(torch.__version__.split('.')[0]) >= 2:
        exp, note = sc['v1_modern'], ' [real v1 breaks on this stack: matched the record of that]'
    if '$scenario_exc' in act and '$scenario_exc' not in exp:
        e = act['$scenario_exc']
        return False, '%s: %s%s' % (e['$exc'], e['msg'][:200].replace('\n', ' '), where)
    c = Cmp(sc['tol'])
    if '$scenario_exc' in exp: c(exp['$scenario_exc'], act.get('$scenario_exc'), 'exception')
    else: c(exp, act)
    if c.bad:
        p, e, a = c.bad[0]
        return False, '%d mismatches, first at %s: expected %s, got %s' % (len(c.bad), p or '/', short(e), short(a)) + (' [QUIRK: %s]' % sc['quirk'] if sc.get('quirk') else '')
    return True, 'max abs dev %.1e, rel %.1e, %d numbers%s' % (c.max_abs, c.max_rel, c.n, note)

def find(paths):
    fs = []
    for p in paths or [HERE / "public"]:
        p = Path(p)
        if p.is_dir(): fs += sorted(p.glob('*.json'))
        elif p.exists(): fs.append(p)
    return fs

def main(argv):
    sys.dont_write_bytecode = True
    verbose = '-v' in argv
    argv = [a for a in argv if a != '-v']
    pat = None
    if '-k' in argv:
        i = argv.index('-k'); pat = argv[i + 1]; del argv[i:i + 2]
    prefix = os.environ.get('GOLDEN_PREFIX', 'fastloop_v1')
    files = find(argv)
    if not files: print('no scenario files found'); return 2
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        lib = Lib(prefix)
    ok = bad = skipped = 0
    for f in files:
        doc = json.loads(f.read_text())
        for sc in doc.get('scenarios', [doc]):
            if pat and pat not in sc['id']: continue
            if sc.get('quirk') and os.environ.get('GOLDEN_SKIP_QUIRKS'):
                skipped += 1
                print('SKIP %s (quirk)' % sc['id']); continue
            good, text = check_one(lib, sc, prefix)
            ok, bad = ok + good, bad + (not good)
            print(('PASS ' if good else 'FAIL ') + sc['id'] + ((' ' + text) if verbose or not good else ''), flush=True)
    print('%d passed, %d failed%s' % (ok, bad, ', %d skipped' % skipped if skipped else ''))
    return 1 if bad else 0

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
