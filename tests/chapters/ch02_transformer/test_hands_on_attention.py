"""Hidden suite of 2.4, calculating attention. Oracles: SciPy's softmax, slow loops written here, tables worked by hand.

Plots are read from matplotlib's own objects: a probe hands over raw numbers and texts, the judge puts them together.
"""

import numpy as np
import pytest
from scipy import special

from grader.checks import check_close, check_equal, check_that, check_unchanged, probe

# float64: sums of at most some dozen terms and an exponential, each right to about 1e-15.
F64 = {"rtol": 1e-10, "atol": 1e-12}

# The lesson's head: what every token looks for and offers.
TOKENS = ["The", "cat", "sat", "because", "it", "was", "tired", "."]
X = np.array(
    [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 1], [0, 2, 0, 0], [0, 0, 0, 1]],
    dtype=float,
)
W_Q = np.array([[0, 0, 2, 0], [2, 0, 0, 0], [3, 1, 0, 0], [0, 1, 0, 0]], dtype=float)
W_K = np.array([[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], dtype=float)
W_V = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
W_O = np.array([[4, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
E = np.e

# (H, G): a head with keys of its own, all heads with one, groups, SmolLM2's own.
GROUPS = [(1, 1), (3, 3), (4, 1), (4, 2), (9, 3)]


def random_weights(rng, *shape, causal=True):
    """Rows of non-negative shares that sum to one; with `causal` the later keys get nothing."""
    weights = rng.exponential(size=shape)
    if causal:
        weights = weights * np.tri(shape[-2], shape[-1])
    return weights / weights.sum(axis=-1, keepdims=True)


# --- project_qkv ---


def projections(rng, heads, groups, length=5, channels=6, size=4):
    """A sequence with the three weights, and a slow loop's queries, keys and values."""
    x = rng.normal(size=(length, channels))
    w_q, w_k, w_v = (rng.normal(size=(channels, count * size)) for count in (heads, groups, groups))
    expected = []
    for w in (w_q, w_k, w_v):
        made = np.empty((w.shape[1] // size, length, size))
        for head, t, d in np.ndindex(*made.shape):
            made[head, t, d] = sum(x[t, c] * w[c, head * size + d] for c in range(channels))
        expected.append(made)
    return (x, w_q, w_k, w_v, size), tuple(expected)


@pytest.mark.exercise("project_qkv")
def test_projections_of_the_sentence(learner):
    """In the lesson's head "it" looks for (3, 1, 0, 0), "cat" offers (2, 0, 0, 0) and says (1, 0, 0, 0)."""
    query, key, value = learner.project_qkv(X, W_Q, W_K, W_V, 4)

    check_close(query[0][4], np.array([3.0, 1.0, 0.0, 0.0]), **F64, of='what "it" looks for')
    check_close(key[0][1], np.array([2.0, 0.0, 0.0, 0.0]), **F64, of='what "cat" offers')
    check_close(value[0][1], np.array([1.0, 0.0, 0.0, 0.0]), **F64, of='what "cat" says')
    check_close(key[0][5], np.array([0.0, 2.0, 1.0, 0.0]), **F64, of='what "was" offers')


@pytest.mark.exercise("project_qkv")
def test_projections_of_one_head(learner, rng):
    """With one head the three are the products with their own weights, behind an axis of one head."""
    arguments, expected = projections(rng, 1, 1)

    check_close(learner.project_qkv(*arguments), expected, **F64, of="(query, key, value)")


@pytest.mark.exercise("project_qkv", points=2)
def test_heads_are_cut_from_channels(learner, rng):
    """Head h of token t is made of the columns h·D … (h + 1)·D − 1 and of nothing of another token."""
    (x, w_q, w_k, w_v, size), expected = projections(rng, 3, 3)

    check_close(learner.project_qkv(x, w_q, w_k, w_v, size), expected, **F64, of="(query, key, value)")


@pytest.mark.exercise("project_qkv")
@pytest.mark.parametrize(("heads", "groups"), GROUPS[2:], ids=str)
def test_fewer_keys_and_values_than_queries(learner, rng, heads, groups):
    """There are H heads of queries, but only G of keys and of values."""
    arguments, expected = projections(rng, heads, groups, length=3)

    check_close(learner.project_qkv(*arguments), expected, **F64, of="(query, key, value)")


@pytest.mark.exercise("project_qkv")
@pytest.mark.parametrize("length", [1, 2, 12])
def test_sentences_of_any_length(learner, rng, length):
    """One token or many, heads wider than the model or of a single channel: the shapes follow the sentence."""
    for size in (1, 7):
        arguments, expected = projections(rng, 2, 1, length=length, size=size)

        check_close(learner.project_qkv(*arguments), expected, **F64, of="(query, key, value)")


# --- attention_scores ---


def slow_scores(query, key):
    heads, length, size = query.shape
    scores = np.empty((heads, length, key.shape[1]))
    for h, t, s in np.ndindex(*scores.shape):
        scores[h, t, s] = np.dot(query[h, t], key[h * len(key) // heads, s]) / size**0.5
    return scores


@pytest.mark.exercise("attention_scores")
def test_scores_of_the_sentence(learner):
    """In the lesson's head "it" scores 3 with "cat", 1 with "sat", 2 with "tired", and 0 with "The"."""
    scores = learner.attention_scores((X @ W_Q)[None], (X @ W_K)[None])

    check_close(scores[0][4], np.array([0, 3, 1, 0, 0, 1, 2, 0.0]), **F64, of='the row of "it"')
    check_close(scores[0][5], np.array([0, 2, 1, 0, 0, 1, 2, 0.0]), **F64, of='the row of "was"')


@pytest.mark.exercise("attention_scores")
@pytest.mark.parametrize("size", [1, 2, 9, 64])
def test_scores_are_divided_by_the_root_of_d(learner, rng, size):
    """Whatever D is, the dot products are divided by its root."""
    query, key = rng.normal(size=(2, 3, size)), rng.normal(size=(2, 3, size))

    check_close(learner.attention_scores(query, key), slow_scores(query, key), **F64)


@pytest.mark.exercise("attention_scores")
def test_queries_and_keys_of_different_numbers(learner, rng):
    """Two queries and five keys give two rows of five: the rows are the queries'."""
    query, key = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 5, 4))

    check_close(learner.attention_scores(query, key), slow_scores(query, key), **F64)


@pytest.mark.exercise("attention_scores", points=2)
@pytest.mark.parametrize(("heads", "groups"), GROUPS, ids=str)
def test_neighbouring_heads_share_their_keys(learner, rng, heads, groups):
    """Query head h reads key-value head h // (H / G): 0, 0, 1, 1 and not 0, 1, 0, 1."""
    query, key = rng.normal(size=(heads, 3, 4)), rng.normal(size=(groups, 4, 4))

    check_close(learner.attention_scores(query, key), slow_scores(query, key), **F64)


# --- attention_weights ---


def softmax(scores, mask):
    """SciPy's softmax over what may be seen; zeros where that is nothing."""
    allowed = np.broadcast_to(mask, scores.shape)
    weights = np.zeros(scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        seen = allowed[place]
        if seen.any():
            weights[place][seen] = special.softmax(scores[place][seen])
    return weights


def random_mask(rng, *shape):
    """Hide about half of the keys; every query keeps one at least and loses one at least."""
    mask = rng.random(shape) < 0.5
    kept = rng.integers(shape[-1], size=shape[:-1])[..., None]
    np.put_along_axis(mask, kept, True, axis=-1)
    np.put_along_axis(mask, (kept + 1) % shape[-1], False, axis=-1)
    return mask


@pytest.mark.exercise("attention_weights")
def test_weights_of_the_sentence(learner):
    """Scores 0, 3, 1, 0, 0 give 1, e³, e, 1, 1, each over the sum of all five."""
    weights = learner.attention_weights(np.array([[[0.0, 3.0, 1.0, 0.0, 0.0]]]))

    check_close(weights, np.array([[[1, E**3, E, 1, 1]]]) / (E**3 + E + 3), **F64)


@pytest.mark.exercise("attention_weights")
@pytest.mark.parametrize("shape", [(3, 5), (1, 4, 4), (2, 3, 2, 6)], ids=str)
def test_every_query_shares_out_its_attention(learner, rng, shape):
    """The softmax runs over the keys, the last axis, whatever stands before it."""
    scores = rng.normal(scale=2, size=shape)

    check_close(learner.attention_weights(scores), special.softmax(scores, axis=-1), **F64)


@pytest.mark.exercise("attention_weights")
def test_causal_weights(learner, rng):
    """Under a causal mask later keys get exactly nothing and the earlier ones share the whole."""
    scores, mask = rng.normal(scale=2, size=(2, 5, 5)), np.tri(5, dtype=bool)

    weights = learner.attention_weights(scores, mask)

    check_close(weights, softmax(scores, mask), **F64)
    check_equal(np.asarray(weights)[:, ~mask] == 0, np.ones((2, 10), dtype=bool), of="whether hidden keys get 0")


@pytest.mark.exercise("attention_weights")
@pytest.mark.parametrize("shape", [(3, 5), (2, 1, 5), (2, 3, 5)], ids=str)
def test_weights_under_any_mask(learner, rng, shape):
    """True means "may attend"; a mask may be the same for all heads, or for all queries."""
    scores, mask = rng.normal(scale=2, size=(2, 3, 5)), random_mask(rng, *shape)

    check_close(learner.attention_weights(scores, mask), softmax(scores, mask), **F64)


@pytest.mark.exercise("attention_weights")
@pytest.mark.parametrize("shifts", [[1e4], [-1e4], [-1e4, 1e4, 0.0, -900.0]], ids=["high", "low", "each its own"])
def test_large_scores(learner, rng, shifts):
    """Scores in the thousands, of either sign and from query to query another, give what their differences give."""
    scores, mask = rng.normal(scale=2, size=(2, 4, 4)), np.tri(4, dtype=bool)
    shift = np.array(shifts)[:, None]

    # Adding 1e4 leaves a score right to 1e-12, and a weight as well.
    close = {"rtol": 1e-9, "atol": 1e-12}
    check_close(learner.attention_weights(scores + shift), special.softmax(scores, axis=-1), **close)
    check_close(learner.attention_weights(scores + shift, mask), softmax(scores, mask), **close, of="those with a mask")


@pytest.mark.exercise("attention_weights")
def test_what_is_hidden_does_not_matter(learner, rng):
    """A huge score at a hidden key changes nothing, not even by making the others vanish."""
    scores, mask = rng.normal(scale=2, size=(2, 4, 4)), np.tri(4, dtype=bool)
    expected = softmax(scores, mask)
    scores[:, ~mask] = 5000.0

    check_close(learner.attention_weights(scores, mask), expected, **F64)


@pytest.mark.exercise("attention_weights")
def test_a_query_that_sees_nothing(learner, rng):
    """A query that may attend to nothing gets zeros, and the others are as always."""
    scores, mask = rng.normal(scale=2, size=(2, 4, 5)), random_mask(rng, 2, 4, 5)
    mask[0, 1] = mask[1, 3] = False

    check_close(learner.attention_weights(scores, mask), softmax(scores, mask), **F64)


@pytest.mark.exercise("attention_weights")
def test_weights_leave_the_scores_alone(learner, rng):
    """The call leaves the scores and the mask as they were, and every row of its result sums to one."""
    scores, mask = rng.normal(scale=2, size=(2, 3, 5)), random_mask(rng, 3, 5)

    weights, after, _ = learner.call("attention_weights", scores.copy(), mask.copy(), after=True)

    # Only what most wrong weights have too: this check is about the arguments.
    check_equal(getattr(weights, "shape", None), (2, 3, 5), of="the shape")
    check_close(weights.sum(axis=-1), np.ones((2, 3)), **F64, of="the sums of the rows")
    check_unchanged(after[0], scores, of="scores")
    check_unchanged(after[1], mask, of="mask")


@pytest.mark.exercise("attention_weights")
def test_weights_in_single_precision(learner, rng):
    """The float32 scores of a real model give the same weights, within what float32 can hold."""
    scores = rng.normal(scale=3, size=(9, 8, 8)).astype(np.float32)
    scores[:, :, 0] += 60  # a sink, as real models have
    mask = np.tri(8, dtype=bool)

    check_close(learner.attention_weights(scores, mask), softmax(scores, mask), rtol=1e-5, atol=1e-7)


# --- contextualize ---


def slow_context(weights, value, w_o):
    heads, length, _ = weights.shape
    size = value.shape[-1]
    added = np.zeros((length, w_o.shape[1]))
    for h, t in np.ndindex(heads, length):
        heard = sum(
            weight * spoken for weight, spoken in zip(weights[h, t], value[h * len(value) // heads], strict=True)
        )
        added[t] += heard @ w_o[h * size : (h + 1) * size]
    return added


@pytest.mark.exercise("contextualize")
def test_context_of_the_sentence(learner):
    """With the lesson's weights attention adds four times the creature and twice the event to "it"."""
    weights = np.array([[[1, E**3, E, 1, 1, 0, 0, 0]]]) / (E**3 + E + 3)

    added = learner.contextualize(weights, (X @ W_V)[None], W_O)

    check_close(added, np.array([[4 * E**3, 2 * E, 0, 0]]) / (E**3 + E + 3), **F64)


@pytest.mark.exercise("contextualize")
def test_context_of_one_head(learner, rng):
    """One head: the weighted average of the values, through w_o, which need not be square."""
    weights, value, w_o = (
        random_weights(rng, 1, 3, 5, causal=False),
        rng.normal(size=(1, 5, 4)),
        rng.normal(size=(4, 7)),
    )

    check_close(learner.contextualize(weights, value, w_o), slow_context(weights, value, w_o), **F64)


@pytest.mark.exercise("contextualize", points=2)
def test_heads_are_joined_side_by_side(learner, rng):
    """Token t's row holds head 0, then head 1 …: w_o's rows h·D … (h + 1)·D − 1 read head h."""
    weights, value = random_weights(rng, 3, 5, 5), rng.normal(size=(3, 5, 2))

    joined = learner.contextualize(weights, value, np.eye(6))

    check_close(joined, slow_context(weights, value, np.eye(6)), **F64, of="the result with the identity as w_o")


@pytest.mark.exercise("contextualize")
@pytest.mark.parametrize(("heads", "groups"), GROUPS, ids=str)
def test_neighbouring_heads_share_their_values(learner, rng, heads, groups):
    """Query head h reads value head h // (H / G)."""
    weights, value = random_weights(rng, heads, 4, 4), rng.normal(size=(groups, 4, 3))
    w_o = rng.normal(size=(heads * 3, 5))

    check_close(learner.contextualize(weights, value, w_o), slow_context(weights, value, w_o), **F64)


@pytest.mark.exercise("contextualize")
def test_a_query_that_hears_nothing(learner, rng):
    """Weights are used as they come: a row of zeros adds nothing, a row of twos counts double."""
    weights, value, w_o = random_weights(rng, 2, 4, 4), rng.normal(size=(1, 4, 3)), rng.normal(size=(6, 5))
    weights[:, 1] = 0.0
    weights[:, 2] *= 2

    check_close(learner.contextualize(weights, value, w_o), slow_context(weights, value, w_o), **F64)


# --- plot_attention ---


@probe
def draw(module, weights, tokens, options):
    """Let the learner draw and hand over what matplotlib then holds: numbers and texts, nothing judged."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    module.plot_attention(weights, tokens, axes, **options)

    def ticks(axis):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        return [[float(place), text] for place, text in zip(axis.get_ticklocs(), labels, strict=True)]

    def middles(start, end, count):
        return [float(start + (i + 0.5) * (end - start) / count) for i in range(count)]

    images = []
    for image in axes.get_images():
        data, (left, right, bottom, top) = image.get_array(), image.get_extent()
        start, end = (top, bottom) if image.origin == "upper" else (bottom, top)
        images.append(
            {
                "weights": [[float(entry) for entry in row] for row in data.tolist()],
                "middles of the columns": middles(left, right, data.shape[1]),
                "middles of the rows": middles(start, end, data.shape[0]),
                "colors": [float(bound) for bound in image.get_clim()],
            }
        )
    texts = [[*(float(place) for place in text.get_position()), text.get_text()] for text in axes.texts]
    return {
        "images": images,
        "x ticks": ticks(axes.xaxis),
        "y ticks": ticks(axes.yaxis),
        "x limits": [float(limit) for limit in axes.get_xlim()],
        "y limits": [float(limit) for limit in axes.get_ylim()],
        "x name": axes.get_xlabel(),
        "y name": axes.get_ylabel(),
        "texts": texts,
    }


class Heatmap:
    """The picture as somebody who looks at it reads it: from the top left corner, row by row."""

    def __init__(self, facts):
        count = len(facts["images"])
        check_that(count == 1, f"there must be one image on the axes (axes.imshow); yours has {count}")
        (image,) = facts["images"]
        self._facts = facts
        across, down = np.array(image["middles of the columns"]), np.array(image["middles of the rows"])
        leftwards = facts["x limits"][0] > facts["x limits"][1]
        upwards = facts["y limits"][0] < facts["y limits"][1]
        columns = np.argsort(-across if leftwards else across, kind="stable")
        rows = np.argsort(-down if upwards else down, kind="stable")
        self.weights = np.array(image["weights"])[rows][:, columns]
        self.colors = image["colors"]
        self._across, self._down = across[columns], down[rows]

    @property
    def queries(self):
        """The labels of the rows, from the top."""
        return _labels(self._facts["y ticks"], self._down, self._facts["y limits"], "y")

    @property
    def keys(self):
        """The labels of the columns, from the left."""
        return _labels(self._facts["x ticks"], self._across, self._facts["x limits"], "x")

    @property
    def names(self):
        return self._facts["x name"], self._facts["y name"]

    @property
    def numbers(self):
        """(row, column, text) of every text, counted from the top left corner; each stands at the middle of a cell."""
        found = []
        for x, y, text in self._facts["texts"]:
            column, row = int(np.abs(self._across - x).argmin()), int(np.abs(self._down - y).argmin())
            says = f"the text {text!r} stands at ({x:g}, {y:g}), which is not the middle of a cell"
            check_that(abs(self._across[column] - x) < 0.01 and abs(self._down[row] - y) < 0.01, says)
            found.append((row, column, text))
        return sorted(found)


def _labels(ticks, middles, limits, name):
    """The labels at the middles, in their order; no tick may stand elsewhere within the picture."""
    low, high = min(limits), max(limits)
    visible = [(place, text) for place, text in ticks if low <= place <= high]
    says = f"there must be one tick at the middle of each of the {len(middles)} cells of the {name} axis, and no others"
    places = sorted(place for place, _ in visible)
    check_that(len(places) == len(middles) and np.allclose(places, np.sort(middles), atol=0.01), says)
    found = dict(visible)
    return [found[min(found, key=lambda place: abs(place - middle))] for middle in middles]


def heatmap(learner, weights, tokens, **options):
    return Heatmap(learner.run(draw, weights, tokens, options))


@pytest.mark.exercise("plot_attention")
def test_the_image_shows_the_weights(learner, rng):
    """Read from the top left, rows are queries and columns are keys."""
    weights = random_weights(rng, 5, 5)

    seen = heatmap(learner, weights, TOKENS[:5])

    check_close(seen.weights, weights, rtol=1e-6, of="the image, row by row from the top")


@pytest.mark.exercise("plot_attention")
def test_every_cell_has_its_tokens(learner, rng):
    """Every row stands beside its query's token and every column below or above its key's, each token at one tick."""
    seen = heatmap(learner, random_weights(rng, 8, 8), TOKENS)

    check_equal(seen.queries, TOKENS, of="the labels of the rows, from the top")
    check_equal(seen.keys, TOKENS, of="the labels of the columns, from the left")


@pytest.mark.exercise("plot_attention")
@pytest.mark.parametrize("tokens", [["the", "cat", "the"], ["a", "a", "a", "a"], ["you"], [f"t{i}" for i in range(23)]])
def test_tokens_may_repeat(learner, rng, tokens):
    """The same token may come twice, and there may be one token or many: each keeps a row and a column of its own."""
    weights = random_weights(rng, len(tokens), len(tokens))

    seen = heatmap(learner, weights, tokens)

    check_equal([seen.queries, seen.keys], [tokens, tokens], of="the labels of rows and of columns")
    check_close(seen.weights, weights, rtol=1e-6, of="the image, row by row from the top")


@pytest.mark.exercise("plot_attention")
def test_colors_mean_the_same_in_every_picture(learner, rng):
    """The colour scale runs from 0 to 1, also for a head that spreads its weight thinly."""
    for weights in (np.full((6, 6), 1 / 6), random_weights(rng, 6, 6)):
        seen = heatmap(learner, weights, TOKENS[:6])

        check_close(seen.colors, [0.0, 1.0], rtol=0, atol=1e-9, of="the ends of the colour scale")


@pytest.mark.exercise("plot_attention")
def test_the_axes_have_names(learner, rng):
    """Keys run along x, queries along y, and the axes say so."""
    seen = heatmap(learner, random_weights(rng, 4, 4), TOKENS[:4])

    check_equal(seen.names, ("key", "query"), of="the names of the x and the y axis")


@pytest.mark.exercise("plot_attention", points=2)
def test_numbers_stand_in_their_cells(learner, rng):
    """Every weight of at least 0.01 is written in its own cell with two decimals, and no other."""
    weights = random_weights(rng, 7, 7)
    # The edge, and what would be written as 0.01 though it is less.
    weights[6, :4] = [0.01, 0.0099, 0.006, 0.0]

    seen = heatmap(learner, weights, TOKENS[:7])

    expected = [(i, j, f"{weights[i, j]:.2f}") for i, j in np.ndindex(7, 7) if weights[i, j] >= 0.01]
    check_equal(seen.numbers, sorted(expected), of="(row, column, text) of the numbers")


@pytest.mark.exercise("plot_attention")
def test_numbers_can_be_left_out(learner, rng):
    """With numbers=False the picture is the same, without any text in the cells."""
    weights = random_weights(rng, 5, 5)

    seen = heatmap(learner, weights, TOKENS[:5], numbers=False)

    check_equal(seen.numbers, [], of="the texts in the cells")
    check_equal([seen.queries, seen.keys], [TOKENS[:5]] * 2, of="the labels of rows and of columns")
    check_close(seen.weights, weights, rtol=1e-6, of="the image, row by row from the top")


# --- attention_rollout ---


def slow_rollout(weights):
    """How each last position is made of the first ones: shares handed down from block to block, one by one."""
    blocks, heads, length, _ = weights.shape
    made = [{t: 1.0} for t in range(length)]  # of which inputs, and how much of each
    for block in range(blocks):
        now = []
        for i in range(length):
            parts = [sum(weights[block, h, i, j] for h in range(heads)) / heads + (i == j) for j in range(length)]
            mixed = {}
            for j in range(length):
                for source, share in made[j].items():
                    mixed[source] = mixed.get(source, 0.0) + parts[j] / sum(parts) * share
            now.append(mixed)
        made = now
    return np.array([[mixed.get(source, 0.0) for source in range(length)] for mixed in made])


@pytest.mark.exercise("attention_rollout")
def test_rollout_of_one_block_by_hand(learner):
    """One block: half of each token stays, the other half is the mean of its heads' weights."""
    weights = np.array([[[[1.0, 0.0], [0.2, 0.8]], [[1.0, 0.0], [0.6, 0.4]]]])

    check_close(learner.attention_rollout(weights), np.array([[1.0, 0.0], [0.2, 0.8]]), **F64)


@pytest.mark.exercise("attention_rollout")
def test_rollout_in_the_order_of_the_blocks(learner):
    """What the first block gathered is what the second block hands on."""
    # First 1 takes half of 0; then 2 takes half of 1, and a quarter of 0 with it. In the other order 0 never gets to 2.
    first = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    second = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])

    rollout = learner.attention_rollout(np.stack([first, second])[:, None])

    check_close(rollout, np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]), **F64)


@pytest.mark.exercise("attention_rollout", points=2)
@pytest.mark.parametrize("causal", [True, False])
def test_rollout_of_many_blocks(learner, rng, causal):
    """Any number of blocks and heads, causal or not, equals shares that are handed down one by one."""
    weights = random_weights(rng, 5, 3, 4, 4, causal=causal)

    check_close(learner.attention_rollout(weights), slow_rollout(weights), **F64)


@pytest.mark.exercise("attention_rollout")
def test_rollout_where_rows_do_not_sum_to_one(learner, rng):
    """A position that attends to nothing keeps what it has; rows always sum to one."""
    weights = random_weights(rng, 3, 2, 4, 4, causal=False)
    weights[1, :, 2] = 0.0
    weights[2, 0, 1] = 0.0

    check_close(learner.attention_rollout(weights), slow_rollout(weights), **F64)


# --- previous_token_score, sink_share ---

BY_HAND = np.array(
    [[1.0, 0.0, 0.0, 0.0], [0.3, 0.7, 0.0, 0.0], [0.1, 0.5, 0.4, 0.0], [0.2, 0.3, 0.1, 0.4]],
)


@pytest.mark.exercise("previous_token_score")
def test_previous_token_by_hand(learner):
    """Weights 0.3, 0.5 and 0.1 on the token before: 0.3 on average."""
    check_close(learner.previous_token_score(BY_HAND[None]), np.array([0.3]), **F64)


@pytest.mark.exercise("previous_token_score")
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)], ids=str)
def test_previous_token_of_every_head(learner, rng, lead):
    """Each head gets a number of its own, whatever axes stand in front; later keys do not count."""
    weights = random_weights(rng, *lead, 6, 6, causal=False)

    expected = sum(weights[..., i, i - 1] for i in range(1, 6)) / 5
    check_close(learner.previous_token_score(weights), expected, **F64)


@pytest.mark.exercise("previous_token_score")
@pytest.mark.parametrize("length", [2, 3, 9])
def test_a_perfect_previous_token_head(learner, length):
    """A head that does nothing else scores 1; one that looks at itself scores 0."""
    back = np.eye(length)[[0, *range(length - 1)]]

    got = learner.previous_token_score(np.stack([back, np.eye(length), 0.5 * back]))

    check_close(got, np.array([1.0, 0.0, 0.5]), **F64)


@pytest.mark.exercise("sink_share")
def test_sink_by_hand(learner):
    """Weights 0.3, 0.1 and 0.2 on the first token: 0.2 on average, for the first query has no choice."""
    check_close(learner.sink_share(BY_HAND[None]), np.array([0.2]), **F64)


@pytest.mark.exercise("sink_share")
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)], ids=str)
def test_sink_of_every_head(learner, rng, lead):
    """Each head gets a number of its own, whatever axes stand in front."""
    weights = random_weights(rng, *lead, 6, 6, causal=False)

    expected = sum(weights[..., i, 0] for i in range(1, 6)) / 5
    check_close(learner.sink_share(weights), expected, **F64)


@pytest.mark.exercise("sink_share")
@pytest.mark.parametrize("length", [2, 3, 9])
def test_a_perfect_sink(learner, length):
    """A head that always looks at the first token scores 1, one that never leaves itself 0."""
    sink = np.zeros((length, length))
    sink[:, 0] = 1.0

    got = learner.sink_share(np.stack([sink, np.eye(length), 0.5 * sink]))

    check_close(got, np.array([1.0, 0.0, 0.5]), **F64)


# --- induction_score ---


def slow_induction(weights, ids):
    sums = []
    for i in range(len(ids)):
        keys = [j for j in range(1, i + 1) if ids[j - 1] == ids[i]]
        if keys:
            sums.append(sum(weights[..., i, j] for j in keys))
    return sum(sums) / len(sums)


@pytest.mark.exercise("induction_score")
def test_induction_by_hand(learner):
    """In 7 4 7 the last token asks, and what followed 7 last time was at place 1."""
    weights = np.array([[[1.0, 0.0, 0.0], [0.4, 0.6, 0.0], [0.15, 0.65, 0.2]]])

    check_close(learner.induction_score(weights, [7, 4, 7]), np.array([0.65]), **F64)


@pytest.mark.exercise("induction_score")
def test_induction_on_a_repeated_text(learner, rng):
    """A text of different tokens twice: every query of the second half looks one beyond its first occurrence."""
    ids = np.tile(rng.permutation(1000)[:6], 2)
    weights = random_weights(rng, 2, 3, 12, 12)

    expected = sum(weights[..., i, i - 5] for i in range(6, 12)) / 6
    check_close(learner.induction_score(weights, ids), expected, **F64)


@pytest.mark.exercise("induction_score", points=2)
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)], ids=str)
def test_induction_on_any_text(learner, rng, lead):
    """Tokens that came several times before have several right keys, whose weights are added up."""
    ids = rng.permutation([3, 3, 3, 9, 9, 1, 5, 3, 9, 2])
    weights = random_weights(rng, *lead, 10, 10)

    check_close(learner.induction_score(weights, ids), slow_induction(weights, ids), **F64)


@pytest.mark.exercise("induction_score")
def test_induction_counts_no_later_keys(learner, rng):
    """What will follow later does not count, also where a head may see the future; the token itself may."""
    ids = [4, 4, 6, 4, 6, 6]
    weights = random_weights(rng, 3, 6, 6, causal=False)

    check_close(learner.induction_score(weights, ids), slow_induction(weights, ids), **F64)


@pytest.mark.exercise("induction_score")
def test_induction_where_nothing_repeats(learner, rng):
    """In a text without repetition nobody could do it: the score is 0, not NaN; with one repetition it is not."""
    weights = random_weights(rng, 2, 5, 5)

    check_close(learner.induction_score(weights, [1, 2, 3, 4, 5]), np.zeros(2), **F64)
    check_close(learner.induction_score(weights, [1, 2, 3, 4, 1]), weights[:, 4, 1], **F64, of="the score of 1 2 3 4 1")


# --- value_weighted ---


def slow_value_weighted(weights, value):
    shares = np.zeros(weights.shape)
    for h, t in np.ndindex(weights.shape[:2]):
        spoken = value[h * len(value) // len(weights)]
        lengths = [
            weight * sum(v**2 for v in vector) ** 0.5 for weight, vector in zip(weights[h, t], spoken, strict=True)
        ]
        if sum(lengths) > 0:
            shares[h, t] = np.array(lengths) / sum(lengths)
    return shares


@pytest.mark.exercise("value_weighted")
def test_value_weighted_by_hand(learner):
    """Weights 0.8 and 0.2 on values of length 1 and 5 move 0.8 and 1: shares 4/9 and 5/9."""
    got = learner.value_weighted(np.array([[[0.8, 0.2]]]), np.array([[[1.0, 0.0], [-3.0, 4.0]]]))

    check_close(got, np.array([[[4 / 9, 5 / 9]]]), **F64)


@pytest.mark.exercise("value_weighted")
@pytest.mark.parametrize(("heads", "groups"), GROUPS, ids=str)
def test_value_weighted_heads(learner, rng, heads, groups):
    """Each head weighs by its own values, and neighbours share them."""
    weights, value = random_weights(rng, heads, 3, 5, causal=False), rng.normal(size=(groups, 5, 4))

    check_close(learner.value_weighted(weights, value), slow_value_weighted(weights, value), **F64)


@pytest.mark.exercise("value_weighted")
def test_a_silent_sink(learner, rng):
    """A key whose value is zero moves nothing; a query that moves nothing at all has zeros, not NaN."""
    weights, value = random_weights(rng, 2, 4, 4), rng.normal(size=(1, 4, 3))
    value[0, 0] = 0.0

    got = learner.value_weighted(weights, value)

    check_close(got, slow_value_weighted(weights, value), **F64)


@pytest.mark.exercise("value_weighted")
def test_value_weighted_leaves_its_arguments_alone(learner, rng):
    """The call leaves the weights and the values as they were, and every row of its result sums to one."""
    weights, value = random_weights(rng, 2, 4, 4), rng.normal(size=(2, 4, 3))

    got, after, _ = learner.call("value_weighted", weights.copy(), value.copy(), after=True)

    # Only what most wrong shares have too: this check is about the arguments.
    check_equal(getattr(got, "shape", None), (2, 4, 4), of="the shape")
    check_close(got.sum(axis=-1), np.ones((2, 4)), **F64, of="the sums of the rows")
    check_unchanged(after[0], weights, of="weights")
    check_unchanged(after[1], value, of="value")
