"""Classic wrong answers to the exercises of 2.1, each with the sentence that tells the learner which one it is."""
# ruff: noqa: F821 (they stand in the solution and use its names)

from collections import Counter
from itertools import pairwise

import regex

from grader.checks import mistake

# Whatever else was done about digits and numbers, "In 2024, 3.14x½²" comes out like this, in the check of digits.
BEHIND_THE_DIGITS = ["In", " ", "2", "0", "2", "4", ",", " ", "3", ".", "1", "4", "x"]


def digits_of_ten(trace):
    """Recognise that the digits 0 to 9 stand alone and ½² do not."""
    length = len(BEHIND_THE_DIGITS)
    return any(
        type(each) is list and each[:length] == BEHIND_THE_DIGITS and each[length:] != ["½", "²"] for each in trace
    )


def digits_in_runs(trace):
    """Recognise that the text was cut at 2024 and 14, which may be lost then, since they are no single digits."""
    cut = [each for each in trace if type(each) is list and each[:2] == ["In", " "] and "2" not in each]
    return any("2024" in each or each[2:6] == [",", " ", "3", "."] for each in cut)


# --- byte_to_unicode ---


@mistake(
    "byte_to_unicode",
    says="You left every byte as the character with its own number: spaces, newlines and controls stay invisible.",
    patch=("chr(256 + place) for place, byte in enumerate(hidden)", "chr(byte) for byte in hidden"),
)
def every_byte_is_itself(data):
    return data.decode("latin-1")


@mistake(
    "byte_to_unicode",
    says="You added 256 to the hidden bytes; they get the characters from 256 on one after the other, without gaps.",
    patch=("chr(256 + place) for place, byte in enumerate(hidden)", "chr(256 + byte) for byte in hidden"),
)
def hidden_bytes_shifted(data):
    def shown(byte):
        return 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174

    return "".join(chr(byte if shown(byte) else byte + 256) for byte in data)


@mistake(
    "byte_to_unicode",
    says="You took byte 173, the soft hyphen, for visible; from there on all hidden bytes move by one.",
    patch=("*range(161, 173), *range(174, 256)", "*range(161, 256)"),
)
def soft_hyphen_is_visible(data):
    table, extra = {}, 0
    for byte in range(256):
        if 33 <= byte <= 126 or byte >= 161:
            table[byte] = chr(byte)
        else:
            table[byte], extra = chr(256 + extra), extra + 1
    return "".join(map(table.get, data))


@mistake(
    "byte_to_unicode",
    says="You kept only ASCII as it is; the visible characters from 161 on stand for themselves as well.",
    patch=(", *range(161, 173), *range(174, 256)]", "]"),
)
def only_ascii_is_visible(data):
    others = iter(range(256, 512))
    table = [byte if 33 <= byte < 127 else next(others) for byte in range(256)]
    return "".join(chr(table[byte]) for byte in data)


@mistake(
    "byte_to_unicode",
    says="You took the space for a visible character, as isprintable does; it is written as another one, too.",
    patch=("range(33, 127)", "range(32, 127)"),
)
def space_is_visible(data):
    others = iter(range(256, 512))
    table = [chr(byte) if chr(byte).isprintable() else chr(next(others)) for byte in range(256)]
    return "".join(table[byte] for byte in data)


# --- pretokenize ---


@mistake(
    "pretokenize",
    says="Your numbers stay together, as in GPT-2; here every digit is a piece of its own.",
    patch=((r"| ?[^\s\p{L}]+|", r"| ?\p{N}+| ?[^\s\p{L}\p{N}]+|"), (r'regex.findall(r"\p{N}|\P{N}+", text)', "[text]")),
)
def numbers_stay_together(text):
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return [match.group() for match in regex.finditer(gpt2, text)]


@mistake(
    "pretokenize",
    says="You never cut at the digits; every one of them is a piece before the five rules are used.",
    patch=(r'regex.findall(r"\p{N}|\P{N}+", text)', "[text]"),
)
def digits_never_cut(text):
    return regex.findall(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}]+|\s+(?!\S)|\s+", text)


@mistake(
    "pretokenize",
    says="You never cut at the digits; every one of them is a piece before the five rules are used.",
    patch=((r"| ?[^\s\p{L}]+|", r"| ?[^\s\p{L}\p{N}]+|"), (r'regex.findall(r"\p{N}|\P{N}+", text)', "[text]")),
)
def digits_fall_through(text):
    rules = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    return [match.group() for match in rules.finditer(text)]


@mistake(
    "pretokenize",
    says="You cut at the digits 0 to 9 or at \\d; all of Unicode's numbers are pieces of their own, ½ and ² as well.",
    patch=(r'r"\p{N}|\P{N}+"', r'r"\d|\D+"'),
    recognise=digits_of_ten,
)
def only_ten_digits(text):
    rules = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return [piece for stretch in regex.split(r"([0-9])", text) for piece in regex.findall(rules, stretch)]


@mistake(
    "pretokenize",
    says="You cut at whole numbers; every single digit is a piece of its own.",
    patch=(r'r"\p{N}|\P{N}+"', r'r"\p{N}+|\P{N}+"'),
    recognise=digits_in_runs,
)
def numbers_cut_whole(text):
    rules = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    pieces = []
    for stretch in regex.split(r"(\p{N}+)", text):
        pieces += [stretch] if regex.fullmatch(r"\p{N}", stretch) else regex.findall(rules, stretch)
    return pieces


@mistake(
    "pretokenize",
    says="Your digits take the space before them along; they are split off first, so that the space stays behind.",
    patch=((r"| ?[^\s\p{L}]+|", r"| ?\p{N}| ?[^\s\p{L}\p{N}]+|"), (r'regex.findall(r"\p{N}|\P{N}+", text)', "[text]")),
)
def digits_take_the_space(text):
    rules = r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}{1,1}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return regex.findall(rules, text)


@mistake(
    "pretokenize",
    says="You cut white space before a digit in two; the stretch ends there, so that the run stays whole.",
    patch=(
        (r"| ?[^\s\p{L}]+|", r"| ?[^\s\p{L}\p{N}]+|\p{N}|"),
        (r'regex.findall(r"\p{N}|\P{N}+", text)', "[text]"),
    ),
)
def space_before_digits_is_cut(text):
    rules = regex.compile(r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    return rules.findall(text)


@mistake(
    "pretokenize",
    says="Your letters are those from A to Z; letters of every alphabet count.",
    patch=((r"| ?\p{L}+|", r"| ?[A-Za-z]+|"), (r"[^\s\p{L}]+", r"[^\sA-Za-z]+")),
)
def letters_of_ascii(text):
    rules = r"'s|'t|'re|'ve|'m|'ll|'d| ?[a-zA-Z]+| ?[^\sa-zA-Z]+|\s+(?!\S)|\s+"
    found = []
    for stretch in regex.split(r"(\p{N})", text):
        found += regex.findall(rules, stretch)
    return found


@mistake(
    "pretokenize",
    says="You used \\w for letters: it takes the underscore and combining marks along.",
    patch=((r"| ?\p{L}+|", r"| ?\w+|"), (r"[^\s\p{L}]+", r"[^\s\w]+")),
)
def word_characters(text):
    rules = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+")
    return [piece for stretch in regex.split(r"(\p{N})", text) for piece in rules.findall(stretch)]


@mistake(
    "pretokenize",
    says="Your runs of white space swallow the space that belongs to the word behind them.",
    patch=(r"|\s+(?!\S)|\s+", r"|\s+"),
)
def white_space_in_one_piece(text):
    rules = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"
    return [piece for stretch in regex.findall(r"\p{N}|[^\p{N}]+", text) for piece in regex.findall(rules, stretch)]


@mistake(
    "pretokenize",
    says="You split contractions in capitals too; only the seven in small letters are.",
    patch=("'(?:[stmd]|re|ve|ll)", "(?i:'(?:[stmd]|re|ve|ll))"),
)
def contractions_in_capitals(text):
    rules = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return [piece for stretch in regex.findall(r"\p{N}|[^\p{N}]+", text) for piece in regex.findall(rules, stretch)]


# --- pair_counts ---


@mistake(
    "pair_counts",
    says="You counted every distinct word once; a pair counts as often as its word occurs.",
    patch=("+= times", "+= 1"),
)
def words_count_once(words):
    return Counter(pair for word in words for pair in pairwise(word))


@mistake(
    "pair_counts",
    says="You counted a pair once in each word; it may stand there several times.",
    patch=("in pairwise(word):", "in set(pairwise(word)):"),
)
def once_in_each_word(words):
    pairs = {(left, right) for word in words for left, right in pairwise(word)}
    return {pair: sum(n for word, n in words.items() if pair in pairwise(word)) for pair in pairs}


# --- merge ---


@mistake(
    "merge",
    says="You used a part twice: in a a a the middle one belongs to the first pair only.",
    patch=(
        """    for part in parts:
        # What was joined is longer than `left` and cannot be taken for it: no part is used twice.
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
""",
        """    used = False
    for place, part in enumerate(parts):
        if tuple(parts[place : place + 2]) == pair:
            merged.append(part + parts[place + 1])
            used = True
        else:
            if not used:
                merged.append(part)
            used = False
""",
    ),
)
def parts_used_twice(parts, pair):
    starts = [False, *(two == pair for two in pairwise(parts)), False]  # starts[n]: whether a pair ends at part n
    merged = []
    for place, part in enumerate(parts):
        if starts[place + 1]:
            merged.append(pair[0] + pair[1])
        elif not starts[place]:
            merged.append(part)
    return merged


@mistake(
    "merge",
    says="You joined the first place only; the pair is joined wherever it stands.",
    patch=(
        "if merged and (merged[-1], part) == pair:",
        "if merged and (merged[-1], part) == pair and len(b''.join(pair)) not in map(len, merged):",
    ),
)
def only_the_first(parts, pair):
    for place in range(len(parts) - 1):
        if (parts[place], parts[place + 1]) == pair:
            return [*parts[:place], pair[0] + pair[1], *parts[place + 2 :]]
    return list(parts)


@mistake(
    "merge",
    says="You went from right to left: in a run of equal parts the first two are joined, not the last two.",
    patch=(
        ("for part in parts:", "for part in parts[::-1]:"),
        ("(merged[-1], part) == pair", "(part, merged[-1]) == pair"),
        ("merged[-1] += part", "merged[-1] = part + merged[-1]"),
        ("return merged", "return merged[::-1]"),
    ),
)
def from_the_right(parts, pair):
    merged, place = [], len(parts) - 1
    while place >= 0:
        if place > 0 and (parts[place - 1], parts[place]) == pair:
            merged.insert(0, parts[place - 1] + parts[place])
            place -= 2
        else:
            merged.insert(0, parts[place])
            place -= 1
    return merged


@mistake(
    "merge",
    says="You compared what comes out when two parts are joined; a | bc looks like ab | c then, and is another pair.",
    patch=("(merged[-1], part) == pair:", 'merged[-1] + part == b"".join(pair):'),
)
def looks_the_same_when_joined(parts, pair):
    merged, place = [], 0
    while place < len(parts):
        if b"".join(parts[place : place + 2]) == pair[0] + pair[1] and place + 1 < len(parts):
            merged.append(pair[0] + pair[1])
            place += 2
        else:
            merged.append(parts[place])
            place += 1
    return merged


@mistake(
    "merge",
    says="You went from right to left: in a run of equal parts the first two are joined, not the last two.",
    patch=(
        "    merged = []\n",
        "    for place in reversed(range(len(parts) - 1)):\n"
        "        if tuple(parts[place : place + 2]) == pair:\n"
        "            parts[place : place + 2] = [pair[0] + pair[1]]\n"
        "    return parts\n"
        "    merged = []\n",
    ),
)
def in_place_from_the_right(parts, pair):
    place = len(parts) - 2
    while place >= 0:
        if (parts[place], *parts[place + 1 : place + 2]) == pair:
            parts[place] += parts.pop(place + 1)
        place -= 1
    return parts


# --- train_bpe ---


@mistake(
    "train_bpe",
    says="Your merges reach across pieces: pairs must be counted and joined inside each piece of pretokenize.",
    patch=("in pretokenize(text)]", "in [text]]"),
)
def training_across_pieces(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    parts = [bytes([byte]) for byte in text.encode()]
    while len(vocab) < vocab_size and len(parts) > 1:
        counts = Counter(pairwise(parts))
        most = max(counts.values())
        pair = min((pair for pair in counts if counts[pair] == most), key=lambda pair: [vocab[part] for part in pair])
        merges.append(pair)
        vocab[b"".join(pair)] = len(vocab)
        parts = merge(parts, pair)
    return vocab, merges


@mistake(
    "train_bpe",
    says="Among equally frequent pairs you took the one that was seen first; the smallest ids decide.",
    patch=("key=lambda pair: (-counts[pair], vocab[pair[0]], vocab[pair[1]])", "key=lambda pair: -counts[pair]"),
)
def the_first_seen_wins(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pretokenize(text)]
    while len(vocab) < vocab_size:
        counts = Counter()
        for word in words:
            counts.update(pairwise(word))
        if not counts:
            break
        pair = counts.most_common(1)[0][0]
        merges.append(pair)
        vocab[pair[0] + pair[1]] = len(vocab)
        words = [merge(word, pair) for word in words]
    return vocab, merges


@mistake(
    "train_bpe",
    says="Among equally frequent pairs you compared the tokens as bytes; it is their ids that are compared.",
    patch=("(-counts[pair], vocab[pair[0]], vocab[pair[1]])", "(-counts[pair], pair)"),
)
def ties_by_bytes(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pretokenize(text)]
    for id in range(256, vocab_size):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        pair = sorted(counts, key=lambda pair: (-counts[pair], *pair))[0]
        merges.append(pair)
        vocab[pair[0] + pair[1]] = id
        words = [merge(word, pair) for word in words]
    return vocab, merges


@mistake(
    "train_bpe",
    says="You counted every distinct piece once; a piece counts as often as it stands in the text.",
    patch=("in pretokenize(text)]", "in dict.fromkeys(pretokenize(text))]"),
)
def pieces_count_once(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in set(pretokenize(text))]
    while len(vocab) < vocab_size:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], vocab[pair[0]], vocab[pair[1]]))
        merges.append(pair)
        vocab[pair[0] + pair[1]] = len(vocab)
        words = [merge(word, pair) for word in words]
    return vocab, merges


@mistake(
    "train_bpe",
    says="You learnt `vocab_size` merges on top of the bytes; the 256 bytes count as tokens, too.",
    patch=("while len(vocab) < vocab_size:", "while len(merges) < vocab_size:"),
)
def size_counts_merges(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pretokenize(text)]
    for _ in range(vocab_size):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], vocab[pair[0]], vocab[pair[1]]))
        merges.append(pair)
        vocab[pair[0] + pair[1]] = len(vocab)
        words = [merge(word, pair) for word in words]
    return vocab, merges


@mistake(
    "train_bpe",
    says="Among equally frequent pairs you took the one with the largest ids; the smallest decide.",
    patch=("vocab[pair[0]], vocab[pair[1]])", "-vocab[pair[0]], -vocab[pair[1]])"),
)
def the_largest_ids_win(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pretokenize(text)]
    while len(vocab) < vocab_size:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        pair = max(counts, key=lambda pair: (counts[pair], vocab[pair[0]], vocab[pair[1]]))
        merges.append(pair)
        vocab[pair[0] + pair[1]] = len(vocab)
        words = [merge(word, pair) for word in words]
    return vocab, merges


@mistake(
    "train_bpe",
    says="You stopped when no pair occurred twice; training goes on as long as a piece has two tokens.",
    patch=("if not counts:", "if max(counts.values(), default=0) < 2:"),
)
def once_is_not_enough(text, vocab_size):
    vocab, merges = {bytes([byte]): byte for byte in range(256)}, []
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pretokenize(text)]
    while len(vocab) < vocab_size:
        counts = Counter(pair for word in words for pair in pairwise(word))
        often = [pair for pair in counts if counts[pair] > 1]
        if not often:
            break
        pair = min(often, key=lambda pair: (-counts[pair], vocab[pair[0]], vocab[pair[1]]))
        merges.append(pair)
        vocab[pair[0] + pair[1]] = len(vocab)
        words = [merge(word, pair) for word in words]
    return vocab, merges


# --- encode ---


@mistake(
    "encode",
    says="You joined pairs in the order in which they stand in the text; the smallest rank goes first.",
    patch=(
        "best = min(pairwise(parts), key=lambda pair: ranks.get(pair, math.inf))",
        "best = next((pair for pair in pairwise(parts) if pair in ranks), None)",
    ),
)
def in_order_of_appearance(text, vocab, ranks):
    ids = []
    for piece in pretokenize(text):
        parts = [bytes([byte]) for byte in piece.encode() if bytes([byte]) in vocab]
        joined = True
        while joined:
            joined = False
            for pair in pairwise(parts):
                if pair in ranks:
                    parts, joined = merge(parts, pair), True
                    break
        ids += [vocab[part] for part in parts]
    return ids


@mistake(
    "encode",
    says="Your tokens reach across pieces: encode each piece of pretokenize by itself.",
    patch=("in pretokenize(text):", "in [text]:"),
)
def encoding_across_pieces(text, vocab, ranks):
    parts = [bytes([byte]) for byte in text.encode() if bytes([byte]) in vocab]
    while any(pair in ranks for pair in pairwise(parts)):
        found = [pair for pair in pairwise(parts) if pair in ranks]
        parts = merge(parts, min(found, key=ranks.get))
    return [vocab[part] for part in parts]


@mistake(
    "encode",
    says="You took the longest token that fits; only the merges make longer tokens, one pair after the other.",
    patch=(
        """        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: ranks.get(pair, math.inf))
            if best not in ranks:
                break
            parts = merge(parts, best)
""",
        """        data, parts = b"".join(parts), []
        while data:
            size = next(size for size in range(len(data), 0, -1) if data[:size] in vocab)
            parts.append(data[:size])
            data = data[size:]
""",
    ),
)
def longest_token_first(text, vocab, ranks):
    ids = []
    for piece in pretokenize(text):
        data, start = bytes(byte for byte in piece.encode() if bytes([byte]) in vocab), 0
        while start < len(data):
            end = len(data)
            while data[start:end] not in vocab:
                end -= 1
            ids.append(vocab[data[start:end]])
            start = end
    return ids


@mistake(
    "encode",
    says="You looked whole pieces up in the vocabulary first; a token counts only if the merges lead to it.",
    patch=(
        "while len(parts) > 1:",
        "parts = [whole] if (whole := piece.encode()) in vocab else parts\n        while len(parts) > 1:",
    ),
)
def whole_pieces_looked_up(text, vocab, ranks):
    ids = []
    for piece in pretokenize(text):
        if piece.encode() in vocab:
            ids.append(vocab[piece.encode()])
            continue
        parts = [bytes([byte]) for byte in piece.encode() if bytes([byte]) in vocab]
        while found := [pair for pair in pairwise(parts) if pair in ranks]:
            parts = merge(parts, min(found, key=ranks.get))
        ids.extend(map(vocab.get, parts))
    return ids


@mistake(
    "encode",
    says="You dropped missing bytes after the merging; they go first, and their neighbours can then be joined.",
    patch=(
        ("if (part := bytes([byte])) in vocab]", "if (part := bytes([byte]))]"),
        ("vocab[part] for part in parts", "vocab[part] for part in parts if part in vocab"),
    ),
)
def missing_bytes_dropped_late(text, vocab, ranks):
    ids = []
    for piece in pretokenize(text):
        parts = [bytes([byte]) for byte in piece.encode()]
        while found := [pair for pair in pairwise(parts) if pair in ranks]:
            parts = merge(parts, min(found, key=ranks.get))
        for part in parts:
            if part in vocab:
                ids.append(vocab[part])
    return ids


@mistake(
    "encode",
    says="You walked through all merges once, in their order; what a join makes may stand earlier in the list.",
    patch=(
        """        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: ranks.get(pair, math.inf))
            if best not in ranks:
                break
            parts = merge(parts, best)
""",
        """        for best in sorted(ranks, key=ranks.get):
            if best in pairwise(parts):
                parts = merge(parts, best)
""",
    ),
)
def merges_walked_through_once(text, vocab, ranks):
    in_order = sorted((rank, pair) for pair, rank in ranks.items())
    words = [[bytes([byte]) for byte in piece.encode() if bytes([byte]) in vocab] for piece in pretokenize(text)]
    ids = []
    for word in words:
        for _, (left, right) in in_order:
            if left in word and right in word:
                word = merge(word, (left, right))
        ids.extend(vocab[part] for part in word)
    return ids


@mistake(
    "encode",
    says="You joined the pair with the largest rank first; the smallest goes first.",
    patch=(
        "min(pairwise(parts), key=lambda pair: ranks.get(pair, math.inf))",
        "max(pairwise(parts), key=lambda pair: ranks.get(pair, -math.inf))",
    ),
)
def largest_rank_first(text, vocab, ranks):
    ids = []
    for piece in pretokenize(text):
        parts = [bytes([byte]) for byte in piece.encode() if bytes([byte]) in vocab]
        while found := [pair for pair in pairwise(parts) if pair in ranks]:
            parts = merge(parts, max(found, key=ranks.get))
        ids += [vocab[part] for part in parts]
    return ids


# --- decode ---


@mistake(
    "decode",
    says="You decoded token by token; a character may be spread over several, so join the bytes first.",
    patch=(
        'b"".join(tokens[id] for id in ids).decode("utf-8", errors="replace")',
        '"".join(tokens[id].decode("utf-8", errors="replace") for id in ids)',
    ),
)
def token_by_token(ids, tokens):
    text = ""
    for id in ids:
        text += str(tokens[id], "utf-8", "replace")
    return text


@mistake(
    "decode",
    says="You dropped bytes that are no valid UTF-8; U+FFFD must stand in their place.",
    patch=('errors="replace"', 'errors="ignore"'),
)
def broken_bytes_dropped(ids, tokens):
    data = b""
    for id in ids:
        data += tokens[id]
    return str(data, "utf-8", "ignore")


# --- Tokenizer ---


@mistake(
    "Tokenizer",
    says="Special tokens in the text become their ids though nobody allowed it: any user could end your model's turn.",
    patch=("if not (allow_special and self.special_tokens):", "if not self.special_tokens:"),
)
class SpecialInUserText:
    def __init__(self, vocab, merges, special_tokens):
        plain = {symbol: byte for byte, symbol in enumerate(byte_to_unicode(bytes(range(256))))}
        self.special = special_tokens
        ordinary = {token: id for token, id in vocab.items() if token not in special_tokens}
        self.vocab = {bytes(map(plain.get, token)): id for token, id in ordinary.items()}
        self.ranks = {tuple(bytes(map(plain.get, part)) for part in pair): n for n, pair in enumerate(merges)}

    def encode(self, text, allow_special=False):
        ids = []
        while text:
            found = [(text.index(each), -len(each), each) for each in self.special if each in text]
            if not found:
                return ids + encode(text, self.vocab, self.ranks)
            place, _, token = min(found)
            ids += [*encode(text[:place], self.vocab, self.ranks), self.special[token]]
            text = text[place + len(token) :]
        return ids

    def decode(self, ids):
        tokens = {id: token for token, id in self.vocab.items()}
        tokens.update({id: token.encode() for token, id in self.special.items()})
        return b"".join(map(tokens.get, ids)).decode(errors="replace")


@mistake(
    "Tokenizer",
    says="Special tokens are cut like ordinary text even where they are allowed.",
    patch=("if not (allow_special and self.special_tokens):", "if True:"),
)
class SpecialNeverFound:
    def __init__(self, vocab, merges, special_tokens):
        plain = {symbol: byte for byte, symbol in enumerate(byte_to_unicode(bytes(range(256))))}
        ordinary = {token: id for token, id in vocab.items() if token not in special_tokens}
        self.vocab = {bytes(map(plain.get, token)): id for token, id in ordinary.items()}
        self.ranks = {tuple(bytes(map(plain.get, part)) for part in pair): n for n, pair in enumerate(merges)}
        self.back = {id: token.encode() for token, id in special_tokens.items()}
        self.back.update({id: token for token, id in self.vocab.items()})

    def encode(self, text, allow_special=False):
        return encode(text, self.vocab, self.ranks)

    def decode(self, ids):
        return b"".join(map(self.back.get, ids)).decode(errors="replace")


@mistake(
    "Tokenizer",
    says="Where one special token begins like another, you take the first in your list; the longest counts.",
    patch=("sorted(self.special_tokens, key=len, reverse=True)", "list(self.special_tokens)"),
)
class FirstInTheList:
    def __init__(self, vocab, merges, special_tokens):
        plain = {symbol: byte for byte, symbol in enumerate(byte_to_unicode(bytes(range(256))))}
        self.special = special_tokens
        ordinary = {token: id for token, id in vocab.items() if token not in special_tokens}
        self.vocab = {bytes(map(plain.get, token)): id for token, id in ordinary.items()}
        self.ranks = {tuple(bytes(map(plain.get, part)) for part in pair): n for n, pair in enumerate(merges)}

    def encode(self, text, allow_special=False):
        if not allow_special:
            return encode(text, self.vocab, self.ranks)
        ids, start, place = [], 0, 0
        while place < len(text):
            token = next((each for each in self.special if text.startswith(each, place)), None)
            if token is None:
                place += 1
                continue
            ids += [*encode(text[start:place], self.vocab, self.ranks), self.special[token]]
            start = place = place + len(token)
        return ids + encode(text[start:], self.vocab, self.ranks)

    def decode(self, ids):
        tokens = {id: token for token, id in self.vocab.items()}
        tokens.update({id: token.encode() for token, id in self.special.items()})
        return b"".join(map(tokens.get, ids)).decode(errors="replace")


@mistake(
    "Tokenizer",
    says="You decode token by token; a character may be spread over several, so join the bytes first.",
    patch=(
        'b"".join(self.tokens[id] for id in ids).decode("utf-8", errors="replace")',
        '"".join(self.tokens[id].decode("utf-8", errors="replace") for id in ids)',
    ),
)
class DecodedOneByOne:
    def __init__(self, vocab, merges, special_tokens):
        plain = {symbol: byte for byte, symbol in enumerate(byte_to_unicode(bytes(range(256))))}
        self.special = special_tokens
        ordinary = {token: id for token, id in vocab.items() if token not in special_tokens}
        self.vocab = {bytes(map(plain.get, token)): id for token, id in ordinary.items()}
        self.ranks = {tuple(bytes(map(plain.get, part)) for part in pair): n for n, pair in enumerate(merges)}

    def encode(self, text, allow_special=False):
        ids = []
        while text:
            found = [(text.index(each), -len(each), each) for each in self.special if allow_special and each in text]
            if not found:
                return ids + encode(text, self.vocab, self.ranks)
            place, _, token = min(found)
            ids += [*encode(text[:place], self.vocab, self.ranks), self.special[token]]
            text = text[place + len(token) :]
        return ids

    def decode(self, ids):
        tokens = {id: token.decode(errors="replace") for token, id in self.vocab.items()}
        tokens.update({id: token for token, id in self.special.items()})
        return "".join(map(tokens.get, ids))


# --- wordpiece_encode ---


@mistake(
    "wordpiece_encode",
    says="Where nothing fits you put the unknown token in and went on; the whole word is unknown.",
    patch=("return [unknown]", "return [*tokens, unknown]"),
)
def unknown_from_there_on(word, vocab, unknown="[UNK]"):
    tokens, rest = [], word
    while rest:
        mark = "##" if tokens else ""
        size = len(rest)
        while size and mark + rest[:size] not in vocab:
            size -= 1
        if size == 0:
            tokens.append(unknown)
            break
        tokens.append(mark + rest[:size])
        rest = rest[size:]
    return tokens


@mistake(
    "wordpiece_encode",
    says="You took the shortest token that fits; take the longest.",
    patch=("range(len(word), start, -1)", "range(start + 1, len(word) + 1)"),
)
def shortest_first(word, vocab, unknown="[UNK]"):
    tokens, start = [], 0
    for end in range(1, len(word) + 1):
        token = ("##" if tokens else "") + word[start:end]
        if token in vocab:
            tokens.append(token)
            start = end
    return tokens if start == len(word) else [unknown]


@mistake(
    "wordpiece_encode",
    says="You look for tokens without ## in the middle of a word; only those with ## go on.",
    patch=('prefix = "##" if start else ""', 'prefix = ""'),
)
def no_marks(word, vocab, unknown="[UNK]"):
    tokens, rest = [], word
    while rest:
        fits = [rest[:size] for size in range(1, len(rest) + 1) if rest[:size] in vocab]
        if not fits:
            return [unknown]
        tokens.append(fits[-1])
        rest = rest[len(fits[-1]) :]
    return tokens


# --- unigram_viterbi ---


@mistake(
    "unigram_viterbi",
    says="You took at each step the token that is most probable by itself; the sum over the whole text counts.",
    patch=(
        "(best[start][0] + log_probs.get(text[start:end], -math.inf), start) for start in range(end)",
        "(log_probs.get(text[start:end], -math.inf) if best[start][0] > -math.inf else -math.inf, start)"
        " for start in range(end)",
    ),
)
def best_last_token(text, log_probs):
    last = [0]
    for end in range(1, len(text) + 1):
        fits = [start for start in range(end) if last[start] is not None and text[start:end] in log_probs]
        last.append(max(fits, key=lambda start: (log_probs[text[start:end]], start), default=None))
    if last[-1] is None:
        raise ValueError("no tokens make this text")
    tokens, end = [], len(text)
    while end:
        tokens, end = [text[last[end] : end], *tokens], last[end]
    return tokens


@mistake(
    "unigram_viterbi",
    says="You took the longest token at each place; the sum over the whole text decides.",
    patch=(
        "    # best[end]: the score of",
        "    tokens, start = [], 0\n"
        "    while start < len(text):\n"
        "        ends = [end for end in range(start + 1, len(text) + 1) if text[start:end] in log_probs]\n"
        "        if not ends:\n"
        "            raise ValueError(text)\n"
        "        tokens.append(text[start : ends[-1]])\n"
        "        start = ends[-1]\n"
        "    return tokens\n"
        "    # best[end]: the score of",
    ),
)
def longest_at_each_place(text, log_probs):
    tokens = []
    while text:
        size = len(text)
        while text[:size] not in log_probs:
            size -= 1
            if size == 0:
                raise ValueError("no tokens make this text")
        tokens.append(text[:size])
        text = text[size:]
    return tokens


@mistake(
    "unigram_viterbi",
    says="You took at each step the token that is most probable by itself; the sum over the whole text counts.",
    patch=(
        "    # best[end]: the score of",
        "    tokens, start = [], 0\n"
        "    while start < len(text):\n"
        "        ends = [end for end in range(start + 1, len(text) + 1) if text[start:end] in log_probs]\n"
        "        if not ends:\n"
        "            raise ValueError(text)\n"
        "        tokens.append(max((text[start:end] for end in ends), key=log_probs.get))\n"
        "        start += len(tokens[-1])\n"
        "    return tokens\n"
        "    # best[end]: the score of",
    ),
)
def most_probable_at_each_place(text, log_probs):
    tokens = []
    while text:
        found = sorted((-value, token) for token, value in log_probs.items() if text.startswith(token))
        if not found:
            raise ValueError("no tokens make this text")
        tokens.append(found[0][1])
        text = text.removeprefix(found[0][1])
    return tokens


@mistake(
    "unigram_viterbi",
    says="You cut into as few tokens as possible; it is the probability that decides.",
    patch=(
        "log_probs.get(text[start:end], -math.inf), start)",
        "(-1 if text[start:end] in log_probs else -math.inf), start)",
    ),
)
def fewest_tokens(text, log_probs):
    ways = [[]]
    for end in range(1, len(text) + 1):
        found = [
            [*ways[start], text[start:end]]
            for start in range(end - 1, -1, -1)
            if ways[start] is not None and text[start:end] in log_probs
        ]
        ways.append(min(found, key=len, default=None))
    if ways[-1] is None:
        raise ValueError("no tokens make this text")
    return ways[-1]
