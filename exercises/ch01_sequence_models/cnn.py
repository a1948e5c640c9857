"""1.3 Brief interlude, convolutional neural networks (CNNs) in NLP: one small window, read at all places at once.

Sources: Collobert et al. (2011), Natural Language Processing (almost) from Scratch, arXiv:1103.0398 (convolutions over
words, the maximum over time); Kim (2014), Convolutional Neural Networks for Sentence Classification, arXiv:1408.5882;
Kalchbrenner et al. (2014), arXiv:1404.2188 (wide convolutions); van den Oord et al. (2016), WaveNet, arXiv:1609.03499
(causal and dilated convolutions).

Axes:
    B  sequences of the batch           T  positions of a sequence         N  windows, positions of the result
    C  channels of a position           O  channels of the result          K  width of the kernel
    V  tokens of the vocabulary         W  number of widths                Y  classes

Sequences have their channels last, (B, T, C), as everywhere in this course. torch's own convolutions want (B, C, T) and
give (B, O, N). Kernels have the shape that torch keeps them in, (O, C, K). A mask is boolean, True means "is real".
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    """Slide one small linear layer along the sequences: the same weights at every place.

    With x taken as zero before its first and behind its last position, window n gives

        y[b, n, o] = bias[o] + Σ_k Σ_c weight[o, c, k] · x[b, n · stride + k · dilation − padding, c]

    so that the kernel lies over the sequence as it is written, not turned round. Torch's and NumPy's own convolutions
    and `torch.nn.functional.unfold` are forbidden.

    Args:
        x: (B, T, C) float tensor.
        weight: (O, C, K) tensor of x's dtype.
        bias: (O,) tensor of x's dtype; None adds nothing.
        stride: int, at least 1, positions from the start of one window to the start of the next.
        padding: int, at least 0, zeros that are put before *and* behind every sequence.
        dilation: int, at least 1, positions from one entry of the kernel to the next.

    Returns:
        (B, N, O) tensor of x's dtype, for all windows that lie within the padded sequence:
        N = ⌊(T + 2 · padding − dilation · (K − 1) − 1) / stride⌋ + 1. The arguments are left as they were.

    Raises:
        ValueError: if there is no such window, because dilation · (K − 1) + 1 is more than T + 2 · padding.

    Example:
        >>> x = torch.tensor([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1)
        >>> conv1d(x, torch.tensor([[[10.0, 1.0]]])).flatten().tolist()  # 10 · 1 + 1 · 2 comes first
        [12.0, 24.0, 48.0]

    Collobert et al. (2011), section 3.3.2; dilation after van den Oord et al. (2016), section 2.1.
    """
    raise NotImplementedError


def causal_conv1d(x, weight, bias=None, dilation=1):
    """Convolve so that every position sees itself and what came before, never what comes after.

    `torch.nn.functional.conv1d` may do the sums.

    Args:
        x: (B, T, C) float tensor, T at least 1.
        weight: (O, C, K) tensor of x's dtype. Its last entry, k = K − 1, lies over the present position, the one before
            it `dilation` positions earlier, and so on; what lies before the first position is zero.
        bias: (O,) tensor of x's dtype; None adds nothing.
        dilation: int, at least 1.

    Returns:
        (B, T, O) tensor of x's dtype, one result for each position, also where the kernel is wider than the sequence.
        The arguments are left as they were.

    Example:
        >>> x = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1)
        >>> causal_conv1d(x, torch.tensor([[[10.0, 1.0]]])).flatten().tolist()  # 10 · before + 1 · now
        [1.0, 12.0, 24.0]

    van den Oord et al. (2016), section 2.1.
    """
    raise NotImplementedError


def max_over_time_pool(x, mask=None):
    """Keep the strongest answer of every channel, wherever in the sequence it was given.

    Torch's own pooling layers are forbidden.

    Args:
        x: (B, T, C) float tensor, T at least 1. Real positions hold finite numbers of any size; what stands at the
            padding must not matter, even if it is infinite or NaN.
        mask: (B, T) boolean, True at real positions, which may be any of the T; None means that all are real.

    Returns:
        (B, C) tensor of x's dtype, the largest real number of each channel. A sequence without any real position
        gets zeros, and the gradients there are zero as well: never NaN. The arguments are left as they were.

    Example:
        >>> x = torch.tensor([[[-3.0, 1.0], [-2.0, 5.0], [0.0, 9.0]]])
        >>> max_over_time_pool(x, torch.tensor([[True, True, False]])).tolist()
        [[-2.0, 5.0]]

    Collobert et al. (2011), section 3.3.2; Kim (2014), section 2.
    """
    raise NotImplementedError


def receptive_field(kernels, strides, dilations):
    """Count how many positions of the input one result of a stack of convolutions can see.

    Args:
        kernels: sequence of ints, at least 1, the kernel's width in each layer; the first layer reads the input.
        strides: sequence of ints, at least 1, one for each layer.
        dilations: sequence of ints, at least 1, one for each layer.

    Returns:
        int, positions from the first one that the result depends on to the last, both included and those between them
        too, even where strides and dilations leave gaps. Padding is left out of account. Without layers it is 1.

    Raises:
        ValueError: if the three are not equally long.

    Example:
        >>> receptive_field([3, 3], [1, 1], [1, 2])  # three of the middle, at distances of 2; each of them sees 3
        7

    Yu and Koltun (2015), Multi-Scale Context Aggregation by Dilated Convolutions, arXiv:1511.07122 (without strides).
    """
    raise NotImplementedError


class TextCNN(nn.Module):
    """Classify texts by the strongest answer of each of many small detectors of phrases.

    Args:
        vocab_size: V.
        hidden_size: C, channels of a token's vector.
        num_filters: O, detectors of each width.
        num_classes: Y.
        widths: sequence of W ints, at least 1, the number of tokens that a detector reads; for each K of them there
            are O detectors.

    Its `state_dict` holds exactly embedding.weight (V, C); for each i from 0 to W − 1, in the order of `widths`,
    convs.i.weight (O, C, K) and convs.i.bias (O,); head.weight (Y, W · O) and head.bias (Y,). The numbers that they
    start from are up to you. There is no dropout. `torch.nn.Conv1d` may do the convolutions.

    Example:
        >>> model = TextCNN(vocab_size=10, hidden_size=6, num_filters=4, num_classes=2)
        >>> tuple(model(torch.zeros(3, 7, dtype=torch.long), torch.tensor([7, 1, 2])).shape)
        (3, 2)
        >>> tuple(model.head.weight.shape), tuple(model.convs[1].weight.shape)
        ((2, 12), (4, 6, 4))

    Kim (2014), section 2, one channel; the windows as in Kalchbrenner et al. (2014), section 3.1.
    """

    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        raise NotImplementedError

    def forward(self, ids, lengths):
        """Compute the scores of all classes.

        A text is embedded, (T, C), and gets K − 1 zero vectors on both sides. Each detector of width K answers at every
        window with ReLU(bias + the sum of products), as `conv1d` of this section with padding K − 1 does; of all
        windows of the text the largest answer is kept. The W · O answers, those of widths[0] first, go through the
        head: answers · head.weightᵀ + head.bias.

        Args:
            ids: (B, T) integer tensor. The text stands first, the padding after it may hold any ids.
            lengths: (B,) integer tensor, from 1 to T, number of real tokens of each text.

        Returns:
            (B, Y) float tensor of scores (no softmax). Each text gets what it would get alone, without padding: at
            padding the vectors are zero, and windows that hold no real token do not count.
        """
        raise NotImplementedError
