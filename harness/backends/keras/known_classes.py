"""The classes that a Keras model may be made of: those that compute on tensors alone.

Source of names: https://keras.io/api/ (3.15). Left out are those that run code of the file or of another framework
(Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer, FlaxLayer), those that read other files (StringLookup, IntegerLookup,
TextVectorization), and operations that take functions.
"""

from __future__ import annotations

_BY_RANK = """
AdaptiveAveragePooling AdaptiveMaxPooling AveragePooling AvgPool Conv Convolution ConvLSTM Cropping
GlobalAveragePooling GlobalAvgPool GlobalMaxPool GlobalMaxPooling MaxPool MaxPooling SeparableConv SeparableConvolution
SpatialDropout UpSampling ZeroPadding DepthwiseConv
"""
_LAYERS = """
Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average
BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization
CutMix Dense Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout
GaussianNoise GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization LeakyReLU
Masking Maximum Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN RandAugment
RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU
RepeatVector Rescaling Reshape Resizing ReversibleEmbedding SimpleRNN SimpleRNNCell Softmax Solarization
SpectralNormalization StackedRNNCells Subtract ThresholdedReLU TimeDistributed UnitNormalization
"""
_MODELS = "Functional Model Sequential"
_PARTS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal VarianceScaling Zeros
L1 L1L2 L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm
DTypePolicy DTypePolicyMap FloatDTypePolicy Policy QuantizedDTypePolicy QuantizedFloat8DTypePolicy Int4DTypePolicy
AbsMaxQuantizer Int8QuantizationConfig Int4QuantizationConfig Float8QuantizationConfig TensorShape
"""
_OPERATIONS = """
Cast ConvertToTensor SaturateCast Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack
"""

KNOWN = frozenset(
    [
        *_LAYERS.split(),
        *_MODELS.split(),
        *_PARTS.split(),
        *(f"{name}{rank}D" for name in _BY_RANK.split() for rank in (1, 2, 3)),
        *(f"{name}{rank}DTranspose" for name in ("Conv", "Convolution") for rank in (1, 2, 3)),
    ]
)
# Values that a configuration writes in the form of a class.
VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__tuple__"})
# Operations between layers, such as a sum, have no public name: all of these modules compute and take no functions.
OPERATION_MODULES = frozenset(f"keras.src.ops.{name}" for name in ("numpy", "nn", "math", "image"))
CORE_MODULE, CORE_OPERATIONS = "keras.src.ops.core", frozenset(_OPERATIONS.split())

OF_KERAS_2 = frozenset({"TFOpLambda", "SlicingOpLambda"})
RUNS_CODE = frozenset({"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
# Layers that run a step for each element of a sequence, by a loop in the graph.
LOOPS = frozenset({"RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "TimeDistributed"})
