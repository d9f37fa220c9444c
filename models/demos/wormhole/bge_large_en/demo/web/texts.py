# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Files and uploads -> passages that the server takes whole."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from models.demos.wormhole.bge_large_en.demo.search.passages import SUFFIXES, Passage, read_passages

PDF = ".pdf"
KINDS = (*SUFFIXES, PDF)
PAGE = ", page "  # between a PDF's name and the number


def file_of(passage: Passage) -> str:
    """The file's name without a page, by which the map is coloured."""
    return passage.source.rpartition(PAGE)[0] or passage.source


def read_texts(path: Path) -> tuple[list[Passage], list[str]]:
    """The passages of a file or folder, and a sentence for each file that cannot be read."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix.lower() in KINDS)
    passages: list[Passage] = []
    failed = [] if files else [f"{path} holds no files named {', '.join(f'*{kind}' for kind in KINDS)}"]
    for file in files:
        name = file.name if file == path else str(file.relative_to(path))
        try:
            passages += _read(file, name)
        except (ValueError, OSError) as error:
            failed.append(str(error).replace(str(file), name))
    return passages, failed


def read_upload(name: str, content: bytes) -> list[Passage]:
    """ValueError, naming the file, for what cannot be read or has no text."""
    suffix = Path(name).suffix.lower()
    if suffix not in KINDS:
        raise ValueError(f"{name} is of a kind that is not read; those that are: {', '.join(KINDS)}")
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(content)
        file.flush()
        try:
            return _read(Path(file.name), name)
        except ValueError as error:
            raise ValueError(str(error).replace(file.name, name)) from None


def _read(file: Path, name: str) -> list[Passage]:
    if file.suffix.lower() != PDF:
        return [replace(passage, source=name) for passage in read_passages(file)]
    try:
        pages = [" ".join(page.extract_text().split()) for page in PdfReader(file).pages]
    except (PyPdfError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not a PDF that can be read: {error}") from error
    found = [Passage(f"{name}{PAGE}{number}", text) for number, text in enumerate(pages, 1) if text]
    if not found:
        raise ValueError(f"{file} has no text in it; scanned pages are pictures")
    return found


def fit(passage: Passage, count: Callable[[str], int], most: int) -> Iterator[Passage]:
    """The passage, or pieces of it of at most `most` tokens: cut near the middle, behind a sentence or else a word.

    count: a text's tokens, of which a character makes at most one, so that short texts need not be counted.
    """
    text = passage.text
    if len(text) <= most - 2 or count(text) <= most:
        yield passage
        return
    at = _middle(text)
    for part in (text[:at].strip(), text[at:].strip()):
        yield from fit(replace(passage, text=part), count, most)


def _middle(text: str) -> int:
    half = len(text) // 2
    for marks in (".!?…", " "):
        places = [i + 1 for i in range(len(text) // 4, len(text) * 3 // 4) if text[i] in marks]
        if places:
            return min(places, key=lambda place: abs(place - half))
    return half
