"Mentions layers that are not there: nothing happens until one is used."
from fastai.vision import *
from fastai.vision.data import *
from fastai.text import *
from fastai.tabular import *
from fastai.vision import ImageList, ImageDataBunch, cnn_learner, get_transforms, imagenet_stats, models
from fastai.text import TextLMDataBunch, AWD_LSTM, language_model_learner
from fastai.tabular import TabularList, tabular_learner

class MyImages(ImageList):
    "for another project"
    def get(self, i): return super().get(i)

class MyText(TextLMDataBunch): pass

def make_learner(path):
    "is not called here"
    data = ImageDataBunch.from_folder(path, ds_tfms=get_transforms(), size=224).normalize(imagenet_stats)
    return cnn_learner(data, models.resnet18, metrics=accuracy)

xs = torch.randn(16, 2)
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(2, 2), loss_func=MSELossFlat())
learn.fit(1, 1e-2)
try: make_learner('.')
except Exception as e: said = str(e)
assert 'ImageDataBunch' in said or 'get_transforms' in said, said
for use in (lambda: MyImages([]), lambda: TabularList.from_df(None), lambda: MyText.load('x'), lambda: tabular_learner(None)):
    try: use()
    except Exception as e: assert len(str(e)) > 20, e
    else: raise AssertionError('used without complaint')
