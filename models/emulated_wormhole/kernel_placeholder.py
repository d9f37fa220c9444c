# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Stand-ins for the kernel compiler on a mock device, which loads kernels but never runs them.

tt-metal compiles a kernel for each RISC-V core of a Tensix when a program is first seen, with the sfpi cross compiler,
which is not part of the ttnn wheel. On a mock device the result is only parsed and sized, so every link may yield one
and the same ELF that holds a single `ret`.
"""

import struct

# Run in place of riscv-tt-elf-g++. Writes beside the target and renames, for compilations run side by side.
COMPILER = r"""#!/bin/sh
# Placeholder for the absent sfpi cross compiler on a mock device: compiles nothing, every link yields one `ret`.
if [ "$1" = --version ]; then echo "riscv-tt-elf-g++ (placeholder for mock devices, not sfpi) 0.0.0"; exit 0; fi
out= dep= src= compile=
while [ $# -gt 0 ]; do
  case "$1" in
    -o) out=$2; shift;; -MF) dep=$2; shift;; -c) compile=1;; -x) compile=1; shift;;
    *.cpp|*.cc|*.c|*.S|*.h) src=$1;;
  esac
  shift
done
if [ -n "$dep" ]; then echo "$out: $src" > "$dep"; fi
if [ -n "$compile" ]; then : > "$out"; else cp "${0%/bin/*}/placeholder.elf" "$out.$$" && mv "$out.$$" "$out"; fi
"""

_TEXT_ADDRESS = 0x5000
_DATA_ADDRESS = 0xFFB00800  # local data memory of a Wormhole RISC-V core
_RET = 0x00008067
_NOP = 0x00000013
_MACHINE_RISCV = 243
_HEADER_BYTES, _PROGRAM_HEADER_BYTES, _SECTION_HEADER_BYTES = 52, 32, 40


def elf() -> bytes:
    """The bytes of a 32-bit RISC-V executable with one `ret`, one empty .data and one relocation.

    tt-metal's ELF loader (tt_metal/llrt/tt_elffile.cpp) asks for a text segment, a symbol table and relocations that
    name a known section; this is the least that it takes.
    """
    text = struct.pack("<4I", _NOP, _RET, _NOP, _NOP)
    relocation = struct.pack("<IIi", _TEXT_ADDRESS, 0, 0)
    symbols = bytes(16) + struct.pack("<IIIBBH", 1, _TEXT_ADDRESS, 8, 0x12, 0, 1)
    symbol_names = b"\0_start".ljust(12, b"\0")

    names = ["", ".text", ".data", ".rela.text", ".symtab", ".strtab", ".shstrtab"]
    section_names, name_offset = b"", {}
    for name in names:
        name_offset[name] = len(section_names)
        section_names += name.encode() + b"\0"
    section_names += bytes(-len(section_names) % 4)

    at_text = 128
    at_relocation = at_text + len(text)
    at_symbols = at_relocation + len(relocation)
    at_symbol_names = at_symbols + len(symbols)
    at_section_names = at_symbol_names + len(symbol_names)
    at_sections = at_section_names + len(section_names)

    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIIIIIHHHHHH",
        *(2, _MACHINE_RISCV, 1, _TEXT_ADDRESS, _HEADER_BYTES, at_sections, 0),
        *(_HEADER_BYTES, _PROGRAM_HEADER_BYTES, 2, _SECTION_HEADER_BYTES, len(names), names.index(".shstrtab")),
    )
    header += struct.pack("<8I", 1, at_text, _TEXT_ADDRESS, _TEXT_ADDRESS, len(text), len(text), 5, 16)
    header += struct.pack("<8I", 1, at_relocation, _DATA_ADDRESS, _TEXT_ADDRESS + len(text), 0, 0, 6, 4)

    # name, type, flags, address, offset, size, link, info, alignment, entry size
    sections = [
        ("", 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (".text", 1, 6, _TEXT_ADDRESS, at_text, len(text), 0, 0, 4, 0),
        (".data", 1, 3, _DATA_ADDRESS, at_relocation, 0, 0, 0, 4, 0),
        (".rela.text", 4, 64, 0, at_relocation, len(relocation), 4, 1, 4, 12),
        (".symtab", 2, 0, 0, at_symbols, len(symbols), 5, 1, 4, 16),
        (".strtab", 3, 0, 0, at_symbol_names, len(symbol_names), 0, 0, 1, 0),
        (".shstrtab", 3, 0, 0, at_section_names, len(section_names), 0, 0, 1, 0),
    ]
    table = b"".join(struct.pack("<10I", name_offset[name], *rest) for name, *rest in sections)
    body = header.ljust(at_text, b"\0") + text + relocation + symbols + symbol_names + section_names
    return body + table
