# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts that tokenizers and servers have stumbled over. Written in escapes, so that what they are is to be seen."""

MEGABYTE = 2**20
ODD_TEXTS = {
    "NUL": "a\0b",
    "only NULs": "\0" * 100,
    "control characters": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "emoji": "\U0001f642\U0001f680",
    "a family joined by ZWJ": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flags and skin tones": "\U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "a thousand combining marks": "e" + "\u0301" * 1000,
    "zalgo": "".join(letter + "\u0300\u0323\u0489\u035c" * 4 for letter in "zalgo text"),
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "direction overrides": "abc\u202edef\u202c\u2066ghi\u2069",
    "byte order marks": "\ufeffhello\ufeff",
    "private use and noncharacters": "\ue000\uf8ff\ufdd0\uffff\U0010ffff",
    "replacement characters": "\ufffd" * 20,
    "no normal form": "A\u030a \u212b \u00c5 \ufb01 \u1e9b\u0323",
    "unusual spaces": "a\u00a0b\u2003c\u3000d\u200be\u2028f\u2029g\x85h",
    "Chinese, Japanese and Korean": "\u4f60\u597d\u4e16\u754c \u65e5\u672c\u8a9e\u30c6\u30b9\u30c8 \ud55c\uad6d\uc5b4",
    "Devanagari and Thai": "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "only special tokens": "[CLS] [SEP] [PAD] [MASK] [UNK]",
    "only padding": "[PAD]" * 50,
    "special tokens without spaces": "[CLS][SEP]hello[SEP][CLS]",
    "word pieces": "##ing ##s ##",
    "markup and templates": "<script>{{7*7}}</script> ${x} %s %n '; DROP TABLE--",
    "nothing": "",
    "one space": " ",
    "one letter": "a",
    "a word of two hundred letters": "x" * 200,
    "a megabyte of one letter": "a" * MEGABYTE,
    "a megabyte of spaces": " " * MEGABYTE,
    "a megabyte of words": "word " * (MEGABYTE // 5),
    "half a megabyte of NULs": "\0" * (MEGABYTE // 2),  # each takes six bytes of a body
    "a megabyte of one combining mark": "\u0301" * (MEGABYTE // 2),
}
