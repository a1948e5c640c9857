"""Other correct answers to 2.1, named `<exercise>__<how>`: the suite must pass every one of them."""
# ruff: noqa: F821 (they stand behind the solution and use its names)

import heapq
import math
import re
import unicodedata
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise

import regex

# --- byte_to_unicode ---


def byte_to_unicode__gpt2(data):
    bs = list(range(ord("!"), ord("~") + 1)) + list(range(ord("¡"), ord("¬") + 1)) + list(range(ord("®"), ord("ÿ") + 1))
    cs = bs[:]
    n = 0
    for b in range(2**8):
        if b not in bs:
            bs.append(b)
            cs.append(2**8 + n)
            n += 1
    table = dict(zip(bs, [chr(c) for c in cs], strict=True))
    return "".join(table[b] for b in data)


def byte_to_unicode__arithmetic(data):
    text = ""
    for byte in data:
        if byte <= 32:
            text += chr(byte + 256)
        elif 127 <= byte <= 160:
            text += chr(byte + 162)
        elif byte == 173:
            text += chr(323)
        else:
            text += chr(byte)
    return text


def byte_to_unicode__translate(data):
    hidden = [*range(33), *range(127, 161), 173]
    return data.decode("latin-1").translate({byte: 256 + place for place, byte in enumerate(hidden)})


# --- pretokenize ---


def pretokenize__one_expression(text):
    rules = r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
    return regex.findall(rules, text)


def pretokenize__gpt2_in_stretches(text):
    gpt2 = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")
    pieces, start = [], 0
    for number in regex.finditer(r"\p{N}", text):
        pieces += gpt2.findall(text[start : number.start()])
        pieces.append(number.group())
        start = number.end()
    return pieces + gpt2.findall(text[start:])


def pretokenize__split(text):
    pieces = []
    for stretch in regex.split(r"(\p{N})", text):
        pieces.extend(
            m.group(0) for m in regex.finditer(r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?[^\s\p{L}]+|\s+(?!\S)|\s+", stretch)
        )
    return pieces


def pretokenize__without_expressions(text):
    """Character by character, as the docstring's rules say."""

    def kind(character):
        major = unicodedata.category(character)[0]
        space = character.isspace() and not "\x1c" <= character <= "\x1f"
        return "space" if space else {"L": "letter", "N": "number"}.get(major, "other")

    kinds = [kind(character) for character in text]

    def run(start, wanted):
        end = start
        while end < len(text) and kinds[end] == wanted:
            end += 1
        return end

    pieces, start = [], 0
    while start < len(text):
        end = start + 1
        first = start + (text[start] == " ")
        short = next(
            (each for each in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d") if text.startswith(each, start)), ""
        )
        if kinds[start] != "number":
            if short:
                end = start + len(short)
            elif first < len(text) and kinds[first] in ("letter", "other"):
                end = run(first, kinds[first])
            else:
                end = run(start, "space")
                if end < len(text) and kinds[end] != "number" and end - start > 1:
                    end -= 1
        pieces.append(text[start:end])
        start = end
    return pieces


# --- pair_counts ---


def pair_counts__dict(words):
    counts = {}
    for word, times in words.items():
        for i in range(len(word) - 1):
            counts[word[i], word[i + 1]] = counts.get((word[i], word[i + 1]), 0) + times
    return counts


def pair_counts__defaultdict(words):
    counts = defaultdict(int)
    for word in words:
        for pair, here in Counter(pairwise(word)).items():
            counts[pair] += here * words[word]
    return counts


# --- merge ---


def merge__index(parts, pair):
    new, i = [], 0
    while i < len(parts):
        if i < len(parts) - 1 and parts[i] == pair[0] and parts[i + 1] == pair[1]:
            new.append(parts[i] + parts[i + 1])
            i += 2
        else:
            new.append(parts[i])
            i += 1
    return new


def merge__in_a_copy(parts, pair):
    parts, start = list(parts), 0
    while start < len(parts) - 1:
        if tuple(parts[start : start + 2]) == tuple(pair):
            parts[start : start + 2] = [b"".join(pair)]
        start += 1
    return parts


def merge__iterator(parts, pair):
    left, right = pair
    waiting, new = None, []
    for part in parts:
        if waiting is not None and part == right:
            new.append(left + right)
            waiting = None
            continue
        if waiting is not None:
            new.append(waiting)
        waiting = part if part == left else None
        if waiting is None:
            new.append(part)
    return new if waiting is None else [*new, waiting]


# --- train_bpe ---


def train_bpe__weighted(text, vocab_size):
    vocab = {bytes([i]): i for i in range(256)}
    words = Counter(tuple(bytes([b]) for b in piece.encode("utf-8")) for piece in pretokenize(text))
    merges = []
    for id in range(256, vocab_size):
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts:
            break
        most = max(counts.values())
        pair = min((pair for pair, count in counts.items() if count == most), key=lambda p: (vocab[p[0]], vocab[p[1]]))
        merges.append(pair)
        vocab[pair[0] + pair[1]] = id
        words = {tuple(merge(list(word), pair)): times for word, times in words.items()}
    return vocab, merges


def train_bpe__ids(text, vocab_size):
    """On whole numbers, as minbpe does, and back to bytes at the end."""
    token = {id: bytes([id]) for id in range(256)}
    pieces = [list(piece.encode()) for piece in pretokenize(text)]
    merges = []
    while len(token) < vocab_size:
        counts = {}
        for ids in pieces:
            for pair in pairwise(ids):
                counts[pair] = counts.get(pair, 0) + 1
        if counts == {}:
            break
        best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[0][0]
        new = len(token)
        token[new] = token[best[0]] + token[best[1]]
        merges.append((token[best[0]], token[best[1]]))
        for ids in pieces:
            i = 0
            while i < len(ids) - 1:
                if (ids[i], ids[i + 1]) == best:
                    ids[i : i + 2] = [new]
                i += 1
    return {data: id for id, data in token.items()}, merges


def train_bpe__only_what_changes(text, vocab_size):
    """Counts are kept, and brought up to date for the pieces that hold the joined pair."""
    vocab = {bytes([i]): i for i in range(256)}
    words = [[bytes([b]) for b in piece.encode()] for piece in pretokenize(text)]
    counts, places, merges = Counter(), defaultdict(set), []
    for number, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += 1
            places[pair].add(number)
    while len(vocab) < vocab_size and (alive := [pair for pair, count in counts.items() if count > 0]):
        best = max(alive, key=lambda pair: (counts[pair], -vocab[pair[0]], -vocab[pair[1]]))
        merges.append(best)
        vocab[b"".join(best)] = len(vocab)
        for number in list(places[best]):
            counts.subtract(pairwise(words[number]))
            words[number] = merge(words[number], best)
            for pair in pairwise(words[number]):
                counts[pair] += 1
                places[pair].add(number)
    return vocab, merges


# --- encode ---


def encode__one_pair_at_a_time(text, vocab, ranks):
    ids = []
    for piece in pretokenize(text):
        word = [bytes([b]) for b in piece.encode("utf-8") if bytes([b]) in vocab]
        while True:
            found = [(ranks[pair], i) for i, pair in enumerate(pairwise(word)) if pair in ranks]
            if not found:
                break
            _, i = min(found)
            word[i : i + 2] = [word[i] + word[i + 1]]
        ids += [vocab[token] for token in word]
    return ids


def encode__remembered(text, vocab, ranks):
    """By index, and every piece only once."""

    @lru_cache
    def ids_of(piece):
        word = [bytes([b]) for b in piece.encode() if bytes([b]) in vocab]
        while known := {ranks[pair]: pair for pair in pairwise(word) if pair in ranks}:
            left, right = known[min(known)]
            i = 0
            while i < len(word) - 1:
                if word[i] == left and word[i + 1] == right:
                    word[i : i + 2] = [left + right]
                i += 1
        return tuple(vocab[token] for token in word)

    return [id for piece in pretokenize(text) for id in ids_of(piece)]


def encode__heap(text, vocab, ranks):
    """A linked list and a heap of pairs, as fast tokenizers do it."""
    ids = []
    for piece in pretokenize(text):
        word = [bytes([b]) for b in piece.encode() if bytes([b]) in vocab]
        after = [*range(1, len(word)), None]
        before = [None, *range(len(word) - 1)]
        heap = [(ranks[pair], i, pair) for i, pair in enumerate(pairwise(word)) if pair in ranks]
        heapq.heapify(heap)
        while heap:
            _, i, pair = heapq.heappop(heap)
            j = after[i] if word[i] is not None else None
            if j is None or (word[i], word[j]) != pair:
                continue
            word[i], word[j], after[i] = word[i] + word[j], None, after[j]
            if after[j] is not None:
                before[after[j]] = i
            for a, b in ((before[i], i), (i, after[i])):
                if a is not None and b is not None and (word[a], word[b]) in ranks:
                    heapq.heappush(heap, (ranks[word[a], word[b]], a, (word[a], word[b])))
        ids += [vocab[token] for token in word if token is not None]
    return ids


# --- decode ---


def decode__bytearray(ids, tokens):
    data = bytearray()
    for id in ids:
        data.extend(tokens[id])
    return str(data, encoding="utf-8", errors="replace")


# --- Tokenizer ---


class Tokenizer__one_pattern:
    """Text and special tokens in one pass, with a memory for pieces."""

    def __init__(self, vocab, merges, special_tokens):
        symbols = byte_to_unicode(bytes(range(256)))
        self.to_byte = {symbol: bytes([byte]) for byte, symbol in enumerate(symbols)}
        self.special = dict(special_tokens)
        self.ids = {self._bytes(token): id for token, id in vocab.items() if token not in self.special}
        self.ranks = {(self._bytes(a), self._bytes(b)): rank for rank, (a, b) in enumerate(merges)}
        self.text_of = {id: token for token, id in self.special.items()}
        self.bytes_of = {id: data for data, id in self.ids.items()}
        names = sorted(map(re.escape, self.special), key=len, reverse=True)
        self.pattern = re.compile("|".join(names)) if names else None

    def _bytes(self, token):
        return b"".join(self.to_byte[symbol] for symbol in token)

    def encode(self, text, allow_special=False):
        if not allow_special or self.pattern is None:
            return encode(text, self.ids, self.ranks)
        ids, start = [], 0
        for found in self.pattern.finditer(text):
            ids.extend(encode(text[start : found.start()], self.ids, self.ranks))
            ids.append(self.special[found[0]])
            start = found.end()
        return ids + encode(text[start:], self.ids, self.ranks)

    def decode(self, ids):
        return decode(ids, {**self.bytes_of, **{id: text.encode() for id, text in self.text_of.items()}})


class Tokenizer__in_symbols:
    """Everything stays in symbols until the text is wanted."""

    def __init__(self, vocab, merges, special_tokens):
        self.vocab, self.special_tokens = vocab, special_tokens
        self.ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
        self.symbols = byte_to_unicode(bytes(range(256)))
        self.tokens = {id: token for token, id in vocab.items()} | {id: text for text, id in special_tokens.items()}

    def _pieces(self, text):
        for piece in pretokenize(text):
            word = [symbol for symbol in byte_to_unicode(piece.encode()) if symbol in self.vocab]
            while len(word) > 1:
                best = min(pairwise(word), key=lambda pair: self.ranks.get(pair, math.inf))
                if best not in self.ranks:
                    break
                word = merge(word, best)
            yield from word

    def encode(self, text, allow_special=False):
        if allow_special:
            for place in range(len(text)):
                found = [token for token in self.special_tokens if text.startswith(token, place)]
                if found:
                    token = max(found, key=len)
                    rest = self.encode(text[place + len(token) :], True)
                    return [*self.encode(text[:place]), self.special_tokens[token], *rest]
        return [self.vocab[token] for token in self._pieces(text)]

    def decode(self, ids):
        data = b""
        for id in ids:
            token = self.tokens[id]
            if id in self.special_tokens.values():
                data += token.encode()
            else:
                data += bytes(self.symbols.index(symbol) for symbol in token)
        return data.decode("utf-8", "replace")


class Tokenizer__reversed_order:
    """A longer special token sorts behind its own beginning; and nothing is prepared for decoding."""

    def __init__(self, vocab, merges, special_tokens):
        table = {byte_to_unicode(bytes([byte])): byte for byte in range(256)}
        special_ids = set(special_tokens.values())
        self.special_tokens = special_tokens
        self.vocab = {bytes(table[s] for s in token): id for token, id in vocab.items() if id not in special_ids}
        self.ranks = {tuple(bytes(map(table.get, t)) for t in pair): rank for rank, pair in enumerate(merges)}

    def encode(self, text, allow_special=False):
        parts = [text]
        if allow_special and len(self.special_tokens) > 0:
            either = "|".join(map(regex.escape, sorted(self.special_tokens, reverse=True)))
            parts = regex.splititer(f"({either})", text)
        ids = []
        for place, part in enumerate(parts):
            ids += encode(part, self.vocab, self.ranks) if place % 2 == 0 else [self.special_tokens[part]]
        return ids

    def decode(self, ids):
        by_id = {id: token for token, id in self.vocab.items()}
        for token, id in self.special_tokens.items():
            by_id[id] = token.encode("utf-8")
        return b"".join([by_id[id] for id in ids]).decode(errors="replace")


# --- wordpiece_encode ---


def wordpiece_encode__bert(word, vocab, unknown="[UNK]"):
    chars, start, output = list(word), 0, []
    while start < len(chars):
        end, current = len(chars), None
        while start < end:
            substring = "".join(chars[start:end])
            if start > 0:
                substring = "##" + substring
            if substring in vocab:
                current = substring
                break
            end -= 1
        if current is None:
            return [unknown]
        output.append(current)
        start = end
    return output


# --- unigram_viterbi ---


def unigram_viterbi__memo(text, log_probs):
    @lru_cache(None)
    def best(start):
        if start == len(text):
            return 0.0, ()
        found = []
        for end in range(start + 1, len(text) + 1):
            if text[start:end] in log_probs:
                score, tokens = best(end)
                found.append((log_probs[text[start:end]] + score, (text[start:end], *tokens)))
        return max(found, default=(-math.inf, ()))

    score, tokens = best(0)
    if score == -math.inf:
        raise ValueError("there is no way to make this text")
    return list(tokens)


def unigram_viterbi__forward(text, log_probs):
    score, back = [0.0] + [None] * len(text), [None] * (len(text) + 1)
    for start in range(len(text)):
        if score[start] is None:
            continue
        for token, value in log_probs.items():
            end = start + len(token)
            if text.startswith(token, start) and (score[end] is None or score[start] + value > score[end]):
                score[end], back[end] = score[start] + value, token
    if score[-1] is None:
        raise ValueError(text)
    tokens, end = [], len(text)
    while end:
        tokens.append(back[end])
        end -= len(back[end])
    return tokens[::-1]
