# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How many tokens real texts have, [CLS] and [SEP] included, in the bert-base-uncased vocabulary that BGE uses."""

from pathlib import Path

# The 50 news documents of Lee, Pincombe and Welsh (2005), in the order of test/test_data/lee.cor of the gensim 4.4.0
# package: mean 100.9, longest 154.
PARAGRAPHS = (
    106, 122, 123, 141, 101, 115, 132, 105, 154, 101, 105, 89, 135, 129, 110, 92, 97, 88, 121, 121, 119, 63, 97, 63, 78,
    76, 106, 92, 99, 110, 101, 72, 98, 89, 77, 117, 80, 53, 107, 106, 123, 103, 118, 95, 93, 70, 87, 70, 102, 96,
)  # fmt: skip
REPEATED = 32  # times the paragraphs are gone through, for 25 whole batches of 64
LEAST_TEXTS = 640  # of one length


def text_lengths(name: str) -> list[int]:
    """Lengths of "stsb" (the STS benchmark's test sentences), "paragraphs", a number's worth of tokens, or a file.

    A file has whitespace-separated numbers of tokens. ValueError for what is none of these; FileNotFoundError without
    the packages that hold the STS benchmark and a tokenizer.
    """
    if name == "stsb":
        return _stsb()
    if name == "paragraphs":
        return list(PARAGRAPHS) * REPEATED
    if name.isdigit():
        lengths = [int(name)] * LEAST_TEXTS
    elif Path(name).is_file():
        words = Path(name).read_text(encoding="utf-8").split()
        if not words or not all(word.isdigit() for word in words):
            raise ValueError(f"the file '{name}' is not a list of numbers of tokens")
        lengths = [int(word) for word in words]
    else:
        raise ValueError(f"lengths are {name!r}: not stsb, not paragraphs, no number and no file")
    if min(lengths) < 1 or max(lengths) > 512:
        raise ValueError(f"lengths are {min(lengths)} to {max(lengths)} tokens; the model takes 1 to 512")
    return lengths


def _stsb() -> list[int]:
    from transformers import AutoTokenizer

    from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm, stsb_test

    folder = registry_minilm()
    if folder is None:
        raise FileNotFoundError("no installed package holds a BERT tokenizer")
    sentences = [sentence for pair in stsb_test() for sentence in pair[:2]]
    encoded = AutoTokenizer.from_pretrained(folder)(sentences, truncation=True, max_length=512)
    return [len(ids) for ids in encoded["input_ids"]]
