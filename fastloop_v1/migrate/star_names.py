"""Names of other packages that v1's star imports brought, each with what it stands for.

Data only, nothing is loaded to read it. `basics` hands all of them out, after it every face of v1 that did.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["THIRD_PARTY"]

# A package, then the names taken from it; `.` is the package itself, `name=other` a name of another kind.
_TABLE = """\
numpy: np=. cos exp log sin tan tanh
pandas: pd=. DataFrame Series
matplotlib: plt=pyplot patches patheffects Patch=patches.Patch
scipy: scipy=.
torch: torch=. nn optim as_tensor F=nn.functional Tensor ByteTensor DoubleTensor FloatTensor HalfTensor
torch: LongTensor ShortTensor
torch.utils.data: BatchSampler DataLoader Dataset Sampler TensorDataset
abc: abstractmethod abstractproperty
bz2: bz2=.
collections: collections=. abc Counter OrderedDict defaultdict namedtuple
concurrent: concurrent=.
concurrent.futures: ProcessPoolExecutor ThreadPoolExecutor
contextlib: contextmanager
copy: copy deepcopy
csv: csv=.
dataclasses: InitVar dataclass field
enum: Enum IntEnum
functools: functools=. partial reduce
gc: gc=.
gzip: gzip=.
hashlib: hashlib=.
html: html=.
importlib: importlib=.
inspect: inspect=.
io: io=. BufferedWriter BytesIO
itertools: itertools=.
json: json=.
math: math=.
mimetypes: mimetypes=.
numbers: numbers=. Number
operator: operator=. attrgetter itemgetter
os: os=.
pathlib: pathlib=. Path
pdb: set_trace
pickle: pickle=.
random: random=.
re: re=.
shutil: shutil=.
subprocess: subprocess=.
sys: sys=.
tarfile: tarfile=.
tempfile: tempfile=.
time: sleep
types: SimpleNamespace
typing: typing=. Any AnyStr Callable Collection Dict Hashable Iterable Iterator List Mapping NewType
typing: Optional Sequence Tuple TypeVar Union
warnings: warnings=. warn
weakref: weakref=.
"""


def _read_table() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _TABLE.splitlines():
        package, _, entries = line.partition(": ")
        for entry in entries.split():
            name, _, inside = entry.partition("=")
            found[name] = package if inside == "." else f"{package}.{inside or name}"
    return found


THIRD_PARTY: Mapping[str, str] = MappingProxyType(_read_table())
