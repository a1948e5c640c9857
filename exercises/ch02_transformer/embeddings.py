"""2.2 Embeddings: token ids become vectors whose directions mean something, and positions become part of them.

Sources: Mikolov et al. (2013), arXiv:1301.3781 (CBOW and skip-gram) and arXiv:1310.4546 (negative sampling); Levy and
Goldberg (2014), Linguistic Regularities in Sparse and Explicit Word Representations (analogies); Press and Wolf (2016),
arXiv:1608.05859 (tied weights); Vaswani et al. (2017), arXiv:1706.03762, section 3.5 (sinusoids); Su et al. (2021),
arXiv:2104.09864 (rotary embedding); Press et al. (2021), arXiv:2108.12409 (ALiBi); Peng et al. (2023),
arXiv:2309.00071 (YaRN).

Axes:
    V  tokens of the vocabulary    C  channels of the model      B  examples or sequences of the batch
    T  positions of a sequence     D  channels of one head       H  heads
    K  negatives of one pair       W  width of a padded context  S  training steps

All angles are in radians, all logarithms natural.
"""

import math

import torch
import torch.nn.functional as F


def embedding_lookup(table, ids):
    """Replace every token id by its row of the table.

    Torch's own embedding (`torch.nn.functional.embedding`, `torch.nn.Embedding` ...) is forbidden.

    Args:
        table: (V, C) float tensor, one row per token of the vocabulary.
        ids: (...) int64 tensor of any shape, also without axes or without entries.

    Returns:
        (..., C) tensor of the table's dtype; gradients flow back to the table.

    Raises:
        IndexError: if an id is negative or at least V.

    Example:
        >>> table = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
        >>> embedding_lookup(table, torch.tensor([2, 0, 2])).tolist()
        [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
    """
    raise NotImplementedError


def embedding_gradient(ids, upstream, vocab_size, padding_id=None):
    """Send the gradient of looked-up vectors back to the rows that they came from, without autograd.

    Torch's own embedding, `torch.autograd` and `Tensor.backward` are forbidden.

    Args:
        ids: (...) int64 tensor that was looked up, each between 0 and V - 1; any shape, as in `embedding_lookup`.
        upstream: (..., C) float tensor, the gradient of the loss with respect to the looked-up vectors.
        vocab_size: V, number of rows of the table.
        padding_id: the id whose row must not learn, so that its gradient is zero; or None.

    Returns:
        (V, C) tensor of upstream's dtype, the gradient of the loss with respect to the table. A row that was used
        several times gets the sum over its uses; a row that was not used gets zeros. The arguments are left as they
        were.

    Example:
        >>> upstream = torch.tensor([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
        >>> embedding_gradient(torch.tensor([2, 0, 2]), upstream, vocab_size=3).tolist()
        [[10.0, 20.0], [0.0, 0.0], [101.0, 202.0]]
    """
    raise NotImplementedError


def skipgram_pairs(tokens, window):
    """List what word2vec learns from: every token with each of its neighbours.

    Args:
        tokens: list of T tokens (ids or words) of one sentence.
        window: how many tokens to look at on either side, at least 1; fewer where the sentence ends.

    Returns:
        List of (center, context) tuples. Centers in the order of the sentence; for each, its contexts from left to
        right. A token is never its own context, but an equal token at another place is.

    Example:
        >>> skipgram_pairs(["the", "cat", "sat"], window=1)
        [('the', 'cat'), ('cat', 'the'), ('cat', 'sat'), ('sat', 'cat')]

    Mikolov et al. (2013), arXiv:1301.3781, section 3.2, without their random shrinking of the window.
    """
    raise NotImplementedError


def negative_sampling_loss(center, context, negatives):
    """Ask for each pair: real neighbours or noise? Return how badly the vectors answer.

    Args:
        center: (B, C) float tensor, the vectors of the center tokens.
        context: (B, C) float tensor, the vectors of their real neighbours.
        negatives: (B, K, C) float tensor, the vectors of K random tokens for each center.

    Returns:
        A tensor without axes, of center's dtype, in nats: the mean over the batch of
        −log σ(center · context) − Σₖ log σ(−center · negativeₖ), with σ the sigmoid. Finite for scores in the
        thousands; gradients flow to all three arguments.

    Example:
        >>> center, context = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 5.0]])
        >>> negatives = torch.tensor([[[0.0, 1.0], [0.0, -1.0]]])  # all three scores are 0, and σ(0) = 1/2
        >>> round(float(negative_sampling_loss(center, context, negatives)), 4)  # 3 log 2
        2.0794

    Mikolov et al. (2013), arXiv:1310.4546, equation 4, which is the negative of this for one pair.
    """
    raise NotImplementedError


def cbow_forward(contexts, mask, table, output):
    """Guess the missing token from the mean of the vectors around it.

    Args:
        contexts: (B, W) int64 tensor of context ids, each between 0 and V - 1, also at the padding.
        mask: (B, W) boolean tensor, True at real tokens, False at padding (sentences end).
        table: (V, C) float tensor, the vectors of context tokens.
        output: (V, C) float tensor, the vectors of tokens to be guessed.

    Returns:
        (B, V) tensor of logits: the mean of the real context vectors of an example, dotted with every row of `output`.
        An example without any real context gets zeros.

    Example:
        >>> table = torch.tensor([[2.0, 0.0], [0.0, 4.0], [9.0, 9.0]])
        >>> contexts, mask = torch.tensor([[0, 1, 2]]), torch.tensor([[True, True, False]])  # the mean is [1, 2]
        >>> cbow_forward(contexts, mask, table, output=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])).tolist()
        [[1.0, 2.0, 3.0]]

    Mikolov et al. (2013), arXiv:1301.3781, section 3.1.
    """
    raise NotImplementedError


def train_word2vec(pairs, negatives, center_table, context_table, learning_rate):
    """Train skip-gram vectors by plain gradient descent; all that is random was drawn before.

    Call your `negative_sampling_loss`, whose checks must pass first, and let autograd do the rest.

    Args:
        pairs: (S, B, 2) int64 tensor, for each of S steps B pairs (center id, context id).
        negatives: (S, B, K) int64 tensor, for each pair K ids of random tokens, used as they are.
        center_table: (V, C) float tensor, the vectors of tokens as centers, before training.
        context_table: (V, C) float tensor, the vectors of tokens as contexts and as negatives, before training.
        learning_rate: factor of the gradient.

    Returns:
        Tuple (center_table, context_table) after S steps. Each step subtracts learning_rate times the gradient of
        `negative_sampling_loss` of its batch from both tables, at once. The results carry no graph (`requires_grad` is
        False), and the arguments are left as they were.

    Example:
        >>> pairs, negatives = torch.tensor([[[0, 1]]]), torch.tensor([[[2]]])
        >>> center, context = torch.tensor([[4.0], [0.0], [0.0]]), torch.zeros(3, 1)
        >>> center, context = train_word2vec(pairs, negatives, center, context, learning_rate=0.5)
        >>> context.tolist()  # both scores are 0, so each gradient is ±σ(0) · 4 = ±2
        [[0.0], [1.0], [-1.0]]

    Mikolov et al. (2013), arXiv:1310.4546.
    """
    raise NotImplementedError


def nearest_neighbors(table, query, k, exclude=()):
    """Find the tokens whose vectors point most nearly in the query's direction.

    Args:
        table: (V, C) float tensor, one row per token.
        query: (C,) float tensor of the table's dtype, any vector: a row of the table, or a sum of some.
        k: how many neighbours, at least 1.
        exclude: ids that must not be among them (a tuple or list of integers, possibly empty).

    Returns:
        Tuple (ids, similarities): (k,) int64 tensor of ids and (k,) tensor of the table's dtype with their cosine
        similarities to the query, the most similar first. Among equal similarities the smaller id comes first (`topk`
        promises no order there). A vector of zeros has similarity 0 with everything.

    Raises:
        ValueError: if fewer than k rows are left after excluding.

    Example:
        >>> table = torch.tensor([[1.0, 0.0], [5.0, 12.0], [3.0, 4.0], [-2.0, 0.0]])
        >>> ids, similarities = nearest_neighbors(table, torch.tensor([1.0, 0.0]), k=2, exclude=[0])
        >>> ids.tolist(), [round(each, 4) for each in similarities.tolist()]
        ([2, 1], [0.6, 0.3846])
    """
    raise NotImplementedError


def analogy(table, a, b, c, k=1):
    """Answer "a is to b as c is to what?" by adding the step from a to b to c.

    Call your `nearest_neighbors`, whose checks must pass first.

    Args:
        table: (V, C) float tensor, one row per token.
        a: id of the first token.
        b: id of the second token.
        c: id of the third token.
        k: how many answers.

    Returns:
        (k,) int64 tensor of the ids whose vectors have the largest cosine similarity with b − a + c, the best first.
        The three vectors are brought to length 1 before they are added up. a, b and c are never among the answers.

    Example:
        >>> table = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
        >>> analogy(table, a=0, b=1, c=2).tolist()
        [3]

    Mikolov et al. (2013), arXiv:1301.3781, section 4; Levy and Goldberg (2014) call it 3CosAdd.
    """
    raise NotImplementedError


def tied_output_logits(hidden, table):
    """Score every token of the vocabulary with the same table that embedded the input.

    Args:
        hidden: (..., C) float tensor, what the model's last layer says at each position.
        table: (V, C) float tensor, the embedding table.

    Returns:
        (..., V) tensor of logits, the dot product of each hidden vector with each row of the table. Gradients flow to
        both arguments.

    Example:
        >>> table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
        >>> tied_output_logits(torch.tensor([3.0, -1.0]), table).tolist()
        [3.0, -1.0, 4.0]

    Press and Wolf (2016), Using the Output Embedding to Improve Language Models.
    """
    raise NotImplementedError


def sinusoidal_positions(positions, channels, base=10000.0):
    """Write each position as the hands of C/2 clocks, from a fast one to a very slow one.

    Args:
        positions: (T,) int64 tensor of positions, in any order, up to a million.
        channels: C, an even number.
        base: the slowest clock turns base^(1 − 2/C) times more slowly than the fastest, nearly `base` times where C is
            large.

    Returns:
        (T, C) float32 tensor. Channel 2i holds sin(position · base^(−2i/C)) and channel 2i + 1 the cosine of the same
        angle, for i = 0 … C/2 − 1. The angles are computed in float64, so that every entry is right to 1e-6.

    Raises:
        ValueError: if channels is odd.

    Example:
        >>> table = sinusoidal_positions(torch.tensor([0, 1]), channels=4, base=100.0)
        >>> [[round(each, 4) for each in row] for row in table.tolist()]  # clocks of 1 and 1/10 radian per position
        [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0998, 0.995]]

    Vaswani et al. (2017), section 3.5.
    """
    raise NotImplementedError


def rotary_embedding(x, positions, base=10000.0, layout="half"):
    """Turn pairs of channels by an angle that grows with the position, so that scores depend on distances only.

    Args:
        x: (..., T, D) float tensor of queries or keys, D even. Left as it was.
        positions: (T,) int64 tensor, the position of each of the T vectors: any integers up to a million, in any order
            (behind a cache they do not begin at 0).
        base: the slowest pair turns base^(1 − 2/D) times more slowly than the fastest, nearly `base` times where D is
            large.
        layout: which channels form pair i, for i = 0 … D/2 − 1. "half": channels i and i + D/2. "interleaved": channels
            2i and 2i + 1.

    Returns:
        (..., T, D) tensor of x's dtype. The pair (u, v) becomes (u cos θ − v sin θ, u sin θ + v cos θ), in the channels
        where it was, with θ = position · base^(−2i/D). The angles are computed in float64; half precision (float16,
        bfloat16) is turned in float32, other dtypes as they are. Gradients flow to x.

    Raises:
        ValueError: if D is odd, or layout is neither "half" nor "interleaved".

    Example:
        >>> x = torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
        >>> rotary_embedding(x, torch.tensor([0])).tolist()  # the angle 0 turns nothing
        [[1.0, 2.0, 3.0, 4.0]]
        >>> rotary_embedding(x, torch.tensor([1]), layout="interleaved").round(decimals=4).tolist()
        [[-1.1426, 1.9221, 2.9599, 4.0298]]

    Su et al. (2021), section 3.2.2, in the interleaved layout; GPT-NeoX and the Llama of transformers have "half".
    """
    raise NotImplementedError


def alibi_bias(num_heads, length):
    """Tell the scores how far back each key lies, and nothing else about positions.

    Args:
        num_heads: H.
        length: T, number of positions.

    Returns:
        (H, T, T) float32 tensor to be added to the scores before the softmax. Entry (h, i, j) is −mₕ · (i − j) where
        the key j is not later than the query i, and −∞ where it is. Head h = 0 … H − 1 has the slope
        mₕ = 2^(−8 (h + 1)/H).

    Example:
        >>> alibi_bias(num_heads=2, length=3)[:, 2, :2].tolist()  # slopes 1/16 and 1/256, two and one back
        [[-0.125, -0.0625], [-0.0078125, -0.00390625]]

    Press et al. (2021), section 3. Their program picks other slopes where H is no power of two.
    """
    raise NotImplementedError


def yarn_scaling(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    """Stretch a rotary embedding to `factor` times the length that a model was trained for.

    Pair i turns by θᵢ = base^(−2i/D) radians per position. The pair that makes r full turns within the original length
    is number d(r) = D log(original_length / (2π r)) / (2 log base), in general no whole number.

    Args:
        head_size: D, channels of one head, even.
        factor: how many times longer the new context is, at least 1.
        original_length: positions that the model was trained with.
        base: that of the rotary embedding.
        beta_fast: pairs with at least about this many turns keep their speed.
        beta_slow: pairs with at most about this many turns are slowed down by the factor.

    Returns:
        Tuple (frequencies, attention_factor). With low = max(0, ⌊d(beta_fast)⌋), high = ⌈d(beta_slow)⌉ and the ramp
        ρᵢ = (i − low) / (high − low), cut to 0 … 1, frequencies is the (D/2,) float64 tensor of
        (1 − ρᵢ) θᵢ + ρᵢ θᵢ / factor, in radians per position. attention_factor is the float 0.1 log(factor) + 1, by
        which queries and keys are both multiplied. Arguments always give low < high ≤ D − 1.

    Example:
        >>> frequencies, attention_factor = yarn_scaling(8, factor=4.0, original_length=1024)  # low 0, high 3
        >>> [round(each, 6) for each in frequencies.tolist()], round(attention_factor, 4)
        ([1.0, 0.075, 0.005, 0.00025], 1.1386)

    Peng et al. (2023), section 3. The ramp runs over pairs, as in their program and in today's libraries; the
    paper writes it over the number of turns.
    """

    raise NotImplementedError
