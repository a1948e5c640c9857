"""Classic wrong answers to the exercises of 2.2, each with the sentence that tells the learner which one it is."""

import math

import torch
import torch.nn.functional as F

from grader.checks import mistake

FAR_POSITIONS = (0, 999, 99_991, 524_287, 1_000_000)


def far_angles():
    """The angles of eight channels in the check far out, exactly."""
    rows = [[p * 10000.0 ** (-2 * i / 8) for i in range(4)] for p in FAR_POSITIONS]
    return torch.tensor(rows, dtype=torch.float64)


def nearly(*exact):
    """Recognise answers that are right to a few hundredths and no better: the rounding of float32 angles."""

    def recognise(trace):
        tensors = [each.double() for each in trace if isinstance(each, torch.Tensor) and each.shape == exact[0].shape]
        return any(1e-6 < float((each - right).abs().max()) < 0.3 for each in tensors for right in exact)

    return recognise


def far_sinusoids():
    angles = far_angles()
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def far_rotations():
    """Vectors of ones, turned, in both layouts."""
    angles = far_angles()
    first, second = angles.cos() - angles.sin(), angles.cos() + angles.sin()
    return torch.cat([first, second], dim=-1), torch.stack([first, second], dim=-1).flatten(-2)


# --- embedding_lookup ---


@mistake(
    "embedding_lookup",
    says="A negative id counts from the end of the table in your code; it must be refused.",
    patch=("(ids < 0).any() or (ids >= len(table)).any()", "(ids >= len(table)).any()"),
)
def negative_ids_wrap(table, ids):
    return table[ids]


@mistake(
    "embedding_lookup",
    says="You forced ids outside the table into it; they must be refused, or a bug upstream goes unseen.",
    patch=(
        (
            'raise IndexError(f"ids must lie in 0 … {len(table) - 1}, got {ids.min()} … {ids.max()}")',
            "ids = ids.clamp(0, len(table) - 1)",
        ),
    ),
)
def clamps_the_ids(table, ids):
    highest = torch.tensor(len(table) - 1)
    return table[torch.minimum(torch.maximum(ids, torch.tensor(0)), highest)]


@mistake(
    "embedding_lookup",
    says="You cut the graph: the vectors are right, but no gradient reaches the table.",
    patch=("return table[ids]", "return table.detach()[ids]"),
)
def detaches_the_table(table, ids):
    if ids.numel() and not (0 <= int(ids.min()) and int(ids.max()) < table.shape[0]):
        raise IndexError
    with torch.no_grad():
        return table[ids]


# --- embedding_gradient ---


@mistake(
    "embedding_gradient",
    says="A repeated id overwrites: only one of its uses arrives, and they should add up.",
    patch=(
        "gradient.index_add_(0, ids.reshape(-1), upstream.reshape(-1, channels))",
        "gradient[ids.reshape(-1)] = upstream.reshape(-1, channels)",
    ),
)
def repeated_id_overwrites(ids, upstream, vocab_size, padding_id=None):
    gradient = torch.zeros(vocab_size, upstream.size(-1), dtype=upstream.dtype)
    gradient[ids] += upstream
    if padding_id is not None:
        gradient[padding_id] = 0.0
    return gradient


@mistake(
    "embedding_gradient",
    says="You averaged over the uses of a row; the chain rule adds them up.",
    patch=(
        "if padding_id is not None:",
        "counts = torch.bincount(ids.reshape(-1), minlength=vocab_size).clamp(min=1)\n"
        "    gradient /= counts[:, None]\n"
        "    if padding_id is not None:",
    ),
)
def averages_over_uses(ids, upstream, vocab_size, padding_id=None):
    rows = []
    for row in range(vocab_size):
        uses = upstream[ids == row]
        used = len(uses) > 0 and row != padding_id
        rows.append(uses.mean(0) if used else upstream.new_zeros(upstream.shape[-1]))
    return torch.stack(rows)


@mistake(
    "embedding_gradient",
    says="The row of padding_id learns in your code; its gradient must be zero.",
    patch=("if padding_id is not None:", "if False:"),
)
def padding_learns(ids, upstream, vocab_size, padding_id=None):
    hot = F.one_hot(ids, vocab_size).to(upstream.dtype).reshape(-1, vocab_size)
    return hot.T @ upstream.reshape(-1, upstream.shape[-1])


@mistake(
    "embedding_gradient",
    says="You took padding_id 0 for no padding_id: compare with None.",
    patch=("if padding_id is not None:", "if padding_id:"),
)
def padding_zero_is_ignored(ids, upstream, vocab_size, padding_id=None):
    gradient = torch.zeros(vocab_size, upstream.shape[-1], dtype=upstream.dtype)
    gradient.index_put_((ids,), upstream, accumulate=True)
    return gradient if not padding_id else gradient.index_fill(0, torch.tensor([padding_id]), 0.0)


# --- skipgram_pairs ---


@mistake(
    "skipgram_pairs",
    says="You look forward only; the tokens before a center are its contexts as well.",
    patch=("tokens[start:place] + tokens[place + 1", "tokens[place + 1"),
)
def looks_forward_only(tokens, window):
    return [(a, b) for i, a in enumerate(tokens) for b in tokens[i + 1 : i + window + 1]]


@mistake(
    "skipgram_pairs",
    says="Near the beginning your slice starts below zero, which counts from the end of the sentence.",
    patch=("max(0, place - window)", "place - window"),
)
def wraps_round(tokens, window):
    pairs = []
    for i in range(len(tokens)):
        for other in tokens[i - window : i]:
            pairs.append((tokens[i], other))
        for other in tokens[i + 1 : i + window + 1]:
            pairs.append((tokens[i], other))
    return pairs


@mistake(
    "skipgram_pairs",
    says="You left out every equal token; only the center's own place is to be skipped.",
    patch=("for context in contexts]", "for context in contexts if context != center]"),
)
def skips_equal_tokens(tokens, window):
    pairs = []
    for i, a in enumerate(tokens):
        for j in range(max(0, i - window), min(len(tokens), i + window + 1)):
            if tokens[j] != a:
                pairs.append((a, tokens[j]))
    return pairs


@mistake(
    "skipgram_pairs",
    says="You paired each token with itself; its own place is not part of its context.",
    patch=("tokens[start:place] + tokens[place + 1 :", "tokens[start:place] + tokens[place:"),
)
def pairs_with_itself(tokens, window):
    length = len(tokens)
    return [(tokens[i], tokens[j]) for i in range(length) for j in range(length) if abs(i - j) <= window]


@mistake(
    "skipgram_pairs",
    says="Your pairs are (context, center); the center comes first.",
    patch=("(center, context) for context", "(context, center) for context"),
)
def context_first(tokens, window):
    length = len(tokens)
    return [(tokens[j], tokens[i]) for i in range(length) for j in range(length) if 0 < abs(i - j) <= window]


@mistake(
    "skipgram_pairs",
    says="Your window ends one place too early on the right.",
    patch=("place + 1 + window]", "place + window]"),
)
def short_on_the_right(tokens, window):
    length = len(tokens)
    return [
        (tokens[i], tokens[j]) for i in range(length) for j in range(length) if i != j and -window <= j - i < window
    ]


# --- negative_sampling_loss ---


@mistake(
    "negative_sampling_loss",
    says="You rewarded the negatives too: their scores need a minus inside the sigmoid.",
    patch=("F.logsigmoid(-noise)", "F.logsigmoid(noise)"),
)
def rewards_negatives(center, context, negatives):
    both = torch.cat([context[:, None], negatives], dim=1)
    return F.softplus(-(both * center[:, None]).sum(-1)).sum(-1).mean()


@mistake(
    "negative_sampling_loss",
    says="You averaged over the negatives of a pair; they are summed, each is a question of its own.",
    patch=("F.logsigmoid(-noise).sum(-1)", "F.logsigmoid(-noise).mean(-1)"),
)
def averages_negatives(center, context, negatives):
    real = torch.einsum("bc,bc->b", center, context)
    noise = (negatives * center[:, None]).sum(-1)
    return F.softplus(-real).mean() + F.softplus(noise).mean()


@mistake(
    "negative_sampling_loss",
    says="You summed over the batch; the loss is the mean over its pairs.",
    patch=(".sum(-1)).mean()", ".sum(-1)).sum()"),
)
def sums_over_the_batch(center, context, negatives):
    real = torch.einsum("bc,bc->b", center, context)
    noise = (negatives * center[:, None]).sum(-1)
    return F.softplus(-real).sum() + F.softplus(noise).sum()


@mistake(
    "negative_sampling_loss",
    says="You took the logarithm of a sigmoid that has rounded to 0: confident mistakes cost infinity.",
    patch=(
        ("F.logsigmoid(real)", "torch.log(torch.sigmoid(real))"),
        ("F.logsigmoid(-noise)", "torch.log(torch.sigmoid(-noise))"),
    ),
    recognise=lambda trace: any(isinstance(each, torch.Tensor) and bool(torch.isposinf(each).any()) for each in trace),
)
def log_of_sigmoid(center, context, negatives):
    real = torch.sigmoid((center * context).sum(-1))
    noise = torch.sigmoid((negatives @ center[..., None]).squeeze(-1))
    return -(real.log() + (1 - noise).log().sum(-1)).mean()


@mistake(
    "negative_sampling_loss",
    says="You forgot the minus in front: a loss falls when the answers get better.",
    patch=("return -(F.logsigmoid(real)", "return (F.logsigmoid(real)"),
)
def forgets_the_minus(center, context, negatives):
    real = torch.einsum("bc,bc->b", center, context)
    noise = (negatives * center[:, None]).sum(-1)
    return -F.softplus(-real).mean() - F.softplus(noise).sum(-1).mean()


@mistake(
    "negative_sampling_loss",
    says="You compared the negatives with the contexts; all questions are about the center.",
    patch=('"bc,bkc->bk", center, negatives', '"bc,bkc->bk", context, negatives'),
)
def negatives_against_contexts(center, context, negatives):
    noise = (negatives * context[:, None]).sum(-1)
    return F.softplus(-(center * context).sum(-1)).mean() + F.softplus(noise).sum(-1).mean()


# --- cbow_forward ---


@mistake(
    "cbow_forward",
    says="You divided by the padded width; divide by the number of real contexts.",
    patch=("count = real.sum(1).clamp(min=1)", "count = contexts.shape[1]"),
)
def divides_by_the_width(contexts, mask, table, output):
    vectors = torch.where(mask[..., None], table[contexts], 0.0)
    return vectors.mean(1) @ output.T


@mistake(
    "cbow_forward",
    says="Padding takes part in your mean.",
    patch=("real = mask[..., None].to(table.dtype)", "real = torch.ones_like(mask)[..., None].to(table.dtype)"),
)
def averages_padding(contexts, mask, table, output):
    return table[contexts].mean(1) @ output.T


@mistake(
    "cbow_forward",
    says="You summed the contexts; CBOW takes their mean.",
    patch=(".sum(1) / count", ".sum(1)"),
)
def sums_contexts(contexts, mask, table, output):
    return torch.einsum("bwc,bw,vc->bv", table[contexts], mask.to(table.dtype), output)


@mistake(
    "cbow_forward",
    says="You looked the context up in the output table: it is the other one that holds contexts.",
    patch=(("table[contexts]", "output[contexts]"), ("@ output.T", "@ table.T")),
)
def tables_swapped(contexts, mask, table, output):
    weights = mask.to(table.dtype)
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1)
    return torch.einsum("bwc,bw,vc->bv", output[contexts], weights, table)


# --- train_word2vec ---


@mistake(
    "train_word2vec",
    says="Your negatives come from the table of centers; they are contexts that were not there.",
    patch=("context[noise])", "center[noise])"),
)
def negatives_from_centers(pairs, negatives, center_table, context_table, learning_rate):
    for batch, noise in zip(pairs, negatives, strict=True):
        a, b = center_table.detach().clone(), context_table.detach().clone()
        a.requires_grad_()
        b.requires_grad_()
        c, u = batch.T
        loss = negative_sampling_loss(a[c], b[u], a[noise])  # noqa: F821
        loss.backward()
        center_table, context_table = a.detach() - learning_rate * a.grad, b.detach() - learning_rate * b.grad
    return center_table, context_table


@mistake(
    "train_word2vec",
    says="You went uphill: the gradient is subtracted.",
    patch=("table - learning_rate * g", "table + learning_rate * g"),
)
def goes_uphill(pairs, negatives, center_table, context_table, learning_rate):
    for batch, noise in zip(pairs, negatives, strict=True):
        a, b = center_table.detach().clone().requires_grad_(), context_table.detach().clone().requires_grad_()
        loss = negative_sampling_loss(a[batch[:, 0]], b[batch[:, 1]], b[noise])  # noqa: F821
        loss.backward()
        center_table, context_table = a.detach() + learning_rate * a.grad, b.detach() + learning_rate * b.grad
    return center_table, context_table


@mistake(
    "train_word2vec",
    says="You used one table for both: tokens as centers and tokens as contexts have vectors of their own.",
    patch=(
        "negative_sampling_loss(center[batch[:, 0]], context[batch[:, 1]], context[noise])",
        "negative_sampling_loss(center[batch[:, 0]], center[batch[:, 1]], center[noise]) + 0 * context.sum()",
    ),
)
def one_table(pairs, negatives, center_table, context_table, learning_rate):
    for batch, noise in zip(pairs, negatives, strict=True):
        a = center_table.detach().clone().requires_grad_()
        negative_sampling_loss(a[batch[:, 0]], a[batch[:, 1]], a[noise]).backward()  # noqa: F821
        center_table = a.detach() - learning_rate * a.grad
    return center_table, context_table


@mistake(
    "train_word2vec",
    says="You updated one table after the other; both gradients are taken before either table moves.",
    patch=(
        "gradients = torch.autograd.grad(loss, (center, context))",
        "gradients = [*torch.autograd.grad(loss, center)]\n"
        "        moved = (center - learning_rate * gradients[0]).detach()\n"
        "        loss = negative_sampling_loss(moved[batch[:, 0]], context[batch[:, 1]], context[noise])\n"
        "        gradients += torch.autograd.grad(loss, context)",
    ),
)
def one_after_the_other(pairs, negatives, center_table, context_table, learning_rate):
    center, context = center_table.clone(), context_table.clone()
    for batch, noise in zip(pairs, negatives, strict=True):
        everything = torch.cat([batch[:, 1:], noise], dim=1)
        for moving in ("center", "context"):
            v, u = center[batch[:, 0]][:, None], context[everything]
            slopes = torch.sigmoid((u * v).sum(-1, keepdim=True))
            slopes[:, 0] -= 1
            slopes /= len(batch)
            if moving == "center":
                center = center.index_add(0, batch[:, 0], (slopes * u).sum(1), alpha=-learning_rate)
            else:
                flat = (slopes * v).reshape(-1, v.shape[-1])
                context = context.index_add(0, everything.flatten(), flat, alpha=-learning_rate)
    return center, context


# --- nearest_neighbors ---


@mistake(
    "nearest_neighbors",
    says="You ranked by dot product, so long vectors win; cosine similarity divides by both lengths.",
    patch=("F.cosine_similarity(table, query, dim=-1)", "(table @ query)"),
)
def ranks_by_dot_product(table, query, k, exclude=()):
    scores = torch.einsum("vc,c->v", table, query)
    kept = [i for i in range(len(table)) if i not in exclude]
    if len(kept) < k:
        raise ValueError("not enough rows")
    ids = sorted(kept, key=lambda i: (-float(scores[i]), i))[:k]
    return torch.tensor(ids), scores[ids]


@mistake(
    "nearest_neighbors",
    says="You divided by the rows' lengths only: the similarities still carry the length of the query.",
    patch=("F.cosine_similarity(table, query, dim=-1)", "(F.normalize(table, dim=-1) @ query)"),
)
def query_not_normalised(table, query, k, exclude=()):
    norms = table.norm(dim=-1)
    scores = (table @ query) / torch.where(norms == 0, 1.0, norms)
    kept = [i for i in range(len(table)) if i not in exclude]
    if len(kept) < k:
        raise ValueError("not enough rows")
    ids = sorted(kept, key=lambda i: (-float(scores[i]), i))[:k]
    return torch.tensor(ids), scores[ids]


@mistake(
    "nearest_neighbors",
    says="You sorted upwards, so the most different rows come first.",
    patch=(("-math.inf", "math.inf"), ("descending=True", "descending=False")),
)
def farthest_first(table, query, k, exclude=()):
    scores = F.cosine_similarity(query[None], table, dim=1)
    kept = [i for i in range(len(table)) if i not in exclude]
    if len(kept) < k:
        raise ValueError("not enough rows")
    ids = sorted(kept, key=lambda i: (float(scores[i]), i))[:k]
    return torch.tensor(ids), scores[ids]


@mistake(
    "nearest_neighbors",
    says="You ignored `exclude`: those ids must not be among the neighbours.",
    patch=("excluded[list(exclude)] = True", "excluded[list(exclude)] = False"),
)
def ignores_exclude(table, query, k, exclude=()):
    if k > len(table):
        raise ValueError("not enough rows")
    scores = F.cosine_similarity(table, query[None])
    order = torch.argsort(scores, descending=True, stable=True)[:k]
    return order, scores[order]


@mistake(
    "nearest_neighbors",
    says="You removed excluded ids after cutting to k, so fewer than k neighbours are left.",
    patch=(
        (".masked_fill(excluded, -math.inf)", ""),
        ("return ids[:k], ranked[:k]", "kept = ~excluded[ids[:k]]\n    return ids[:k][kept], ranked[:k][kept]"),
    ),
)
def excludes_too_late(table, query, k, exclude=()):
    if len(table) - len(set(exclude)) < k:
        raise ValueError("not enough rows")
    scores = F.cosine_similarity(table, query[None])
    order = [i for i in torch.argsort(scores, descending=True, stable=True)[:k].tolist() if i not in exclude]
    return torch.tensor(order, dtype=torch.int64), scores[order]


@mistake(
    "nearest_neighbors",
    says="Your sort leaves equal similarities in no particular order; the smaller id comes first.",
    patch=("torch.sort(similarities, descending=True, stable=True)", "torch.topk(similarities, k)"),
)
def order_of_ties(table, query, k, exclude=()):
    if len(table) - len(set(exclude)) < k:
        raise ValueError("not enough rows")
    norms = table.norm(dim=-1) * query.norm()
    scores = (table @ query) / torch.where(norms == 0, 1.0, norms)
    scores[list(exclude)] = -math.inf
    best = scores.topk(k)
    return best.indices, best.values


@mistake(
    "nearest_neighbors",
    says="A vector of zeros gives 0/0 = NaN in your code; its similarity is 0.",
    patch=("F.cosine_similarity(table, query, dim=-1)", "(table @ query / (table.norm(dim=-1) * query.norm()))"),
)
def zero_vectors_give_nan(table, query, k, exclude=()):
    if len(table) - len(set(exclude)) < k:
        raise ValueError("not enough rows")
    scores = (table / table.norm(dim=-1, keepdim=True)) @ (query / query.norm())
    scores[list(exclude)] = -math.inf
    order = torch.argsort(scores, descending=True, stable=True)[:k]
    return order, scores[order]


# --- analogy ---


@mistake(
    "analogy",
    says="Your answers may be a, b or c themselves; exclude all three.",
    patch=("exclude=(a, b, c)", "exclude=()"),
)
def answers_with_its_question(table, a, b, c, k=1):
    unit = table / table.norm(dim=-1, keepdim=True)
    return nearest_neighbors(table, unit[b] - unit[a] + unit[c], k)[0]  # noqa: F821


@mistake(
    "analogy",
    says="You went from b to a; the step to add is b minus a.",
    patch=("to_b - from_a + at_c", "from_a - to_b + at_c"),
)
def step_backwards(table, a, b, c, k=1):
    unit = table / table.norm(dim=-1, keepdim=True)
    return nearest_neighbors(table, unit[c] - (unit[b] - unit[a]), k, [a, b, c])[0]  # noqa: F821


@mistake(
    "analogy",
    says="You added the vectors as they are; brought to length 1 first, each has the same say.",
    patch=("F.normalize(table[[a, b, c]], dim=-1)", "table[[a, b, c]]"),
)
def lengths_decide(table, a, b, c, k=1):
    return nearest_neighbors(table, table[b] - table[a] + table[c], k, [a, b, c])[0]  # noqa: F821


# --- tied_output_logits ---


@mistake(
    "tied_output_logits",
    says="You cut the graph at the table: tied weights learn from the output as well.",
    patch=("table.T", "table.detach().T"),
)
def table_detached(hidden, table):
    return F.linear(hidden, table.clone().detach())


@mistake(
    "tied_output_logits",
    says="You returned probabilities; logits are the bare dot products.",
    patch=("hidden @ table.T", "torch.softmax(hidden @ table.T, dim=-1)"),
)
def returns_probabilities(hidden, table):
    exponentials = torch.exp(F.linear(hidden, table))
    return exponentials / exponentials.sum(-1, keepdim=True)


# --- sinusoidal_positions ---


@mistake(
    "sinusoidal_positions",
    says="Your exponent is off by a factor of two: channels 2i and 2i + 1 turn by base^(−2i/C).",
    patch=("torch.arange(0, channels, 2, dtype=torch.float64)", "torch.arange(channels // 2, dtype=torch.float64)"),
)
def exponent_off_by_two(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    table = torch.zeros(len(positions), channels, dtype=torch.float64)
    for i in range(channels // 2):
        angle = positions.double() / base ** (i / channels)
        table[:, 2 * i], table[:, 2 * i + 1] = angle.sin(), angle.cos()
    return table.float()


@mistake(
    "sinusoidal_positions",
    says="You doubled an index that was even already: the exponents are 0, 2, 4 … over C, not 0, 4, 8 …",
    patch=("/ channels)  # (C/2,)", "* 2 / channels)  # (C/2,)"),
)
def index_doubled_twice(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    table = torch.zeros(len(positions), channels, dtype=torch.float64)
    for i in range(0, channels, 2):
        angle = positions.double() / base ** (2 * i / channels)
        table[:, i], table[:, i + 1] = angle.sin(), angle.cos()
    return table.float()


@mistake(
    "sinusoidal_positions",
    says="You put all sines in front and all cosines behind; here they alternate.",
    patch=(
        "torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)",
        "torch.cat([angles.sin(), angles.cos()], dim=-1)",
    ),
)
def sines_in_front(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    half = channels // 2
    table = torch.zeros(len(positions), channels, dtype=torch.float64)
    for i in range(half):
        angle = positions.double() / base ** (2 * i / channels)
        table[:, i], table[:, half + i] = angle.sin(), angle.cos()
    return table.float()


@mistake(
    "sinusoidal_positions",
    says="You swapped sine and cosine: the even channel holds the sine.",
    patch=("[angles.sin(), angles.cos()]", "[angles.cos(), angles.sin()]"),
)
def cosine_first(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    table = torch.zeros(len(positions), channels, dtype=torch.float64)
    for i in range(channels // 2):
        angle = positions.double() / base ** (2 * i / channels)
        table[:, 2 * i], table[:, 2 * i + 1] = angle.cos(), angle.sin()
    return table.float()


@mistake(
    "sinusoidal_positions",
    says="Your angles are in float32, which has no digits left for far positions: compute them in float64.",
    patch=("dtype=torch.float64", "dtype=torch.float32"),
    recognise=nearly(far_sinusoids()),
)
def angles_in_float32(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    table = torch.zeros(len(positions), channels)
    scale = torch.exp(torch.arange(0, channels, 2).float() * (-math.log(base) / channels))
    table[:, 0::2] = torch.sin(positions.float()[:, None] * scale)
    table[:, 1::2] = torch.cos(positions.float()[:, None] * scale)
    return table


@mistake(
    "sinusoidal_positions",
    says="You counted rows; the positions are given and need not begin at 0 nor follow one another.",
    patch=("positions[:, None] *", "torch.arange(len(positions))[:, None] *"),
)
def counts_rows(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    table = torch.zeros(len(positions), channels, dtype=torch.float64)
    for i in range(channels // 2):
        angle = torch.arange(positions.shape[0], dtype=torch.float64) / base ** (2 * i / channels)
        table[:, 2 * i], table[:, 2 * i + 1] = angle.sin(), angle.cos()
    return table.float()


# --- rotary_embedding ---


@mistake(
    "rotary_embedding",
    says='You swapped the layouts: "half" pairs channel i with i + D/2, "interleaved" pairs 2i with 2i + 1.',
    patch=('if layout == "half" else', 'if layout == "interleaved" else'),
)
def layouts_swapped(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    order = range(0, 2 * half, 2) if layout == "half" else range(half)
    turned, step = x.clone(), 1 if layout == "half" else half
    for i, first in enumerate(order):
        angle = positions.double() * base ** (-i / half)
        u, v = x[..., first].double(), x[..., first + step].double()
        turned[..., first] = (u * angle.cos() - v * angle.sin()).to(x.dtype)
        turned[..., first + step] = (u * angle.sin() + v * angle.cos()).to(x.dtype)
    return turned


@mistake(
    "rotary_embedding",
    says="You mixed the layouts: the channels are paired in one and the angles are laid out for the other.",
    patch=(
        "    return torch.stack([u * cos - v * sin, u * sin + v * cos], dim=axis).flatten(-2).to(x.dtype)",
        "    cos, sin = (torch.repeat_interleave(t, 2, dim=-1) if axis == -2 else t.repeat(1, 2) for t in (cos, sin))\n"
        "    rotated = torch.stack([-v, u], dim=axis).flatten(-2)\n"
        "    return (x.to(dtype) * cos + rotated * sin).to(x.dtype)",
    ),
)
def layouts_mixed(x, positions, base=10000.0, layout="half"):
    size = x.shape[-1]
    if size % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    wide = x if x.dtype == torch.float64 else x.float()
    turned = torch.empty_like(wide)
    for channel in range(size):
        half = size // 2
        if layout == "half":
            pair, other, sign = channel // 2, (channel + half) % size, -1 if channel < half else 1
        else:
            pair, other, sign = channel % half, channel ^ 1, 1 if channel % 2 else -1
        angle = positions.double() * base ** (-2 * pair / size)
        cos, sin = angle.cos().to(wide.dtype), angle.sin().to(wide.dtype)
        turned[..., channel] = wide[..., channel] * cos + sign * wide[..., other] * sin
    return turned.to(x.dtype)


@mistake(
    "rotary_embedding",
    says="You turned the other way: (u, v) becomes (u cos θ − v sin θ, u sin θ + v cos θ).",
    patch=("[u * cos - v * sin, u * sin + v * cos]", "[u * cos + v * sin, v * cos - u * sin]"),
)
def turns_backwards(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    angles = -positions[:, None] * torch.tensor([base ** (-i / half) for i in range(half)], dtype=torch.float64)
    wide = x.double()
    if layout == "half":
        first, second = slice(0, half), slice(half, None)
    else:
        first, second = slice(0, None, 2), slice(1, None, 2)
    turned = torch.empty_like(wide)
    turned[..., first] = wide[..., first] * angles.cos() - wide[..., second] * angles.sin()
    turned[..., second] = wide[..., first] * angles.sin() + wide[..., second] * angles.cos()
    return turned.to(x.dtype)


@mistake(
    "rotary_embedding",
    says="Your second line lacks its plus: with the same sign in both it is no rotation, and lengths change.",
    patch=("[u * cos - v * sin, u * sin + v * cos]", "[u * cos + v * sin, u * sin + v * cos]"),
)
def rotates_without_minus(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    wide = x.double()
    angles = positions[:, None] * torch.tensor([base ** (-i / half) for i in range(half)], dtype=torch.float64)
    if layout == "half":
        swapped, angles = wide.roll(half, -1), angles.repeat(1, 2)
    else:
        swapped, angles = wide.unflatten(-1, (half, 2)).flip(-1).flatten(-2), angles.repeat_interleave(2, -1)
    return (wide * angles.cos() + swapped * angles.sin()).to(x.dtype)


@mistake(
    "rotary_embedding",
    says="Your exponent is off by a factor of two: pair i turns by base^(−2i/D).",
    patch=("torch.arange(0, size, 2, dtype=torch.float64)", "torch.arange(size // 2, dtype=torch.float64)"),
)
def rotary_exponent_off_by_two(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    size, half = x.shape[-1], x.shape[-1] // 2
    wide = x.double()
    angles = positions[:, None] * torch.tensor([base ** (-i / size) for i in range(half)], dtype=torch.float64)
    first, second = (slice(0, half), slice(half, None)) if layout == "half" else (slice(0, None, 2), slice(1, None, 2))
    turned = torch.empty_like(wide)
    turned[..., first] = wide[..., first] * angles.cos() - wide[..., second] * angles.sin()
    turned[..., second] = wide[..., first] * angles.sin() + wide[..., second] * angles.cos()
    return turned.to(x.dtype)


@mistake(
    "rotary_embedding",
    says="You counted the vectors from 0; behind a cache the first new one stands where `positions` says.",
    patch=("angles = positions[:, None] *", "angles = torch.arange(x.shape[-2])[:, None] *"),
)
def rotary_counts_rows(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    wide, rows = x.double(), torch.arange(len(positions), dtype=torch.float64)
    angles = rows[:, None] * torch.tensor([base ** (-i / half) for i in range(half)], dtype=torch.float64)
    first, second = (slice(0, half), slice(half, None)) if layout == "half" else (slice(0, None, 2), slice(1, None, 2))
    turned = torch.empty_like(wide)
    turned[..., first] = wide[..., first] * angles.cos() - wide[..., second] * angles.sin()
    turned[..., second] = wide[..., first] * angles.sin() + wide[..., second] * angles.cos()
    return turned.to(x.dtype)


@mistake(
    "rotary_embedding",
    says="The pairs are right but lie in the wrong channels: put each one back where it came from.",
    patch=("dim=axis).flatten(-2)", "dim=-3 - axis).flatten(-2)"),
)
def pairs_put_elsewhere(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    wide = x.double()
    angles = positions[:, None] * torch.tensor([base ** (-i / half) for i in range(half)], dtype=torch.float64)
    if layout == "half":
        u, v = wide.chunk(2, -1)
        numbers = torch.complex(u.contiguous(), v.contiguous()) * torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(numbers).flatten(-2).to(x.dtype)
    numbers = torch.complex(wide[..., ::2], wide[..., 1::2]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([numbers.real, numbers.imag], dim=-1).to(x.dtype)


@mistake(
    "rotary_embedding",
    says='In the layout "interleaved" you put the first halves of all pairs in front; they belong in channels 2i.',
    patch=("dim=axis).flatten(-2)", "dim=-2).flatten(-2)"),
)
def interleaved_not_put_back(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    wide = x.double()
    angles = positions[:, None] * torch.tensor([base ** (-i / half) for i in range(half)], dtype=torch.float64)
    u, v = wide.chunk(2, -1) if layout == "half" else (wide[..., ::2], wide[..., 1::2])
    return torch.cat([u * angles.cos() - v * angles.sin(), u * angles.sin() + v * angles.cos()], dim=-1).to(x.dtype)


@mistake(
    "rotary_embedding",
    says="You turned float64 vectors in float32; only half precision needs another dtype to be turned in.",
    patch=("dtype = torch.promote_types(x.dtype, torch.float32)", "dtype = torch.float32"),
)
def float64_turned_in_float32(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    angles = positions[:, None] * torch.tensor([base ** (-i / half) for i in range(half)], dtype=torch.float64)
    first, second = (slice(0, half), slice(half, None)) if layout == "half" else (slice(0, None, 2), slice(1, None, 2))
    narrow, cos, sin = x.float(), angles.cos().float(), angles.sin().float()
    turned = torch.empty_like(narrow)
    turned[..., first] = narrow[..., first] * cos - narrow[..., second] * sin
    turned[..., second] = narrow[..., first] * sin + narrow[..., second] * cos
    return turned.to(x.dtype)


@mistake(
    "rotary_embedding",
    says="Your angles are in float32, which has no digits left for far positions: compute them in float64.",
    patch=("torch.arange(0, size, 2, dtype=torch.float64)", "torch.arange(0, size, 2, dtype=torch.float32)"),
    recognise=nearly(*far_rotations()),
)
def rotary_angles_in_float32(x, positions, base=10000.0, layout="half"):
    if x.shape[-1] % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    half = x.shape[-1] // 2
    angles = positions.float()[:, None] / base ** (torch.arange(half).float() / half)
    cos, sin = angles.cos(), angles.sin()
    wide = x if x.dtype == torch.float64 else x.float()
    if layout == "half":
        u, v = wide[..., :half], wide[..., half:]
        return torch.cat([u * cos - v * sin, u * sin + v * cos], dim=-1).to(x.dtype)
    u, v = wide[..., ::2], wide[..., 1::2]
    return torch.stack([u * cos - v * sin, u * sin + v * cos], dim=-1).flatten(-2).to(x.dtype)


# --- alibi_bias ---


@mistake(
    "alibi_bias",
    says="Your bias grows with the distance; what lies further back must count less.",
    patch=("(-slopes[:, None, None] * distance)", "(slopes[:, None, None] * distance)"),
)
def favours_the_distant(num_heads, length):
    bias = torch.zeros(num_heads, length, length)
    for h in range(num_heads):
        for i in range(length):
            bias[h, i, : i + 1] = 2.0 ** (-8 * (h + 1) / num_heads) * torch.arange(i, -1, -1)
            bias[h, i, i + 1 :] = -math.inf
    return bias


@mistake(
    "alibi_bias",
    says="Your first slope is 1; the heads' exponents run from −8/H to −8.",
    patch=("torch.arange(1, num_heads + 1)", "torch.arange(num_heads)"),
)
def slopes_from_one(num_heads, length):
    slopes = torch.tensor([2.0 ** (-8 * h / num_heads) for h in range(num_heads)])
    back = torch.arange(length)[None, :] - torch.arange(length)[:, None]
    return torch.where(back > 0, -math.inf, slopes[:, None, None] * back)


@mistake(
    "alibi_bias",
    says="Your bias leaves the future visible; keys later than the query get −∞.",
    patch=(".masked_fill(distance < 0, -math.inf)", ""),
)
def future_visible(num_heads, length):
    slopes = torch.tensor([2.0 ** (-8 * (h + 1) / num_heads) for h in range(num_heads)])
    back = torch.arange(length)[None, :] - torch.arange(length)[:, None]
    return slopes[:, None, None] * back


# --- yarn_scaling ---


@mistake(
    "yarn_scaling",
    says="You slowed down the fast pairs and kept the slow ones; it is the other way round.",
    patch=(
        "(1 - ramp) * frequencies + ramp * frequencies / factor",
        "ramp * frequencies + (1 - ramp) * frequencies / factor",
    ),
)
def ramp_upside_down(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(math.floor(number(beta_fast)), 0), math.ceil(number(beta_slow))
    speeds = []
    for i in range(head_size // 2):
        kept = min(1.0, max(0.0, (i - low) / (high - low)))
        speeds.append(base ** (-2 * i / head_size) * (kept + (1 - kept) / factor))
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log(factor) / 10


@mistake(
    "yarn_scaling",
    says="You slowed down all pairs alike; that is position interpolation, and fast pairs lose their resolution.",
    patch=("((pair - low) / (high - low)).clamp(0, 1)", "torch.ones_like(pair)"),
)
def interpolates_all(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    pairs = torch.arange(0, head_size, 2).double()
    return 1.0 / (factor * base ** (pairs / head_size)), 0.1 * math.log(factor) + 1.0


@mistake(
    "yarn_scaling",
    says="Your ramp is not cut to 0 … 1, so pairs beyond its ends get speeds that nobody asked for.",
    patch=(".clamp(0, 1)", ""),
)
def ramp_not_cut(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(math.floor(number(beta_fast)), 0), math.ceil(number(beta_slow))
    speeds = []
    for i in range(head_size // 2):
        squeezed = (i - low) / (high - low)
        speeds.append(base ** (-2 * i / head_size) * (1 - squeezed + squeezed / factor))
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log(factor) / 10


@mistake(
    "yarn_scaling",
    says="You took the logarithm to base ten in the attention factor; it is the natural one.",
    patch=("0.1 * math.log(factor) + 1", "0.1 * math.log10(factor) + 1"),
)
def decimal_logarithm(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(math.floor(number(beta_fast)), 0), math.ceil(number(beta_slow))
    speeds = []
    for i in range(head_size // 2):
        squeezed = min(1.0, max(0.0, (i - low) / (high - low)))
        speeds.append(base ** (-2 * i / head_size) * (1 - squeezed + squeezed / factor))
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log10(factor) / 10


@mistake(
    "yarn_scaling",
    says="Your ramp runs over the number of turns, as the paper writes it; here it runs over the numbers of the pairs.",
    patch=(
        "ramp = ((pair - low) / (high - low)).clamp(0, 1)",
        "turns = original_length * frequencies / (2 * math.pi)\n"
        "    ramp = 1 - ((turns - beta_slow) / (beta_fast - beta_slow)).clamp(0, 1)",
    ),
)
def ramp_over_turns(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    speeds = []
    for i in range(head_size // 2):
        speed = base ** (-2 * i / head_size)
        turns = original_length * speed / (2 * math.pi)
        kept = min(1.0, max(0.0, (turns - beta_slow) / (beta_fast - beta_slow)))
        speeds.append(kept * speed + (1 - kept) * speed / factor)
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log(factor) / 10


@mistake(
    "yarn_scaling",
    says="You blended wavelengths; it is the frequencies, in radians per position, that the ramp blends.",
    patch=("(1 - ramp) * frequencies + ramp * frequencies / factor", "frequencies / ((1 - ramp) + ramp * factor)"),
)
def blends_wavelengths(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(math.floor(number(beta_fast)), 0), math.ceil(number(beta_slow))
    speeds = []
    for i in range(head_size // 2):
        squeezed = min(1.0, max(0.0, (i - low) / (high - low)))
        speeds.append(1 / (base ** (2 * i / head_size) * (1 - squeezed + squeezed * factor)))
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log(factor) / 10


@mistake(
    "yarn_scaling",
    says="You squared the attention factor; queries and keys both get it, and only their scores get its square.",
    patch=("0.1 * math.log(factor) + 1", "(0.1 * math.log(factor) + 1) ** 2"),
)
def attention_factor_squared(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(math.floor(number(beta_fast)), 0), math.ceil(number(beta_slow))
    speeds = []
    for i in range(head_size // 2):
        squeezed = min(1.0, max(0.0, (i - low) / (high - low)))
        speeds.append(base ** (-2 * i / head_size) * (1 - squeezed + squeezed / factor))
    return torch.tensor(speeds, dtype=torch.float64), (1 + math.log(factor) / 10) ** 2


@mistake(
    "yarn_scaling",
    says="Your ramp's ends are no whole numbers: low is rounded down, high is rounded up.",
    patch=(
        ("math.floor(pair_with(beta_fast))", "pair_with(beta_fast)"),
        ("math.ceil(pair_with(beta_slow))", "pair_with(beta_slow)"),
    ),
)
def ends_not_rounded(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(number(beta_fast), 0.0), number(beta_slow)
    speeds = []
    for i in range(head_size // 2):
        squeezed = min(1.0, max(0.0, (i - low) / (high - low)))
        speeds.append(base ** (-2 * i / head_size) * (1 - squeezed + squeezed / factor))
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log(factor) / 10


@mistake(
    "yarn_scaling",
    says="Your ramp's ends are no whole numbers: low is rounded down, high is rounded up.",
    patch=("math.floor(pair_with(beta_fast))", "pair_with(beta_fast)"),
)
def low_not_rounded(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def number(turns):
        return head_size / 2 * math.log(original_length / turns / (2 * math.pi)) / math.log(base)

    low, high = max(number(beta_fast), 0.0), math.ceil(number(beta_slow))
    speeds = []
    for i in range(head_size // 2):
        squeezed = min(1.0, max(0.0, (i - low) / (high - low)))
        speeds.append(base ** (-2 * i / head_size) * (1 - squeezed + squeezed / factor))
    return torch.tensor(speeds, dtype=torch.float64), 1 + math.log(factor) / 10
