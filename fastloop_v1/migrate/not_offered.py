"""v1's names of the layers above the training loop, not offered: what each was, what to use instead.

Data only: neither torch nor any other module of this package but `errors` is loaded to read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import NotOfferedError

__all__ = ["NOT_OFFERED", "NotOffered"]


@dataclass(frozen=True)
class NotOffered:
    """A name of a v1 layer that this package does not have.

    Attributes:
        name: the name as it is imported.
        module: v1's module that defined it, without `fastai.` in front.
        what: what it was, in a few words.
        instead: what to do instead, in a few words.
    """

    name: str
    module: str
    what: str
    instead: str

    @property
    def layer(self) -> str:
        """The part of v1 it belonged to: the first part of the module's name."""
        return self.module.partition(".")[0]

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        return (
            f"`{self.name}` was {self.what} (fastai.{self.module}); "
            f"the layer {self.layer!r} of fastai v1 is not offered: {self.instead}."
        )

    def error(self) -> NotOfferedError:
        """The error to raise where the name is used."""
        return NotOfferedError(self.sentence)


_INSTEAD = {
    "any": "write a torch `Dataset` and give it to `DataBunch.create(train_ds, valid_ds, bs=64)`",
    "images": (
        "use a torchvision data set, such as ImageFolder, with `DataBunch.create(train_ds, valid_ds, bs=64)`"
    ),
    "transforms": "use `torchvision.transforms.v2` in the data set",
    "net": "build the model with torchvision or timm and give it to `Learner(data, model)`",
    "texts": (
        "make tensors of token numbers with a tokenizer of your choice, then "
        "`DataBunch.create(..., collate_fn=pad)`"
    ),
    "text net": "build the model with torch or transformers and give it to `Learner(data, model)`",
    "table": "make tensors of the table with pandas, then `DataBunch.create(TensorDataset(...), ...)`",
    "table net": "build a torch model with `layers.embedding` and give it to `Learner(data, model)`",
    "download": "fetch and unpack the data yourself, `core.download_url(url, dest)` loads a file",
    "shown": "plot with matplotlib",
    "gan": "write the two-model step as a callback that returns `skip_bwd` and `skip_step`",
    "interpret": "use `learn.get_preds()` and `ClassificationInterpretation.from_learner(learn)`",
    "widget": "use ipywidgets or a labelling tool",
    "docs": "use pydoc, or Sphinx",
}

# A line with v1's module, what the names were and a key of `_INSTEAD`; below it, indented, the names.
_GROUPS = """\
data_block | a list of items with labels | any
    CategoryList CategoryListBase EmptyLabelList FloatList ItemList ItemLists LabelList LabelLists
    MixedItemList MultiCategoryList
data_block | a step of the data block API | any
    CategoryProcessor MixedItem MixedProcessor MultiCategoryProcessor PreProcessor PreProcessors
    get_files
datasets | a downloader of v1's data sets | download
    datapath4file download_data modelpath4file untar_data url2name url2path
datasets | the addresses of v1's data sets and models | download
    URLs
datasets | the place where v1 kept downloads | download
    Config
vision.data | image data with labels and transforms | images
    ImageDataBunch ImageImageList ImageItemList ImageList ObjectCategoryList ObjectCategoryProcessor
    ObjectItemList PointsItemList PointsLabelList PointsProcessor SegmentationItemList
    SegmentationLabelList SegmentationProcessor
vision.data | a function on image files or image batches | images
    bb_pad_collate channel_view denormalize download_image download_images get_image_files normalize
    normalize_funcs resize_to verify_image verify_images
vision.image | an image, mask, point or box as an item | images
    FlowField Image ImageBBox ImageBase ImagePoints ImageSegment
vision.image | a function on images | images
    bb2hw image2np open_image open_mask open_mask_rle pil2tensor rle_decode rle_encode scale_flow tis2hw
vision.image | a function that draws images | shown
    plot_flat plot_multi show_all show_image
vision.image | a kind of image transform | transforms
    CoordFunc RandTransform ResizeMethod TfmAffine TfmCoord TfmCrop TfmLighting TfmPixel Transform
vision.image | a function that applies image transforms | transforms
    apply_tfms get_crop_target get_resize_target resize_tfms
vision.transform | the list of transforms to train with | transforms
    get_transforms
vision.transform | an image transform | transforms
    apply_perspective brightness contrast crop crop_pad cutout dihedral dihedral_affine find_coeffs
    flip_affine flip_lr jitter pad perspective_warp rand_crop rand_pad rand_resize_crop rand_zoom resize
    rgb_randomize rotate skew squish symmetric_warp tilt zoom zoom_crop zoom_squish
vision.learner | a learner over a pretrained image net | net
    cnn_config cnn_learner create_body create_cnn create_cnn_model create_head has_pool_type
    unet_learner
vision.models | the module of image nets | net
    models
vision.models.unet | a U-Net | net
    DynamicUnet UnetBlock
vision.models | an image net | net
    Darknet EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5
    PResNet ResLayer WideResNet XResNet conv_bn_lrelu presnet101 presnet152 presnet18 presnet34
    presnet50 wrn_22 xresnet101 xresnet152 xresnet18 xresnet18_deep xresnet34 xresnet34_deep xresnet50
    xresnet50_deep
vision.models.cadene_models | an image net of the package pretrainedmodels | net
    dpn92 identity inceptionresnetv2 inceptionv4 nasnetamobile pnasnet5large se_resnet101 se_resnet152
    se_resnet50 se_resnext101_32x4d se_resnext50_32x4d senet154 xception_cadene
vision.gan | a part of v1's training of two models | gan
    AdaptiveGANSwitcher AdaptiveLoss FixedGANSwitcher GANDiscriminativeLR GANItemList GANLearner GANLoss
    GANModule GANTrainer NoisyItem accuracy_thresh_expand basic_critic basic_generator gan_critic
vision.cyclegan | a part of v1's CycleGAN | gan
    CycleGAN CycleGANTrainer CycleGanLoss ImageTuple ImageTupleList TargetTupleList
vision.interpret | a view of a segmentation model's errors | interpret
    ObjectDetectionInterpretation SegmentationInterpretation
vision.tta | prediction over several transforms of an image | transforms
    TTA
text.data | text data with labels | texts
    LMLabel LMLabelList LanguageModelLoader LanguageModelPreLoader NumericalizeProcessor
    OpenFileProcessor SPProcessor SortSampler SortishSampler Text TextClasDataBunch TextDataBunch
    TextFilesList TextLMDataBunch TextList TokenizeProcessor
text.data | a function on text data | texts
    get_default_size open_text pad_collate
text.transform | a tokenizer or vocabulary | texts
    BaseTokenizer SpacyTokenizer Tokenizer Vocab
text.transform | a rule on texts or tokens | texts
    deal_caps fix_html replace_all_caps replace_rep replace_wrep rm_useless_spaces spec_add_spaces
text.learner | a learner over a language model or text classifier | text net
    LanguageLearner MultiBatchEncoder RNNLearner convert_weights decode_spec_tokens get_language_model
    get_text_classifier language_model_learner lm_split masked_concat_pool text_classifier_learner
text.models | a part of a text net | text net
    AWD_LSTM EmbeddingDropout LinearDecoder PoolingLinearClassifier RNNDropout SequentialRNN
    WeightDropout awd_lstm_clas_config awd_lstm_clas_split awd_lstm_lm_config awd_lstm_lm_split
    dropout_mask
text.models | a transformer, or a part of one | text net
    Activation DecoderLayer GeLU MultiHeadAttention MultiHeadRelativeAttention PositionalEncoding Swish
    Transformer TransformerXL feed_forward init_transformer tfmerXL_clas_config tfmerXL_clas_split
    tfmerXL_lm_config tfmerXL_lm_split tfmer_clas_config tfmer_clas_split tfmer_lm_config tfmer_lm_split
text.models.qrnn | a quasi-recurrent net | text net
    BwdForgetMultGPU ForgetMultGPU QRNN QRNNLayer dispatch_cuda forget_mult_CPU
text.models.bwd_forget_mult_cuda | a kernel of the quasi-recurrent net | text net
    bwd_forget_mult_cuda forget_mult_cuda
text.interpret | a view of a text classifier's attention | interpret
    TextClassificationInterpretation WeightsGradsHook piece_attn_html show_piece_attn value2rgba
tabular.data | table data with labels | table
    TabularDataBunch TabularLine TabularList TabularProcessor
tabular.transform | a step that prepares a table | table
    Categorify FillMissing FillStrategy Normalize TabularProc TabularTransform add_cyclic_datepart
    add_datepart add_elapsed_times cont_cat_split cyclic_dt_feat_names cyclic_dt_features make_date
tabular.learner | a learner over a table, or its net | table net
    TabularModel def_emb_sz emb_sz_rule get_tabular_learner tabular_learner
collab | a part of collaborative filtering | table net
    CollabDataBunch CollabLearner CollabLine CollabList CollabProcessor EmbeddingDotBias EmbeddingNN
    collab_learner get_collab_learner
widgets | a notebook widget that cleans or looks at images | widget
    ClassConfusion DatasetFormatter ImageCleaner ImageDownloader PredictionsCorrector
gen_doc | a tool that printed v1's documentation | docs
    TestRegistry doc doctest generate_missing_metadata get_exports get_fn_link get_ft_names
    get_source_link is_enum jekyll_div jekyll_important jekyll_note jekyll_warn link_all link_nb nbtest
    show_doc show_doc_from_name show_video show_video_from_youtube this_tests update_module_page
    update_nb_metadata update_notebooks
sixel | a tool that drew plots in a terminal | shown
    plot_sixel
vision.data | a data set of v1 before 1.0.40 | images
    ImageClassificationDataset ImageDataset ImageFileList ImageMultiDataset ObjectDetectDataset
    SegmentationDataset
data_block | a data set of v1 before 1.0.40 | any
    DatasetBase DatasetTfm InputList LabelDataset LabelXYDataset SplitData SplitDatasets transform_datasets
text.data | a data set of v1 before 1.0.40 | texts
    NumericalizedDataset TextDataset TokenizedDataset
"""


def _read_groups() -> Iterator[NotOffered]:
    module = what = instead = ""
    for line in _GROUPS.splitlines():
        if line.startswith(" "):
            yield from (NotOffered(name, module, what, instead) for name in line.split())
        else:
            module, what, key = (cell.strip() for cell in line.split("|"))
            instead = _INSTEAD[key]


NOT_OFFERED: Mapping[str, NotOffered] = MappingProxyType({entry.name: entry for entry in _read_groups()})
"""Each name with what it was."""
