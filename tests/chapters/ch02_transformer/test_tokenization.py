"""Hidden suite of 2.1, tokenization. Oracle: the library `tokenizers`, and answers found by hand.

Of `tokenizers`: Digits and ByteLevel for pieces and symbols, BpeTrainer for training, BPE with the same vocabulary and
merges for ids, its decoder for texts, its models WordPiece and Unigram. Unigrams also by trying all ways to cut a text.
"""

import itertools
import json
import mmap
import struct
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Oracle

from grader.checks import check_close, check_equal, check_raises, check_that, check_unchanged, limits, probe

PRETOKENIZER = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
)
VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
SYMBOLS = {byte: chr(byte) for byte in VISIBLE}
SYMBOLS |= {byte: chr(256 + n) for n, byte in enumerate(byte for byte in range(256) if byte not in VISIBLE)}
BYTES = {symbol: byte for byte, symbol in SYMBOLS.items()}
SINGLE = {bytes([byte]): byte for byte in range(256)}

# Text of many kinds. All of it has been in Unicode for long: libraries agree on what is a letter, a number or a space.
# The controls 28 to 31 are left out, which Python calls white space and Unicode does not.
FRAGMENTS = {
    "words": "the cat sat on a Mat and THEN ran home because it was hungry naïve coöperate lower newest".split(),
    "inside": ["ing", "ed", "un", "x", "Q", "tion", "aaaa", "aaa", "zzzzz", "mm", "_", "__init__"],
    "accents": ["é", "e\u0301", "ü", "n\u0303", "Å", "ß", "ø", "o\u0308\u0323", "ĳ", "ſ", "ª", "º"],
    "alphabets": ["привет", "мир", "γειά", "σου", "שלום", "مرحبا", "Ω", "ђ", "աշխարհ", "გამარჯობა"],
    "marks that are no letters": ["नमस्ते", "हिन्दी", "สวัสดี", "ครับ", "தமிழ்", "བོད", "אָ", "ِ", "ु"],
    "East Asia": ["你好", "世界", "日本語", "カタカナ", "ひらがな", "한국어", "、", "。", "「」", "々", "ー", "㍿"],
    "emoji": ["😀", "👩‍👩‍👧", "👍🏽", "🇩🇪", "❤️", "🏳️‍🌈", "1️⃣", "☺", "🤦🏼‍♂️", "\u200d", "\ufe0f"],
    "numbers": ["0", "7", "42", "2024", "3.14", "1,000", "٣٤", "२", "½", "²", "Ⅷ", "〇", "１２", "①", "1e9", "10th"],
    "white space": [" ", " ", "  ", "   ", "\n", "\n\n", "\t", " \t", "\r\n", "\u00a0", "\u3000", "\u2028", "\x85"],
    "controls": ["\x00", "\x07", "\x1b[0m", "\x7f", "\u200b", "\u202e", "\ufeff", "\u00ad", "\x04", "\x13"],
    "code": ["def f(x):", "!=", "->", "{}", "//", '"""', "a[i]", "x**2", "</p>", "#", "\\n", "$", "%s", "&&", "~"],
    "contractions": ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "’s", "don't", "y'all'd've", "'", "''s"],
    "like special tokens": ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|", "|>", "<", "im_end", "<|im_end"],
}  # fmt: skip
OLD = unicodedata.ucd_3_2_0  # whatever kind a character had in 2002 and still has, it will keep
ANY = [
    character
    for character in map(chr, [*range(0x1C), *range(0x20, 0xD800), *range(0xE000, 0x10000)])
    if OLD.category(character) == unicodedata.category(character) not in ("Cn", "Co")
]
POOLS = [*FRAGMENTS.values(), ANY]
CORPUS = "".join(
    f"{line} {word}{space}"
    for line, word, space in zip(
        ["the cat sat on the mat", "and then it ran home", "hungry cats aren't lower than the newest"] * 40,
        itertools.cycle(itertools.chain(*FRAGMENTS.values())),
        itertools.cycle([" ", "\n", ", ", "  ", "\n\n    "]),
        strict=False,
    )
)


def texts(rng, count):
    """Random strings: fragments of one kind, or of all kinds, with and without spaces between them."""
    return [_text(rng) for _ in range(count)]


def _text(rng):
    pools = [POOLS[n] for n in rng.choice(len(POOLS), size=rng.integers(1, 5))]
    pick = [pools[n] for n in rng.integers(len(pools), size=rng.integers(1, 10))]
    space = rng.choice(["", "", " "])
    return space.join(pool[rng.integers(len(pool))] for pool in pick)


def in_bytes(token):
    return bytes(BYTES[symbol] for symbol in token)


def in_symbols(data):
    return "".join(SYMBOLS[byte] for byte in data)


def pieces(text):
    return [in_bytes(symbols).decode() for symbols, _ in PRETOKENIZER.pre_tokenize_str(text)]


def oracle_of(vocab, merges, special_tokens=()):
    """The tokenizer of `tokenizers` with these tokens, merges and, found in any text, these special tokens."""
    oracle = Oracle(models.BPE(vocab=vocab, merges=merges))
    oracle.pre_tokenizer, oracle.decoder = PRETOKENIZER, decoders.ByteLevel()
    oracle.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special_tokens])
    return oracle


def ids_of(oracle, strings):
    return [encoding.ids for encoding in oracle.encode_batch(strings, add_special_tokens=False)]


SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_end|>\n", "PAD", "<｜fin du tour｜>"]


@cache
def trained():
    """A vocabulary in symbols and its merges, learnt by `tokenizers`; the bytes that SmolLM2 lacks are missing."""
    oracle = Oracle(models.BPE())
    oracle.pre_tokenizer = PRETOKENIZER
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    oracle.train_from_iterator([CORPUS], trainer)
    merges = [tuple(pair) for pair in json.loads(oracle.to_str())["model"]["merges"]]
    missing = {SYMBOLS[byte] for byte in (0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xC0, 0xC1, *range(0xF5, 0x100))}
    merges = [pair for pair in merges if not missing & set(pair[0] + pair[1])]
    vocab = {token: id for token, id in oracle.get_vocab().items() if token in SPECIAL or not missing & set(token)}
    return dict(sorted(vocab.items(), key=lambda item: item[1])), merges


@cache
def ordinary():
    """The trained tokens and ranks in bytes, without special tokens, and the oracle with the same."""
    vocab, merges = trained()
    vocab = {token: id for token, id in vocab.items() if token not in SPECIAL}
    ranks = {(in_bytes(left), in_bytes(right)): rank for rank, (left, right) in enumerate(merges)}
    return {in_bytes(token): id for token, id in vocab.items()}, ranks, oracle_of(vocab, merges)


def check_list(got, expected, text, noun, tokens=None):
    """Compare pieces or ids of a text: what is shown is where they part and what came there, not how many there are.

    `tokens` says for what an id stands: id → bytes, or text in symbols.
    """

    def shown(item):
        named = f" ({tokens[item]!r})" if tokens is not None and item in tokens else ""
        return f"{item!r:.80}{named}"

    if type(got) is list and all(type(item) in (int, str) for item in got) and got != expected:
        pairs = enumerate(zip(got, expected, strict=False))
        place = next((n for n, (one, other) in pairs if one != other), min(len(got), len(expected)))
        wanted = shown(expected[place]) if place < len(expected) else "that the list ends"
        came = shown(got[place]) if place < len(got) else "ends there"
        before = f", after {', '.join(map(shown, got[max(0, place - 3) : place]))}" if place else ""
        check_that(False, f"the {noun} of {text!r} differ first at [{place}]{before}\nexpected {wanted}, yours {came}")
    check_equal(got, expected, of=f"the {noun} of {text!r}")


def check_each(got, expected, strings, of, tokens=None):
    """Compare one answer for each string, so that the first string that differs is the one shown."""
    check_that(type(got) is list and len(got) == len(strings), f"there must be {len(strings)} answers")
    for answer, right, text in zip(got, expected, strings, strict=True):
        if type(right) is list:
            check_list(answer, right, text, of, tokens)
        else:
            check_equal(answer, right, of=f"the {of} of {text!r}")


# --- byte_to_unicode ---


@pytest.mark.exercise("byte_to_unicode")
def test_visible_ascii_stands_for_itself(learner):
    """Letters, digits and punctuation of ASCII stand for themselves; of nothing comes nothing."""
    visible = bytes(range(33, 127))

    check_equal(learner.byte_to_unicode(visible), visible.decode(), of="the symbols of the bytes 33 to 126")
    check_equal(learner.byte_to_unicode(b""), "", of="the symbols of no bytes")


@pytest.mark.exercise("byte_to_unicode")
def test_white_space_and_controls_by_hand(learner):
    """Bytes that cannot be seen get the characters from 256 on, in order: 0 is Ā, the newline Ċ, the space Ġ."""
    # 0 … 32 are hidden, so byte b gets 256 + b; then come 127 … 160 with 289 … 322, and 173 with 323.
    got = learner.byte_to_unicode(bytes([32, 0, 9, 10, 127, 160, 173]))

    check_equal(got, f"ĠĀĉĊ{chr(289)}{chr(322)}Ń", of="the symbols of the bytes 32, 0, 9, 10, 127, 160 and 173")


@pytest.mark.exercise("byte_to_unicode")
def test_every_byte_has_a_symbol_of_its_own(learner):
    """There are 256 different symbols, and nothing takes one of them for white space or a control."""
    symbols = learner.byte_to_unicode(bytes(range(256)))

    check_that(type(symbols) is str, "the result must be a str")
    check_equal(len(symbols), 256, of="the number of symbols for 256 bytes")
    check_equal(set(symbols), set(pre_tokenizers.ByteLevel.alphabet()), of="the symbols")


@pytest.mark.exercise("byte_to_unicode", points=2)
def test_symbols_are_those_of_tokenizers(learner, rng):
    """The bytes of texts become the symbols that real tokenizers write into their files."""
    bare = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    every_byte_of_utf8 = "".join(
        map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x8000)])
    )

    for text in (every_byte_of_utf8, *filter(None, texts(rng, 20))):
        expected = bare.pre_tokenize_str(text)[0][0]
        check_equal(learner.byte_to_unicode(text.encode()), expected, of=f"the symbols of {text[:40]!r}")


# --- pretokenize ---


@pytest.mark.exercise("pretokenize")
def test_words_take_the_space_before_them(learner):
    """A space belongs to the word or the punctuation behind it."""
    text = "Hello world, dear reader!  (Two spaces.)"

    got = learner.pretokenize(text)

    check_list(
        got, ["Hello", " world", ",", " dear", " reader", "!", " ", " (", "Two", " spaces", ".)"], text, "pieces"
    )


@pytest.mark.exercise("pretokenize")
def test_every_digit_stands_alone(learner):
    """Every digit is a piece of its own, and no space or letter comes along with it."""
    text = "In 2024, 3.14x½²"

    got = learner.pretokenize(text)

    expected = ["In", " ", "2", "0", "2", "4", ",", " ", "3", ".", "1", "4", "x", "½", "²"]
    check_list(got, expected, text, "pieces")


@pytest.mark.exercise("pretokenize")
def test_contractions(learner):
    """The seven English contractions are pieces in small letters and with a straight apostrophe, nothing else is."""
    text = "I'll don't we've he's I'm you'd they're IT'S it’s 'tis"

    got = learner.pretokenize(text)

    expected = [
        "I",
        "'ll",
        " don",
        "'t",
        " we",
        "'ve",
        " he",
        "'s",
        " I",
        "'m",
        " you",
        "'d",
        " they",
        "'re",
        " IT",
        "'",
    ]
    check_list(got, [*expected, "S", " it", "’", "s", " '", "tis"], text, "pieces")


@pytest.mark.exercise("pretokenize")
def test_runs_of_white_space(learner):
    """A run of white space leaves its last character for what follows, but not at the end nor before a digit."""
    text = "a   b\n\nc \t d\u00a0 \u00a0e   4\n "

    got = learner.pretokenize(text)

    expected = ["a", "  ", " b", "\n", "\n", "c", " \t", " d", "\u00a0 ", "\u00a0", "e", "   ", "4", "\n "]
    check_list(got, expected, text, "pieces")


@pytest.mark.exercise("pretokenize")
def test_letters_of_all_alphabets(learner):
    """Letters are letters in every alphabet; marks that hang on a letter are not, and neither are emoji."""
    text = "naïve größe привет 你好世界 हिन्दी e\u0301 x👍🏽y ok_go"

    got = learner.pretokenize(text)

    # Devanagari's vowel signs and the combining acute are marks (\p{M}): neither letters, nor numbers, nor white space.
    expected = [
        "naïve",
        " größe",
        " привет",
        " 你好世界",
        " ह",
        "ि",
        "न",
        "्",
        "द",
        "ी",
        " e",
        "\u0301",
        " x",
        "👍🏽",
        "y",
    ]
    check_list(got, [*expected, " ok", "_", "go"], text, "pieces")


@pytest.mark.exercise("pretokenize")
def test_nothing_is_lost(learner, rng):
    """Joined, the pieces are the text; an empty text has none."""
    strings = ["", " ", "\n", "7", *texts(rng, 60)]

    got = [learner.pretokenize(text) for text in strings]

    for text, cut in zip(strings, got, strict=True):
        check_that(type(cut) is list and all(type(piece) is str for piece in cut), "the result must be a list of str")
        check_equal("".join(cut), text, of=f"the joined pieces of {text!r}")
        check_equal("" in cut, False, of="whether a piece is empty")
    check_equal(got[1:4], [[" "], ["\n"], ["7"]], of="the pieces of a space, a newline and a digit")


@probe
def all_pieces(module, strings):
    return [module.pretokenize(text) for text in strings]


@pytest.mark.exercise("pretokenize", points=2)
def test_pieces_are_those_of_tokenizers(learner, rng):
    """A thousand texts of all kinds, cut as the library `tokenizers` cuts them."""
    strings = texts(rng, 1000)

    got = learner.run(all_pieces, strings)

    check_each(got, [pieces(text) for text in strings], strings, "pieces")


# --- pair_counts ---


@probe
def counted(module, words):
    """The counts as a plain dict, in order: a Counter will do as well."""
    return dict(module.pair_counts(words))


@pytest.mark.exercise("pair_counts")
def test_counts_by_hand(learner):
    """Two words, three and two times: every pair counts as often as its words occur."""
    got = learner.run(counted, {(b"h", b"u", b"g"): 3, (b"b", b"u", b"g", b"s"): 2})

    check_equal(got, {(b"h", b"u"): 3, (b"u", b"g"): 5, (b"b", b"u"): 2, (b"g", b"s"): 2})


@pytest.mark.exercise("pair_counts")
def test_pairs_of_longer_tokens(learner):
    """Tokens of several bytes are neighbours as they are, and the order of a pair matters."""
    got = learner.run(counted, {(b"ab", b"a", b"ab", b"a"): 4, (b"a", b"ab"): 10})

    check_equal(got, {(b"ab", b"a"): 8, (b"a", b"ab"): 14})


@pytest.mark.exercise("pair_counts")
def test_overlapping_pairs_are_counted(learner):
    """In a run of equal tokens every place counts: a a a a has three pairs."""
    got = learner.run(counted, {(b"a",) * 4: 5, (b"b",) * 3: 1})

    check_equal(got, {(b"a", b"a"): 15, (b"b", b"b"): 2})


@pytest.mark.exercise("pair_counts")
def test_a_single_token_has_no_neighbour(learner):
    """Words of one token, and of none, have no pairs; an empty corpus has none either."""
    check_equal(learner.run(counted, {(b"a",): 9, (): 2, (b"a", b"b"): 1}), {(b"a", b"b"): 1})
    check_equal(learner.run(counted, {}), {}, of="the counts of nothing")


@pytest.mark.exercise("pair_counts")
def test_counting_words_once_or_many_times(learner, rng):
    """The counts are those of the whole corpus, written out word by word."""
    words = {}
    for _ in range(30):
        word = tuple(bytes([97 + letter]) for letter in rng.integers(3, size=rng.integers(1, 8)))
        words[word] = words.get(word, 0) + int(rng.integers(1, 5))

    got = learner.run(counted, words)

    expected = {}
    for word in (word for word, times in words.items() for _ in range(times)):
        for place in range(1, len(word)):
            pair = word[place - 1], word[place]
            expected[pair] = expected.get(pair, 0) + 1
    check_equal(got, expected)


# --- merge ---


def split(text):
    return [letter.encode() for letter in text]


@pytest.mark.exercise("merge")
def test_merge_by_hand(learner):
    """Every place where the pair stands is joined, the rest stays."""
    check_equal(learner.merge(split("banana"), (b"a", b"n")), [b"b", b"an", b"an", b"a"])


@pytest.mark.exercise("merge")
def test_the_order_of_a_pair_matters(learner):
    """Left must stand before right, as neighbours."""
    check_equal(learner.merge(split("nabancab"), (b"b", b"a")), [b"n", b"a", b"ba", b"n", b"c", b"a", b"b"])


@pytest.mark.exercise("merge", points=2)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("aaa", [b"aa", b"a"], id="aaa"),
        pytest.param("aaaa", [b"aa", b"aa"], id="aaaa"),
        pytest.param("baaaaab", [b"b", b"aa", b"aa", b"a", b"b"], id="baaaaab"),
    ],
)
def test_runs_of_equal_parts(learner, text, expected):
    """In a run of equal parts each one is used once, from the left: aaa becomes aa a."""
    check_equal(learner.merge(split(text), (b"a", b"a")), expected)


@pytest.mark.exercise("merge")
def test_longer_tokens_are_merged(learner):
    """Tokens of several bytes are joined as they are; what only looks the same when it is joined is not the pair."""
    parts = [b"ab", b"c", b"a", b"bc", b"ab", b"c", b"abc"]

    check_equal(learner.merge(parts, (b"ab", b"c")), [b"abc", b"a", b"bc", b"abc", b"abc"])


@pytest.mark.exercise("merge")
def test_merge_leaves_its_argument_alone(learner):
    """A new list comes back, and `parts` is what it was."""
    result, (after, _), _ = learner.call("merge", split("xyxy"), (b"x", b"y"), after=True)

    check_equal(result, [b"xy", b"xy"])
    check_unchanged(after, split("xyxy"), of="parts")


@pytest.mark.exercise("merge")
def test_nothing_to_merge(learner):
    """Where the pair does not stand, the parts come back; of nothing, nothing."""
    for text in ("", "a", "b", "ba", "acb"):
        check_equal(learner.merge(split(text), (b"a", b"b")), split(text), of=f"the parts of {text!r}")
    check_equal(learner.merge(split("ab"), (b"a", b"b")), [b"ab"], of="the parts of 'ab'")


# --- train_bpe ---


def oracle_training(text, vocab_size):
    """What BpeTrainer learns. It sorts its alphabet by code point, so bytes are given as characters in their order."""
    words = ["".join(chr(0x4E00 + byte) for byte in piece.encode()) for piece in pieces(text)]
    oracle = Oracle(models.BPE())
    oracle.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    alphabet = [chr(0x4E00 + byte) for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, special_tokens=[], show_progress=False
    )
    oracle.train_from_iterator([" ".join(words)], trainer)

    def back(token):
        return bytes(ord(character) - 0x4E00 for character in token)

    merges = [(back(left), back(right)) for left, right in json.loads(oracle.to_str())["model"]["merges"]]
    return {back(token): id for token, id in oracle.get_vocab().items()}, merges


@pytest.mark.exercise("train_bpe")
def test_training_by_hand(learner):
    """Two merges on a small corpus, the most frequent pair first, and ids that go on from 256."""
    # u g stands in all six words, h u in three of them, " h" twice.
    vocab, merges = learner.train_bpe("hug hug bug mug hugs bug", 258)

    check_equal(merges, [(b"u", b"g"), (b"h", b"ug")], of="the merges")
    check_equal(vocab, SINGLE | {b"ug": 256, b"hug": 257}, of="the vocabulary")


@pytest.mark.exercise("train_bpe")
def test_the_size_counts_the_bytes(learner):
    """The vocabulary has as many tokens as asked for, the 256 bytes among them: with 256 nothing is learnt."""
    # Two for b b, one for a a: no tie.
    check_equal(learner.train_bpe("aa\nbb\nbb", 256), (SINGLE, []), of="the result for 256 tokens")
    check_equal(
        learner.train_bpe("aa\nbb\nbb", 257), (SINGLE | {b"bb": 256}, [(b"b", b"b")]), of="the result for 257 tokens"
    )


@pytest.mark.exercise("train_bpe")
def test_every_occurrence_of_a_word_counts(learner):
    """A word that stands in the text often counts often."""
    # x y in one word that stands four times; p q in three different words.
    _, merges = learner.train_bpe("xy\nxy\nxy\nxy\npqa\npqb\npqc", 257)

    check_equal(merges, [(b"x", b"y")], of="the merges")


@pytest.mark.exercise("train_bpe")
def test_no_merge_across_pieces(learner):
    """Pairs are counted inside pieces: what stands on both sides of an edge is never joined."""
    # ". " and "1." stand three times each, but across edges; inside pieces only a b is there twice.
    _, merges = learner.train_bpe("1. ab 1. xab 1. \n", 300)

    check_equal(merges[:1], [(b"a", b"b")], of="the first merge")
    crossing = [pair for pair in merges if b"1" in pair[0] + pair[1] or b". " in pair[0] + pair[1]]
    check_equal(crossing, [], of="merges across an edge")


@pytest.mark.exercise("train_bpe")
def test_training_ends_when_nothing_is_left(learner):
    """Pairs that occur only once are joined, too; when every piece is one token, training ends."""
    # Never a tie: a a stands at two places of a a a; it leaves aa a, which has one pair.
    check_equal(learner.train_bpe("ab", 400)[1], [(b"a", b"b")], of="the merges of 'ab'")
    check_equal(learner.train_bpe("aaa", 400)[1], [(b"a", b"a"), (b"aa", b"a")], of="the merges of 'aaa'")
    check_equal(learner.train_bpe("", 300), (SINGLE, []), of="what is learnt from an empty text")


@pytest.mark.exercise("train_bpe")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # All once; left x = 120 is the smallest, then y before z.
        pytest.param("zx\nyx\nxz\nxy", [(b"x", b"y")], id="words zx yx xz xy"),
        # Three times each.
        pytest.param("za\nya\nya\nza\nza\nya", [(b"y", b"a")], id="words za and ya three times each"),
        pytest.param("abc", [(b"a", b"b"), (b"ab", b"c")], id="word abc"),
        pytest.param("ab\nab\nzab", [(b"a", b"b"), (b"z", b"ab")], id="words ab ab zab"),
        # After x y = 256 the pairs q 256 and 256 a occur twice each: q = 113 is smaller than 256, though "x" > "q".
        pytest.param(
            "xya\nqxy\nxya\nqxy", [(b"x", b"y"), (b"q", b"xy"), (b"xy", b"a")], id="words xya and qxy twice each"
        ),
        # c d and e f become 256 and 257; "256 b" comes before "a 257"? No: a = 97 is smaller than 256.
        pytest.param(
            "cd\ncd\ncd\nef\nef\nef\ncdb\naef",
            [(b"c", b"d"), (b"e", b"f"), (b"a", b"ef"), (b"cd", b"b")],
            id="words cd and ef three times each and cdb aef",
        ),
        # Three tokens: z z = 256, a b = 257, and then "256 x" against "257 x": the older token wins, not the letters.
        pytest.param(
            "zz\nzz\nzz\nab\nab\nabx\nzzx",
            [(b"z", b"z"), (b"a", b"b"), (b"zz", b"x"), (b"ab", b"x")],
            id="words zz zz zz ab ab abx zzx",
        ),
        pytest.param(
            "xzz\nzz\nzz\nzz\nzz\nab\nab\nab\nxab",
            [(b"z", b"z"), (b"a", b"b"), (b"x", b"zz"), (b"x", b"ab")],
            id="words xzz zz zz zz zz ab ab ab xab",
        ),
    ],
)
def test_ties(learner, text, expected):
    """Of pairs that are equally frequent, the smallest left id wins, then the smallest right id."""
    _, merges = learner.train_bpe(text, 256 + len(expected))

    check_equal(merges, expected, of="the merges")


@pytest.mark.exercise("train_bpe")
def test_training_on_bytes(learner):
    """Text beyond ASCII is trained on as its UTF-8 bytes: characters are put together from several tokens."""
    vocab, merges = learner.train_bpe("привет, привет! 你好 你好 你好", 268)

    expected_vocab, expected = oracle_training("привет, привет! 你好 你好 你好", 268)
    check_equal(merges, expected, of="the merges")
    check_equal(vocab, expected_vocab, of="the vocabulary")


@pytest.mark.exercise("train_bpe", points=2)
def test_training_equals_tokenizers(learner, rng):
    """On random text, full of ties and runs, the vocabulary and merges of the trainer in `tokenizers`."""
    letters = ["a", "b", "ab", "aa", " ", " ", "é", "1", "\n"]
    text = "".join(letters[n] for n in rng.integers(len(letters), size=300)) + " ".join(texts(rng, 12))

    vocab, merges = learner.train_bpe(text, 310)

    expected_vocab, expected = oracle_training(text, 310)
    check_equal(merges, expected, of="the merges")
    check_equal(vocab, expected_vocab, of="the vocabulary")


# --- encode ---


def toy(*merges):
    """All bytes and these merges, given as "left right", in the order of their ranks."""
    pairs = [tuple(part.encode() for part in pair.split("|")) for pair in merges]
    vocab = SINGLE | {left + right: 256 + rank for rank, (left, right) in enumerate(pairs)}
    return vocab, {pair: rank for rank, pair in enumerate(pairs)}


def check_ids(learner, text, vocab, ranks, expected):
    check_list(learner.encode(text, vocab, ranks), expected, text, "ids", {id: token for token, id in vocab.items()})


@pytest.mark.exercise("encode")
def test_encode_by_hand(learner):
    """Merges build on one another; what no merge joins stays a byte."""
    vocab, ranks = toy("u|g", "h|ug", " |hug")

    check_ids(learner, "hug hugs mug", vocab, ranks, [257, 258, ord("s"), ord(" "), ord("m"), 256])


@pytest.mark.exercise("encode", points=2)
@pytest.mark.parametrize(
    ("merges", "text", "expected"),
    [
        pytest.param(("b|c", "a|b"), "abc", [97, 256], id="b c before a b"),
        pytest.param(("c|d", "b|c", "a|b"), "abcd", [258, 256], id="c d before b c before a b"),
        # d e first, then b c; a b has lost its b by then.
        pytest.param(("d|e", "b|c", "a|b", "bc|de"), "abcde", [97, 259], id="d e before b c before a b before bc de"),
    ],
)
def test_ranks_decide(learner, merges, text, expected):
    """The pair with the smallest rank is joined first, wherever it stands in the text."""
    check_ids(learner, text, *toy(*merges), expected)


@pytest.mark.exercise("encode")
def test_ranks_are_not_places_in_a_dict(learner):
    """The rank of a pair is its number, not the place where it stands in the dict."""
    vocab = SINGLE | {b"ab": 300, b"bc": 301}

    check_ids(learner, "abc", vocab, {(b"a", b"b"): 7, (b"b", b"c"): 3}, [97, 301])


@pytest.mark.exercise("encode")
def test_a_pair_that_was_just_made(learner):
    """A pair that a join has just made counts at once, though its rank is smaller than that of the join."""
    # b c is joined first, because a bc is not there yet.
    vocab, ranks = SINGLE | {b"bc": 300, b"abc": 301}, {(b"a", b"bc"): 0, (b"b", b"c"): 1}

    check_ids(learner, "abc", vocab, ranks, [301])
    check_ids(learner, "xabc bc", vocab, ranks, [120, 301, 32, 300])


@pytest.mark.exercise("encode")
def test_no_token_across_pieces(learner):
    """No merge joins two pieces, though the pair has a rank."""
    vocab, ranks = toy("a| ", "s|.", "1|2", "a|b")

    check_ids(learner, "ab ba bs. 12", vocab, ranks, [259, 32, 98, 97, 32, 98, 115, 46, 32, 49, 50])


@pytest.mark.exercise("encode")
def test_encode_runs_of_equal_bytes(learner):
    """In a run of equal bytes each one is used once, from the left."""
    check_ids(learner, "aaaaa", *toy("a|a"), [256, 256, 97])
    check_ids(learner, "aaaaaaa", *toy("a|a", "aa|a"), [256, 256, 257])


@pytest.mark.exercise("encode")
def test_only_merges_make_tokens(learner):
    """A long token that no merge leads to is never used, though the text is exactly that token."""
    vocab, ranks = toy("a|b")
    vocab |= {b"abc": 900, b" abc": 901, b"abc abcx": 902}

    check_ids(learner, "abc abcx", vocab, ranks, [256, 99, 32, 256, 99, 120])


@pytest.mark.exercise("encode")
def test_bytes_that_are_missing(learner):
    """A byte that is not in the vocabulary is dropped before anything is joined: its neighbours become a pair."""
    vocab, ranks = {b"a": 5, b"b": 3, b"ab": 9, b"c": 1}, {(b"a", b"b"): 0}

    check_ids(learner, "axbcéb!", vocab, ranks, [9, 1, 3])  # x is a letter, so that "axbcéb" is one piece
    check_ids(learner, "é!", vocab, ranks, [])


@pytest.mark.exercise("encode")
def test_encode_nothing(learner):
    """An empty text has no ids."""
    vocab, ranks = toy("a|b")

    check_ids(learner, "", vocab, ranks, [])
    check_ids(learner, "a", vocab, ranks, [97])


@probe
def all_ids(module, strings, vocab, ranks):
    return [module.encode(text, vocab, ranks) for text in strings]


@pytest.mark.exercise("encode", points=2)
def test_ids_are_those_of_tokenizers(learner, rng):
    """Two hundred texts of all kinds and four hundred merges: the ids of the library `tokenizers`."""
    vocab, ranks, oracle = ordinary()
    strings = texts(rng, 200)

    got = learner.run(all_ids, strings, vocab, ranks)

    check_each(got, ids_of(oracle, strings), strings, "ids", {id: token for token, id in vocab.items()})


# --- decode ---

BROKEN = [
    [0xE4, 0xBD], [0xE4, 0xBD, 0xA0, 0xE5], [0x80, 0x41], [0xC3, 0x28], [0xF0, 0x9F, 0x98, 0x20], [0xFF, 0xFE, 0x61],
    [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82, 0xE2, 0x82, 0xAC],
]  # fmt: skip


@pytest.mark.exercise("decode")
def test_decode_by_hand(learner):
    """Tokens are joined in the order of their ids, and nothing is put between them."""
    tokens = {0: b"a", 1: b" cat", 7: b"s\n"}

    check_equal(learner.decode([0, 1, 7, 0], tokens), "a cats\na")
    check_equal(learner.decode([], tokens), "", of="the text of no ids")


@pytest.mark.exercise("decode")
def test_a_character_over_several_tokens(learner):
    """The bytes of a character may come from several tokens."""
    tokens = {3: b"gr\xc3", 1: b"\xbc", 2: b"n \xf0\x9f", 4: b"\x98\x80", 5: b"!"}

    check_equal(learner.decode([3, 1, 2, 4, 5], tokens), "grün 😀!")


@pytest.mark.exercise("decode", points=2)
@pytest.mark.parametrize("data", BROKEN, ids=lambda data: "bytes " + bytes(data).hex(" ").upper())
def test_bytes_that_are_no_text(learner, data):
    """Where bytes are no valid UTF-8, U+FFFD stands, and what is valid around it stays."""
    tokens = {byte: bytes([byte]) for byte in range(256)}

    expected = decoders.ByteLevel().decode([in_symbols(b"<"), in_symbols(data), in_symbols(b">")])
    check_equal(learner.decode([ord("<"), *data, ord(">")], tokens), expected)


@probe
def all_texts(module, lists, tokens):
    return [module.decode(ids, tokens) for ids in lists]


@pytest.mark.exercise("decode")
def test_texts_are_those_of_tokenizers(learner, rng):
    """Random ids, whose bytes are now and then no text, give what the library `tokenizers` gives."""
    vocab, _, oracle = ordinary()
    tokens = {id: token for token, id in vocab.items()}
    known = list(tokens)
    lists = [[known[n] for n in rng.integers(len(known), size=rng.integers(1, 30))] for _ in range(200)]

    got = learner.run(all_texts, lists, tokens)

    check_each(got, oracle.decode_batch(lists, skip_special_tokens=False), lists, "text")


# --- Tokenizer ---

SMALL = {"a": 0, "b": 1, "Ġ": 2, "<": 3, ">": 4, "ab": 5, "Ġab": 6, "Ã": 7, "©": 8, "Ċ": 9, "e": 12, "n": 13, "d": 14}
SMALL |= {"Ā": 15, "ÿ": 16}  # the first and the last byte
SMALL_MERGES = [("a", "b"), ("Ġ", "ab")]


def check_small(got, expected, text, **more):
    """Compare the ids of a text by the small vocabulary, and more tokens."""
    check_list(got, expected, text, "ids", {id: token for token, id in (SMALL | more).items()})


@pytest.mark.exercise("Tokenizer")
def test_tokenizer_by_hand(learner):
    """Vocabulary and merges are read in symbols: Ġ is the space, Ã and © are the two bytes of é."""
    tokenizer = learner.Tokenizer(SMALL, SMALL_MERGES, {})

    check_small(tokenizer.encode("ab ab\né"), [5, 6, 9, 7, 8], "ab ab\né")
    check_equal(tokenizer.decode([6, 9, 7, 8, 5]), " ab\néab", of="the text")


@pytest.mark.exercise("Tokenizer")
def test_the_first_merge_has_the_smallest_rank(learner):
    """The place of a merge in the list is its rank."""
    vocab = {"a": 0, "b": 1, "c": 2, "bc": 3, "ab": 4}

    tokens = {id: token for token, id in vocab.items()}
    for merges, expected in (([("b", "c"), ("a", "b")], [0, 3]), ([("a", "b"), ("b", "c")], [4, 2])):
        check_list(learner.Tokenizer(vocab, merges, {}).encode("abc"), expected, "abc", "ids", tokens)


@pytest.mark.exercise("Tokenizer", points=2)
@pytest.mark.parametrize("listed", [True, False], ids=["in the vocabulary", "beside it"])
def test_user_text_is_never_special(learner, listed):
    """Unless the caller allows it, the text of a special token is ordinary text and never becomes its id."""
    special = {"<end>": 10, "ab": 11}
    vocab = SMALL | (special if listed else {"ab": 11})
    tokenizer = learner.Tokenizer(vocab | {"aa": 5}, [("a", "a")], special)

    check_small(tokenizer.encode("a<end>ab"), [0, 3, 12, 13, 14, 4, 0, 1], "a<end>ab", **special)
    check_small(tokenizer.encode("<end>", allow_special=False), [3, 12, 13, 14, 4], "<end>", **special)


@pytest.mark.exercise("Tokenizer")
def test_special_tokens_where_they_are_allowed(learner):
    """Where it is allowed, a special token becomes its one id, and what stands around it is encoded by itself."""
    tokenizer = learner.Tokenizer(SMALL | {"<end>": 10}, SMALL_MERGES, {"<end>": 10})

    for text, expected in (("a<end>b ab<end><end>", [0, 10, 1, 6, 10, 10]), ("<end", [3, 12, 13, 14]), ("<end>", [10])):
        check_small(tokenizer.encode(text, allow_special=True), expected, text, **{"<end>": 10})
    # Two spaces: the first stays by itself, because a word follows. Before a special token the text just ends.
    check_small(tokenizer.encode("  ab", True), [2, 6], "  ab")


@pytest.mark.exercise("Tokenizer")
@pytest.mark.parametrize("order", [1, -1], ids=["short first", "long first"])
def test_the_longest_special_token(learner, order):
    """Of special tokens that begin at one place the longest one counts; of others the one that begins first."""
    special = dict([("<a", 20), ("<a>", 21), ("<a>b", 22), ("b<", 23), ("(.|b)*", 24)][::order])
    tokenizer = learner.Tokenizer(SMALL, SMALL_MERGES, special)

    text = "<a>b<a>a<a<ab<a(.|b)*"
    check_small(tokenizer.encode(text, allow_special=True), [22, 21, 0, 20, 20, 23, 0, 24], text, **special)


@pytest.mark.exercise("Tokenizer")
def test_no_special_tokens_at_all(learner):
    """Without special tokens, allowing them changes nothing; an empty text has no ids."""
    tokenizer = learner.Tokenizer(SMALL, SMALL_MERGES, {})

    check_small(tokenizer.encode("ab<ab ab", allow_special=True), [5, 3, 5, 6], "ab<ab ab")
    check_small(tokenizer.encode("", allow_special=True), [], "")
    check_small(learner.Tokenizer(SMALL, [], {"<end>": 10}).encode("", True), [], "")


@pytest.mark.exercise("Tokenizer")
@pytest.mark.parametrize("listed", [True, False], ids=["in the vocabulary", "beside it"])
def test_special_tokens_are_decoded_as_they_are(learner, listed):
    """A special token is written in its own text and not in symbols: its spaces and letters beyond ASCII come back."""
    special = {"<｜fin du tour｜>": 30, "<é>": 31, "Ġ!": 32}
    tokenizer = learner.Tokenizer(SMALL | (special if listed else {}), SMALL_MERGES, special)

    check_equal(tokenizer.decode([5, 30, 7, 8, 31, 32, 6]), "ab<｜fin du tour｜>é<é>Ġ! ab", of="the text")
    text = "<é><｜fin du tour｜>ab"
    check_small(tokenizer.encode(text, allow_special=True), [31, 30, 5], text, **special)


@pytest.mark.exercise("Tokenizer")
def test_decoding_joins_bytes_first(learner):
    """The bytes of a character may come from several tokens; those of none become U+FFFD."""
    tokenizer = learner.Tokenizer(SMALL, SMALL_MERGES, {"<end>": 10})

    check_equal(tokenizer.decode([7, 8, 7, 0, 8, 10, 15, 16]), "é\ufffda\ufffd<end>\x00\ufffd", of="the text")
    check_equal(tokenizer.decode([]), "", of="the text of no ids")


@probe
def tokenize(module, data, strings, allow_special):
    """Make the tokenizer from one long text, which crosses faster than many short ones."""
    import json

    vocab, merges, special = json.loads(data)
    tokenizer = module.Tokenizer(vocab, [tuple(pair) for pair in merges], special)
    return [tokenizer.encode(text, allow_special=allow_special) for text in strings]


@probe
def detokenize(module, data, lists):
    import json

    vocab, merges, special = json.loads(data)
    tokenizer = module.Tokenizer(vocab, [tuple(pair) for pair in merges], special)
    return [tokenizer.decode(ids) for ids in lists]


def files(vocab, merges, special):
    return json.dumps([vocab, merges, {token: vocab[token] for token in special}])


@pytest.mark.exercise("Tokenizer", points=2)
def test_a_thousand_texts(learner, rng):
    """A thousand texts of all kinds, none of them special: the ids of the library `tokenizers`."""
    vocab, merges = trained()
    strings = texts(rng, 1000)

    got = learner.run(tokenize, files(vocab, merges, SPECIAL), strings, False)

    check_each(got, ids_of(ordinary()[2], strings), strings, "ids", {id: token for token, id in vocab.items()})


@pytest.mark.exercise("Tokenizer")
def test_texts_with_special_tokens(learner, rng):
    """Texts full of special tokens, which are allowed: the ids of the library `tokenizers`."""
    vocab, merges = trained()
    strings = ["".join(SPECIAL[n] + _text(rng) for n in rng.integers(len(SPECIAL), size=3)) for _ in range(150)]

    got = learner.run(tokenize, files(vocab, merges, SPECIAL), strings, True)

    check_each(
        got,
        ids_of(oracle_of(vocab, merges, SPECIAL), strings),
        strings,
        "ids",
        {id: token for token, id in vocab.items()},
    )


@pytest.mark.exercise("Tokenizer")
def test_texts_come_back(learner, rng):
    """What was encoded comes back as far as the vocabulary has its bytes: the texts of the library `tokenizers`."""
    vocab, merges = trained()
    oracle = ordinary()[2]
    lists = ids_of(oracle, texts(rng, 150))

    got = learner.run(detokenize, files(vocab, merges, SPECIAL), lists)

    check_each(got, oracle.decode_batch(lists, skip_special_tokens=False), lists, "text")


# The vocabulary of the shipped model, where that is there.

NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY, CONTROL_TOKEN = 8, 9, 3


def metadata(data):
    """The metadata at the head of a GGUF file: key → value."""
    place = 8  # behind the magic and the version

    def number(kind):
        nonlocal place
        (found,) = struct.unpack_from(f"<{kind}", data, place)
        place += struct.calcsize(f"<{kind}")
        return found

    def text():
        nonlocal place
        size = number("Q")
        place += size
        return data[place - size : place].decode()

    def value(kind):
        if kind == ARRAY:
            inner, count = number("I"), number("Q")
            return [value(inner) for _ in range(count)]
        return text() if kind == TEXT else number(NUMBERS[kind])

    _tensors, count = number("Q"), number("Q")
    return {text(): value(number("I")) for _ in range(count)}


@cache
def shipped(folder):
    """Vocabulary and special tokens with their ids, merges: what the model's own file says."""
    (path,) = Path(folder).glob("*.gguf")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = metadata(data)
    kinds = found["tokenizer.ggml.token_type"]
    vocab = {token: id for id, token in enumerate(found["tokenizer.ggml.tokens"])}
    merges = [tuple(pair.split(" ")) for pair in found["tokenizer.ggml.merges"]]
    return vocab, merges, [token for token, id in vocab.items() if kinds[id] == CONTROL_TOKEN]


@limits(seconds=60)
@pytest.mark.exercise("Tokenizer", points=2)
def test_the_vocabulary_of_smollm2(learner, rng, model):
    """With the 49,152 tokens of SmolLM2, a thousand texts of users become the ids of the library `tokenizers`."""
    vocab, merges, special = shipped(model("smollm2"))
    strings = texts(rng, 1000)

    got = learner.run(tokenize, files(vocab, merges, special), strings, False)

    check_each(
        got, ids_of(oracle_of(vocab, merges), strings), strings, "ids", {id: token for token, id in vocab.items()}
    )


@limits(seconds=60)
@pytest.mark.exercise("Tokenizer")
def test_a_chat_with_smollm2(learner, rng, model):
    """With SmolLM2's own special tokens allowed, chats become the ids of the library `tokenizers`."""
    vocab, merges, special = shipped(model("smollm2"))
    strings = [
        f"<|im_start|>user\n{_text(rng)}<|im_end|>\n<|im_start|>assistant\n{_text(rng)}{special[n % len(special)]}"
        for n in range(100)
    ]

    got = learner.run(tokenize, files(vocab, merges, special), strings, True)

    check_each(
        got,
        ids_of(oracle_of(vocab, merges, special), strings),
        strings,
        "ids",
        {id: token for token, id in vocab.items()},
    )


# --- wordpiece_encode ---


@pytest.mark.exercise("wordpiece_encode")
def test_wordpiece_by_hand(learner):
    """The longest token first, then the longest that goes on, written with ##."""
    vocab = {"play", "##ing", "##in", "##g", "p", "pl", "##ay", "playground", "ing"}

    check_equal(learner.wordpiece_encode("playing", vocab), ["play", "##ing"])
    check_equal(learner.wordpiece_encode("ping", vocab), ["p", "##ing"])
    check_equal(learner.wordpiece_encode("play", vocab), ["play"])


@pytest.mark.exercise("wordpiece_encode")
def test_beginnings_and_continuations_differ(learner):
    """A token without ## stands at the beginning of a word only, one with ## never does."""
    vocab = {"ab", "##ab", "##c", "a", "##a", "##b"}

    check_equal(learner.wordpiece_encode("abab", vocab), ["ab", "##ab"])
    check_equal(learner.wordpiece_encode("cab", vocab), ["[UNK]"])
    check_equal(learner.wordpiece_encode("abab", {"ab"}), ["[UNK]"], of="the tokens without a continuation")


@pytest.mark.exercise("wordpiece_encode")
def test_greedy_means_no_way_back(learner):
    """When the longest token leads nowhere the whole word is unknown, though a shorter one would have led on."""
    vocab = {"un", "unh", "##happy", "##a", "x"}

    check_equal(learner.wordpiece_encode("unhappy", vocab), ["[UNK]"])
    check_equal(learner.wordpiece_encode("xaq", vocab, unknown="<unk>"), ["<unk>"], of="the tokens of a word with a q")
    check_equal(learner.wordpiece_encode("xaa", vocab, "<unk>"), ["x", "##a", "##a"], of="the tokens of 'xaa'")


@pytest.mark.exercise("wordpiece_encode", points=2)
def test_wordpieces_are_those_of_tokenizers(learner, rng):
    """Random words under random vocabularies: the tokens of the library `tokenizers`."""
    for _ in range(40):
        tokens = {"".join(rng.choice(list("abé"), size=rng.integers(1, 4))) for _ in range(12)}
        vocab = {("##" if rng.random() < 0.6 else "") + token for token in sorted(tokens)}
        vocab |= {letter for letter in "abé" if rng.random() < 0.8} | {f"##{x}" for x in "abé" if rng.random() < 0.8}
        word = "".join(rng.choice(list("abé"), size=rng.integers(1, 9)))
        ids = {token: id for id, token in enumerate(["[UNK]", *sorted(vocab)])}
        oracle = models.WordPiece(vocab=ids, unk_token="[UNK]")

        got = learner.wordpiece_encode(word, vocab)

        check_equal(got, [token.value for token in oracle.tokenize(word)], of=f"the tokens of {word!r}")


# --- unigram_viterbi ---


def cuts(text):
    """Every way to cut a text into parts."""
    for edges in itertools.product([False, True], repeat=max(len(text) - 1, 0)):
        places = [0, *(place + 1 for place, edge in enumerate(edges) if edge), len(text)]
        yield [text[start:end] for start, end in itertools.pairwise(places)]


def check_cut(got, text, log_probs, best):
    """Require tokens that make the text and are as probable as `best`: aa a and a aa are equally good."""
    check_that(type(got) is list and all(type(token) is str for token in got), "the result must be a list of str")
    check_equal("".join(got), text, of="the joined tokens")
    check_equal([token for token in got if token not in log_probs], [], of="what is no token in the result")
    scores = [sum(log_probs[token] for token in tokens) for tokens in (got, best)]
    check_close(*scores, rtol=1e-9, of=f"the log-probability of your tokens of {text!r}")  # sums of at most 120 terms


@pytest.mark.exercise("unigram_viterbi")
def test_unigram_by_hand(learner):
    """The largest sum of log-probabilities wins, which is neither the longest first token nor the fewest tokens."""
    log_probs = {"u": -3.0, "n": -3.0, "un": -2.0, "h": -4.0, "unh": -1.0, "appy": -6.0, "happy": -3.5, "unhappy": -9.0}

    # un happy: -5.5; unh appy: -7; unhappy: -9.
    check_equal(learner.unigram_viterbi("unhappy", log_probs), ["un", "happy"])
    check_equal(learner.unigram_viterbi("unhappy", log_probs | {"appy": -4.0}), ["unh", "appy"])
    check_equal(learner.unigram_viterbi("unhappy", log_probs | {"unhappy": -4.5}), ["unhappy"])


@pytest.mark.exercise("unigram_viterbi", points=2)
def test_the_best_of_all_cuts(learner, rng):
    """Random probabilities: the best of all possible ways to cut a text, found by trying them all."""
    for length in (1, 2, 5, 8, 10):
        tokens = {"".join(rng.choice(list("ab"), size=rng.integers(1, 5))) for _ in range(14)}
        log_probs = {token: float(rng.normal(-3 * len(token) ** 0.5, 1)) for token in ("a", "b", *sorted(tokens))}
        text = "".join(rng.choice(list("ab"), size=length))

        got = learner.unigram_viterbi(text, log_probs)

        possible = [tokens for tokens in cuts(text) if all(token in log_probs for token in tokens)]
        check_cut(got, text, log_probs, max(possible, key=lambda tokens: sum(log_probs[token] for token in tokens)))


@pytest.mark.exercise("unigram_viterbi")
def test_probabilities_may_be_any(learner):
    """Tokens may have log-probability 0 or be very improbable, and single characters need not be tokens."""
    check_equal(learner.unigram_viterbi("abab", {"ab": -800.0, "aba": -1.0}), ["ab", "ab"])
    check_equal(learner.unigram_viterbi("xyz", {"x": 0.0, "y": 0.0, "z": 0.0, "xyz": -1e-9}), ["x", "y", "z"])
    check_equal(learner.unigram_viterbi("", {"a": -1.0}), [], of="the tokens of an empty text")


@pytest.mark.exercise("unigram_viterbi")
def test_a_text_that_cannot_be_made(learner):
    """A text that no tokens make raises ValueError; one that can be made only in an odd way is made."""
    log_probs = {"ab": -1.0, "abc": -1.0, "cd": -2.0, "x": -0.5}

    check_equal(learner.unigram_viterbi("abcd", log_probs), ["ab", "cd"])
    for text in ("abcdx?", "d", "abcc"):
        check_raises(ValueError, learner.unigram_viterbi, text, log_probs, says=f"for {text!r}")


@pytest.mark.exercise("unigram_viterbi")
def test_unigrams_are_those_of_tokenizers(learner, rng):
    """Long texts: the tokens of the library `tokenizers`."""
    for _ in range(5):
        tokens = {"".join(rng.choice(list("abcd é"), size=rng.integers(2, 7))) for _ in range(60)}
        log_probs = {token: float(rng.normal(-2 * len(token) ** 0.5, 1)) for token in [*"abcd é", *sorted(tokens)]}
        text = "".join(rng.choice(list("abcd é"), size=120))
        # `tokenizers` wants an entry for what is unknown; it cannot be needed here.
        oracle = models.Unigram([("<unk>", -1e3), *log_probs.items()], unk_id=0)

        got = learner.unigram_viterbi(text, log_probs)

        check_cut(got, text, log_probs, [token.value for token in oracle.tokenize(text)])
