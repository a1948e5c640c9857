"""2.1 Tokenization: how text becomes the whole numbers that a model reads, and how numbers become text again.

Sources: Sennrich, Haddow and Birch (2016), Neural Machine Translation of Rare Words with Subword Units,
arXiv:1508.07909 (byte-pair encoding); Radford et al. (2019), Language Models are Unsupervised Multitask Learners,
section 2.2 (bytes as the base, text cut up first); Wu et al. (2016), arXiv:1609.08144, section 4.1 (WordPiece); Kudo
(2018), arXiv:1804.10959 (unigram). The order of steps is that of the tokenizer of SmolLM2, which section 2.5 runs.

Words used here:
    byte    one of the whole numbers 0 to 255 of which UTF-8 makes every text
    piece   what `pretokenize` cuts a text into; no token reaches across the edge of a piece
    token   an entry of the vocabulary: one or more bytes, with a whole number as its id
    merge   the rule that two tokens which stand side by side become one; its rank is its place in the list, from 0
    symbol  one visible character that stands for one byte in the files of a tokenizer

All texts can be written in UTF-8: there are no lone surrogates in them.
"""

import math
from collections import Counter
from itertools import pairwise

import regex


def byte_to_unicode(data):
    """Write bytes in GPT-2's symbols, one character that can be seen and printed for each of the 256 bytes.

    The bytes 33 to 126, 161 to 172 and 174 to 255 stand for themselves: the symbol is the character with that code
    point. The other 68 bytes, in ascending order, get the characters with the code points 256, 257, 258 and so on.

    Args:
        data: bytes, may be empty.

    Returns:
        str of the same length.

    Example:
        >>> byte_to_unicode(" a café".encode())  # é is two bytes, 195 and 169
        'ĠaĠcafÃ©'

    Radford et al. (2019), in the code that came with the paper.
    """
    # BEGIN SOLUTION
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    symbols = {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    return "".join(symbols[byte] for byte in data)
    # END SOLUTION


def pretokenize(text):
    r"""Cut a text into pieces as SmolLM2 does: every digit by itself, and GPT-2's rules between the digits.

    First every character of Unicode's numbers (`\p{N}`) becomes a piece of its own. Then each stretch between them is
    cut by itself, from left to right; at each place the first rule that fits takes as many characters as it can:

    1. one of 's 't 're 've 'm 'll 'd, with a straight apostrophe and in small letters;
    2. one space (U+0020) if there is one, then letters (`\p{L}`), one or more;
    3. one space if there is one, then characters, one or more, that are neither white space nor letters;
    4. white space (`\s`), one or more, which must not be followed by something else *in this stretch*: before a
       character that is no white space, the last of them is left for what follows;
    5. white space, one or more: what rule 4 had to leave and rules 2 and 3 cannot use.

    Args:
        text: str, may be empty.

    Returns:
        List of non-empty str; joined they are the text. The properties are those of the package `regex`.

    Example:
        >>> pretokenize("It's 42  cats!")
        ['It', "'s", ' ', '4', '2', ' ', ' cats', '!']

    Radford et al. (2019), in the code that came with the paper, for the rules between digits.
    """
    # BEGIN SOLUTION
    rules = r"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?[^\s\p{L}]+|\s+(?!\S)|\s+"
    # The digits go first: rule 4 must take a stretch's last space for the end, though a digit follows it in the text.
    stretches = regex.findall(r"\p{N}|\P{N}+", text)
    return [piece for stretch in stretches for piece in regex.findall(rules, stretch)]
    # END SOLUTION


def pair_counts(words):
    """Count neighbours in a corpus in which every distinct word is kept only once, with the number of times it occurs.

    Args:
        words: dict, tuple of tokens (bytes) → how often this word occurs, a positive int.

    Returns:
        Dict, pair of neighbours (left, right) → how often it occurs in the whole corpus; only pairs that occur. Places
        may overlap: (a, a) occurs twice in a a a.

    Example:
        >>> dict(pair_counts({(b"n", b"a", b"n"): 2, (b"n", b"a"): 5}))
        {(b'n', b'a'): 7, (b'a', b'n'): 2}
    """
    # BEGIN SOLUTION
    counts = Counter()
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    return counts
    # END SOLUTION


def merge(parts, pair):
    """Join a pair wherever it stands side by side, going from left to right.

    Args:
        parts: list of tokens (bytes, none of them empty); left as it was.
        pair: tuple (left, right) of two tokens.

    Returns:
        New list: at every place where `left` and then `right` stand, `left + right` stands instead. A part is used once
        only, so that of three equal parts in a row the first two are joined.

    Example:
        >>> merge([b"a", b"a", b"a", b"b"], (b"a", b"a"))
        [b'aa', b'a', b'b']

    Sennrich et al. (2016), section 3.2.
    """
    # BEGIN SOLUTION
    merged = []
    for part in parts:
        # What was joined is longer than `left` and cannot be taken for it: no part is used twice.
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged
    # END SOLUTION


def train_bpe(text, vocab_size):
    """Learn a byte-pair encoding: start from single bytes, and again and again make the most frequent pair a token.

    The text is cut by `pretokenize`; pairs are counted inside pieces, never across, and every piece counts as often as
    it occurs in the text. Places may overlap when they are counted, (a, a) occurs twice in a a a, but not when they are
    joined: that is what `merge` does.

    Args:
        text: str, the corpus.
        vocab_size: how many tokens to have in the end, at least 256.

    Returns:
        (vocab, merges). `vocab` is a dict, token (bytes) → id: the 256 single bytes have their own value as id, and new
        tokens follow with 256, 257 and so on. `merges` is the list of the pairs (left, right) of bytes that were
        joined, in this order. Of several pairs that are equally frequent, the one whose left token has the smallest id
        is joined, and among those the one whose right token has. Training ends early when no piece has two tokens.

    Example:
        >>> vocab, merges = train_bpe("banana", 258)  # a n and n a occur twice each, and a = 97 is less than n = 110
        >>> merges, vocab[b"ban"]
        ([(b'a', b'n'), (b'b', b'an')], 257)

    Sennrich et al. (2016), algorithm 1; on bytes: Radford et al. (2019), section 2.2.
    """
    # BEGIN SOLUTION
    vocab = {bytes([byte]): byte for byte in range(256)}
    merges = []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pretokenize(text)]
    while len(vocab) < vocab_size:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        left, right = min(counts, key=lambda pair: (-counts[pair], vocab[pair[0]], vocab[pair[1]]))
        merges.append((left, right))
        vocab[left + right] = len(vocab)
        words = [merge(word, (left, right)) for word in words]
    return vocab, merges
    # END SOLUTION


def encode(text, vocab, ranks):
    """Turn ordinary text into ids, by joining bytes in the order in which the merges were learnt.

    Every piece of `pretokenize` is taken by itself. It starts as its UTF-8 bytes; a byte that is no token of `vocab` is
    dropped at once, and its neighbours then stand side by side. As long as some pair of neighbours is in `ranks`, the
    one with the smallest rank is joined at every place (`merge`). A pair that a join has just made takes part at once,
    even where its rank is smaller than that of the join. Nothing else makes a longer token: that a whole piece is in
    `vocab` does not matter.

    Args:
        text: str, may be empty.
        vocab: dict, token (bytes) → id (int). It need not hold all 256 bytes.
        ranks: dict, pair of tokens (left, right) → rank (int), all different; left + right is in `vocab`. A real
            one has 50,000 entries: look the pairs of a piece up in it, and do not walk through it for every piece.

    Returns:
        List of ids (int).

    Example:
        >>> vocab = {b"a": 0, b"b": 1, b"c": 2, b"bc": 3, b"ab": 4}
        >>> encode("abc?", vocab, {(b"b", b"c"): 0, (b"a", b"b"): 1})  # a b comes first in the text, b c in the ranks
        [0, 3]
    """
    # BEGIN SOLUTION
    ids = []
    for piece in pretokenize(text):
        parts = [part for byte in piece.encode() if (part := bytes([byte])) in vocab]
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: ranks.get(pair, math.inf))
            if best not in ranks:
                break
            parts = merge(parts, best)
        ids.extend(vocab[part] for part in parts)
    return ids
    # END SOLUTION


def decode(ids, tokens):
    """Turn ids into text again.

    A model may stop in the middle of a character, so that the bytes need not be valid UTF-8: what is not becomes the
    replacement character U+FFFD, as often as Python's own decoder with the error handler "replace" writes it. The bytes
    of a character may come from several tokens.

    Args:
        ids: list of ids (int), may be empty.
        tokens: dict, id → token (bytes): a vocabulary the other way round.

    Returns:
        str.

    Example:
        >>> decode([1, 2, 1], {1: bytes([195]), 2: bytes([188])})  # 195 188 is ü, and 195 alone is nothing
        'ü�'
    """
    # BEGIN SOLUTION
    return b"".join(tokens[id] for id in ids).decode("utf-8", errors="replace")
    # END SOLUTION


class Tokenizer:
    """The whole of it, from the files of a real tokenizer, in which tokens are written in GPT-2's symbols.

    Args:
        vocab: dict[str, int], token in symbols (`byte_to_unicode`) → id. It need not hold all 256 symbols. The special
            tokens may be in it as well, under the same ids.
        merges: list of pairs (left, right) of tokens in symbols; the place in the list is the rank.
        special_tokens: dict[str, int], text of a special token, not in symbols → id. It may be empty.

    Special tokens are signals such as "here ends the answer". They are never cut, and only a caller who says so can
    write them in a text. Vocabularies are large and texts are many: prepare here what `encode` and `decode` need.

    Example:
        >>> vocab = {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "<": 5, ">": 6, "<b>": 7}
        >>> tokenizer = Tokenizer(vocab, [("a", "b"), ("Ġ", "ab")], {"<b>": 7})
        >>> tokenizer.encode("ab ab<b>"), tokenizer.encode("ab ab<b>", allow_special=True)
        ([3, 4, 5, 1, 6], [3, 4, 7])
        >>> tokenizer.decode([3, 4, 7])
        'ab ab<b>'
    """

    def __init__(self, vocab, merges, special_tokens):
        # BEGIN SOLUTION
        byte_of = {symbol: byte for byte, symbol in enumerate(byte_to_unicode(bytes(range(256))))}

        def in_bytes(token):
            return bytes(byte_of[symbol] for symbol in token)

        self.special_tokens = special_tokens
        self.vocab = {in_bytes(token): id for token, id in vocab.items() if token not in special_tokens}
        self.ranks = {(in_bytes(left), in_bytes(right)): rank for rank, (left, right) in enumerate(merges)}
        self.tokens = {id: token for token, id in self.vocab.items()}
        self.tokens |= {id: token.encode() for token, id in special_tokens.items()}
        # END SOLUTION

    def encode(self, text, allow_special=False):
        """Turn text into ids.

        Args:
            text: str, may be empty.
            allow_special: whether special tokens in the text count as such. If not, the text is ordinary from end to
                end, whatever stands in it, and no id of a special token comes out. If so, special tokens are looked for
                from left to right, the longest first where several begin at one place; each becomes its id, and the
                text before, between and behind them is ordinary text, each part of it encoded by itself.

        Returns:
            List of ids (int). Ordinary text goes through what `encode` (the function) describes.
        """
        # BEGIN SOLUTION
        if not (allow_special and self.special_tokens):
            return encode(text, self.vocab, self.ranks)
        longest_first = sorted(self.special_tokens, key=len, reverse=True)
        parts = regex.split(f"({'|'.join(map(regex.escape, longest_first))})", text)
        ids = []
        for part in parts:
            special = part in self.special_tokens
            ids += [self.special_tokens[part]] if special else encode(part, self.vocab, self.ranks)
        return ids
        # END SOLUTION

    def decode(self, ids):
        """Turn ids into text; special tokens become the text they have in `special_tokens`.

        Args:
            ids: list of ids (int), may be empty.

        Returns:
            str. Bytes that are no valid UTF-8 become U+FFFD, as in `decode` (the function).
        """
        # BEGIN SOLUTION
        return b"".join(self.tokens[id] for id in ids).decode("utf-8", errors="replace")
        # END SOLUTION


def wordpiece_encode(word, vocab, unknown="[UNK]"):
    """Cut a word as BERT does: the longest token that fits, then the longest that goes on from there.

    Args:
        word: str of at least one character, without white space.
        vocab: set of tokens (str). A token that does not begin a word is written with ## in front.
        unknown: what stands for a word that cannot be cut up.

    Returns:
        List of tokens (str) as they are written in `vocab`. Every step takes the longest token that fits. Where none
        fits, steps are not taken back: the whole word is `[unknown]`.

    Example:
        >>> vocab = {"un", "unh", "happy", "##a", "##happy", "##app", "##y"}  # made up
        >>> wordpiece_encode("unhappy", vocab), wordpiece_encode("unhip", vocab)  # happily taken: unh
        (['unh', '##app', '##y'], ['[UNK]'])

    Wu et al. (2016), section 4.1; the ## are those of Devlin et al. (2019), BERT, arXiv:1810.04805.
    """
    # BEGIN SOLUTION
    tokens, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = [end for end in range(len(word), start, -1) if prefix + word[start:end] in vocab]
        if not ends:
            return [unknown]
        tokens.append(prefix + word[start : ends[0]])
        start = ends[0]
    return tokens
    # END SOLUTION


def unigram_viterbi(text, log_probs):
    """Find the most probable way to cut a text into tokens that are drawn independently of one another.

    Args:
        text: str, may be empty.
        log_probs: dict, token (str, not empty) → its log-probability (float, natural logarithm).

    Returns:
        List of tokens (str) that, joined, are the text and whose log-probabilities have the largest sum. Which one it
        is where two are equally probable is not decided.

    Raises:
        ValueError: if the text cannot be made of tokens.

    Example:
        >>> unigram_viterbi("abc", {"a": -1.0, "b": -3.0, "c": -1.0, "ab": -3.5, "bc": -2.0})  # -3 beats -4.5 and -5
        ['a', 'bc']

    Kudo (2018), section 3.2; Viterbi (1967), Error bounds for convolutional codes.
    """
    # BEGIN SOLUTION
    # best[end]: the score of the best way to cut text[:end], and where its last token starts.
    best = [(0.0, 0)]
    for end in range(1, len(text) + 1):
        scores = ((best[start][0] + log_probs.get(text[start:end], -math.inf), start) for start in range(end))
        best.append(max(scores))
    if best[-1][0] == -math.inf:
        raise ValueError(f"the text must be made of tokens; {text!r} cannot be")
    tokens, end = [], len(text)
    while end > 0:
        start = best[end][1]
        tokens.insert(0, text[start:end])
        end = start
    return tokens
    # END SOLUTION
