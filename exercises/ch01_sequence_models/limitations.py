"""1.4 The bottleneck, limitations of sequential processing: what a chain of steps costs, and two ways out of it.

Sources: Vaswani et al. (2017), Attention Is All You Need, arXiv:1706.03762, section 4 and table 1; Hochreiter and
Schmidhuber (1997), Long Short-Term Memory, and Arjovsky et al. (2015), arXiv:1511.06464 (the copying task); Hillis and
Steele (1986), Data parallel algorithms, and Martin and Cundy (2017), arXiv:1709.04057 (scans); Sutskever et al. (2014),
arXiv:1409.3215 (one vector for a sentence); Bahdanau et al. (2014), arXiv:1409.0473 (looking back).

Axes:
    B  sequences of the batch           T  positions of a sequence         S  positions of the memory that is asked
    C  channels of a position           M  channels of the memory          A  channels in which query and memory meet

Arrays of numbers are float64. A mask is boolean, True means "is real, may be looked at". Logarithms are natural unless
a base is named. NumPy's warnings cost nothing.
"""

import numpy as np


def complexity_per_layer(kind, n, d, k=3, r=64):
    """Look up what one layer costs, how much of it must wait, and how far news travels in it.

    The leading term of each entry of the table in the lesson, all constants left out, in exact whole numbers.

    Args:
        kind: "self_attention", "recurrent", "convolutional" or "restricted" (self-attention in a neighbourhood).
        n: int, at least 2, positions of the sequence.
        d: int, at least 1, channels of every position.
        k: int, at least 2, width of the kernel; only "convolutional" looks at it.
        r: int from 1 to n, positions that each one sees; only "restricted" looks at it.

    Returns:
        Tuple of three ints:
        the operations: n²·d, n·d², k·n·d² and r·n·d, in the order of the kinds above;
        the sequential steps, which no amount of hardware can do at once: n for "recurrent", 1 for the others;
        the path length between the two ends: 1, n, log_k n and n / r, the last two rounded up.

    The logarithm belongs to kernels whose dilation grows k-fold from layer to layer: rounded up, it is the smallest
    number of layers L with k^L ≥ n. That is exact, also where n is a power of k.

    Raises:
        ValueError: for any other kind.

    Example:
        >>> complexity_per_layer("convolutional", n=10, d=4, k=3)  # 3 · 10 · 4² operations; 3³ = 27 reaches over 10
        (480, 1, 3)

    Vaswani et al. (2017), table 1.
    """
    raise NotImplementedError


def copy_task_batch(rng, batch, length, delay, num_symbols):
    """Draw a batch of the copying task: see some symbols, see nothing for a while, then repeat them.

    With K = `length`, N = `num_symbols` and two more ids, the blank N and the marker N + 1, one row with K = 3,
    `delay` = 4 and N = 8 is

        inputs   5 0 7   8 8 8 9   8 8 8
        targets  8 8 8   8 8 8 8   5 0 7

    Args:
        rng: `np.random.Generator`, the only source of chance.
        batch: B, number of sequences.
        length: K, number of symbols to remember, at least 1.
        delay: number of positions between the last symbol and the first answer, at least 1. They are blanks, but for
            the last of them, which is the marker: it says "now".
        num_symbols: N, at least 2. Every symbol of every sequence is drawn independently, 0 … N − 1 equally likely.

    Returns:
        (inputs, targets), two integer arrays (B, K + delay + K). The inputs hold the symbols, the delay, and K blanks
        while the answer is due. The targets are blank up to there; their last K entries are the symbols in order.

    Example:
        >>> inputs, targets = copy_task_batch(np.random.default_rng(0), batch=1, length=1, delay=3, num_symbols=5)
        >>> inputs[:, 1:].tolist(), targets[:, :-1].tolist(), bool(inputs[0, 0] == targets[0, -1])
        ([[5, 5, 6, 5]], [[5, 5, 5, 5]], True)

    Arjovsky et al. (2015), section 5.1, after Hochreiter and Schmidhuber (1997).
    """
    raise NotImplementedError


def combine_steps(earlier, later):
    """Melt two consecutive stretches of the recurrence h ← a·h + b into a single step of the same form.

    Args:
        earlier: pair (a, b) of arrays of one shape: what happens first turns h into a·h + b, entry by entry.
        later: pair (a, b) of arrays of that shape: what happens to the result of the first.

    Returns:
        Tuple (a, b) of two arrays of that shape: one step that turns every h into what both stretches in turn make of
        it. The arguments are left as they were.

    Example:
        >>> a, b = combine_steps((np.array([2.0]), np.array([1.0])), (np.array([10.0]), np.array([4.0])))
        >>> a.tolist(), b.tolist()  # 10 · (2h + 1) + 4
        ([20.0], [14.0])

    Blelloch (1990), Prefix Sums and Their Applications, on first-order recurrences.
    """
    raise NotImplementedError


def linear_recurrence_scan(a, b, combine):
    """Compute every state of h_t = a_t·h_{t−1} + b_t in ⌈log2 T⌉ rounds instead of T steps.

    All arithmetic is done by `combine`. It is called once for a whole round, with arrays that hold many stretches, and
    exactly ⌈log2 T⌉ times in all: never for T = 1, three times for T = 5 and for T = 8.

    Args:
        a: (B, T, C) array, T at least 1.
        b: (B, T, C) array. The state before the first step is zero, so that h_0 = b_0.
        combine: function of two arguments, `combine(earlier, later)`. Each is a pair (a, b) of arrays with axes
            (B, stretches, C), all four of the same shape: any number of stretches side by side on the middle axis, each
            followed at once by the one at the same place in `later`. It returns the pair of the joined stretches, of
            the same shape again. It is associative, it need not be commutative, and there is no pair that stands for
            "nothing". With another associative `combine` this function computes the recurrence that belongs to it.

    Returns:
        (B, T, C) array. Entry t is the b of the steps 0 … t combined in their order, which for the `combine` of a
        linear recurrence is h_t. The arguments are left as they were.

    Example:
        >>> add_up = lambda earlier, later: (earlier[0], earlier[1] + later[1])  # enough where every a is 1
        >>> b = np.array([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(1, 5, 1)
        >>> linear_recurrence_scan(np.ones((1, 5, 1)), b, add_up).ravel().tolist()
        [1.0, 3.0, 6.0, 10.0, 15.0]

    Hillis and Steele (1986): in round i = 0, 1, 2 … every position t ≥ 2^i joins its stretch to that of t − 2^i.
    """
    raise NotImplementedError


def additive_attention(query, memory, w_query, w_memory, v, mask=None):
    """Let a decoder look back at all states of the encoder and take what fits its present state.

    Args:
        query: (B, C) array, the decoder's state.
        memory: (B, S, M) array, the encoder's states, one for each position of the source.
        w_query: (C, A) weight, applied as query @ w_query.
        w_memory: (M, A) weight, applied as memory @ w_memory.
        v: (A,) weight that turns the A channels into one score. It may be large: the scores do not overflow.
        mask: (B, S) boolean array, True at real positions of the memory, False at its padding; None hides nothing.

    Returns:
        (context, weights). The score of position s is tanh(query w_query + memory_s w_memory) · v. The weights, (B, S),
        are the softmax of the scores over the real positions, and exactly 0 at padding. The context, (B, M), is the
        average of the memory with these weights. Where a sequence has no real position both are zero, not NaN.

    Example:
        >>> memory = np.array([[[0.0], [100.0]]])  # tanh(0) = 0 and tanh(100) = 1, so the scores are 0 and log 3
        >>> one, v = np.array([[1.0]]), np.array([np.log(3)])
        >>> context, weights = additive_attention(np.array([[0.0]]), memory, one, one, v)
        >>> context.round(6).tolist(), weights.round(6).tolist()
        ([[75.0]], [[0.25, 0.75]])

    Bahdanau et al. (2014), section 3.1 and appendix A.1.2.
    """
    raise NotImplementedError


def effective_context(grads, threshold):
    """Measure how far back a model's answer still feels its input.

    Args:
        grads: (B, T, C) array, the gradient of the answer at the last position with respect to the input at every
            position. The influence of a position is the Euclidean norm of its C numbers.
        threshold: float between 0 and 1, 0 excluded.

    Returns:
        (B,) integer array: for each sequence by itself, the number of positions from the earliest one that still has
        an influence of at least `threshold` times the largest one in that sequence, up to the last position, both
        included and the weak ones between them too. For a gradient of zeros it is 0.

    Example:
        >>> grads = np.array([0.1, 4.0, 0.3, -8.0, 5.0]).reshape(1, 5, 1)
        >>> effective_context(grads, threshold=0.5).tolist()  # from the 4.0 on
        [4]
    """
    raise NotImplementedError


def seq2seq_bottleneck(x, width):
    """Measure what is lost when one vector must carry a whole sentence, and when every position keeps its own.

    "Lost" is a share of the squares: Σ (x − x̂)² / Σ x², where x̂ is what the best linear encoder and decoder make of x.
    Best means that no other pair of matrices loses less on this x. Nothing is centred.

    Args:
        x: (B, T, C) array, B sentences of T positions with C channels, not all zero.
        width: W, int, at least 1, numbers in one vector. From T·C or C on, nothing is lost.

    Returns:
        Tuple (fixed, attended) of two floats from 0 to 1.
        fixed: each sentence, as one row of T·C numbers, goes through one vector: x E D with E (T·C, W), D (W, T·C).
        attended: each position, a row of C numbers, goes through a vector of its own, and the decoder may look at all T
        of them; E (C, W) and D (W, C) are the same for all positions and sentences.

    Example:
        >>> x = np.array([[[3.0], [0.0]], [[0.0], [4.0]]])  # as rows: (3, 0) and (0, 4); one direction is all it keeps
        >>> fixed, attended = seq2seq_bottleneck(x, width=1)
        >>> round(fixed, 6), round(attended, 6)  # 9 / (9 + 16) is lost
        (0.36, 0.0)

    Eckart and Young (1936): the best rank-W matrix loses the squares of all singular values after the first W.
    """
    raise NotImplementedError
