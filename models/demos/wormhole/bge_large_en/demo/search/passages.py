# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Text and Markdown files -> passages that an encoder takes whole."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SUFFIXES = (".txt", ".md")
_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s+")
_BLANK_LINES = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class Passage:
    """source: the file, as a path below the folder that was read; text: on one line."""

    source: str
    text: str


def read_passages(path: Path) -> list[Passage]:
    """The paragraphs of a file, or of all .txt and .md files below a folder, in the order of their paths.

    Blank lines separate paragraphs. Lines of a .txt file that begin with # are comments; a heading of a .md file goes
    with the paragraph below it. FileNotFoundError for no such path; ValueError for a file that is not UTF-8 text and
    where there is no text at all.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    passages = [
        Passage(str(file.relative_to(path)) if path.is_dir() else file.name, text)
        for file in files
        for text in _paragraphs(file)
    ]
    if not passages:
        raise ValueError(f"{path} holds no text in files named *{' or *'.join(SUFFIXES)}")
    return passages


def split_passages(passages: Sequence[Passage], tokenizer, max_tokens: int) -> list[Passage]:
    """Passages of at most max_tokens tokens, [CLS] and [SEP] counted, in the same order.

    A longer one becomes several: at the ends of sentences, and within a sentence only where that one alone is too long.
    """
    room = max_tokens - tokenizer.num_special_tokens_to_add()
    return [replace(passage, text=text) for passage in passages for text in _pieces(passage.text, tokenizer, room)]


def _paragraphs(file: Path) -> Iterable[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text (byte {error.start})") from error
    if file.suffix.lower() == ".md":
        return _markdown(_HTML_COMMENT.sub("", text))
    lines = (line for line in text.split("\n") if not line.startswith("#"))
    return filter(None, (" ".join(block.split()) for block in _BLANK_LINES.split("\n".join(lines))))


def _markdown(text: str) -> Iterator[str]:
    """Paragraphs, lists and fenced blocks as they are, each behind the headings that stand directly above it."""
    headings: list[str] = []
    block: list[str] = []
    fenced = False
    for line in [*text.split("\n"), ""]:
        fenced ^= line.lstrip().startswith("```")
        heading = not fenced and _HEADING.match(line)
        if heading or not (fenced or line.strip()):
            if block:
                yield ": ".join([*headings, " ".join(" ".join(block).split())])
                headings, block = [], []
            if heading:
                headings.append(line[heading.end() :].strip(" #"))
        else:
            block.append(line)
    if block or headings:
        yield ": ".join([*headings, *block])


def _pieces(text: str, tokenizer, room: int) -> Iterator[str]:
    """`text` in pieces of at most `room` word pieces. BERT's tokens never cross white space, so their counts add up."""
    kept: list[str] = []
    used = 0
    for sentence in _SENTENCE_END.split(text):
        for part in _cut(sentence, tokenizer, room):
            tokens = len(tokenizer.tokenize(part))
            if kept and used + tokens > room:
                yield " ".join(kept)
                kept, used = [], 0
            kept.append(part)
            used += tokens
    if kept:
        yield " ".join(kept)


def _cut(sentence: str, tokenizer, room: int) -> list[str]:
    """A sentence of at most `room` word pieces as it is, a longer one cut at words, or at word pieces of a long word."""
    encoded = tokenizer(sentence, add_special_tokens=False, truncation=False, return_offsets_mapping=True)
    spans = encoded["offset_mapping"]
    parts, start = [], 0
    while len(spans) - start > room:
        end = start + room
        # Back to the start of a word, unless the word alone fills the piece.
        word = next((i for i in range(end, start, -1) if spans[i][0] > spans[i - 1][1]), end)
        parts.append(sentence[spans[start][0] : spans[word][0]].strip())
        start = word
    tail = sentence[spans[start][0] :] if parts else sentence
    return [*parts, tail]
