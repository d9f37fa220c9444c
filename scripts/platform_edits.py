# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What integrate_vllm.py writes into a Tenstorrent vLLM platform, and where: places are found in the syntax tree.

Each edit puts whole lines before one line of the file. So an edit is in the file when its lines are, and taking those
lines out gives back the file as it was. Entries and registrations that somebody typed are left alone and not repeated.
"""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

_DEMO = "models.demos.wormhole.bge_large_en.demo"
ENCODER, CROSS_ENCODER = (
    f"{_DEMO}.generator_vllm:BGEForEmbedding",
    f"{_DEMO}.cross_encoder:BGEForSequenceClassification",
)
COMPANION = "from models.demos.wormhole.bge_large_en.vllm_plugin import companion"
SERVED = (
    "BAAI/bge-large-en-v1.5",
    "BAAI/bge-base-en-v1.5",
    "BAAI/bge-small-en-v1.5",
    "sentence-transformers/all-MiniLM-L6-v2",
)
ENCODERS = ("TTBertModel", "BGEForEmbedding", "TTRobertaModel", "TTXLMRobertaModel")
CROSS_ENCODERS = tuple(f"TT{kind}ForSequenceClassification" for kind in ("Bert", "Roberta", "XLMRoberta"))
CLASSES = dict.fromkeys(ENCODERS, ENCODER) | dict.fromkeys(CROSS_ENCODERS, CROSS_ENCODER)

# Names of the edits, for messages.
REGISTRATION = "registration of the models"
ENTRIES = "entries of supported_models"
ENGINE = "registration before the engine is chosen"
CHOICE = "choice of the worker by runner_type"
CHECK = "check of pooling requests"

# By its comment a list's addition is told from the same lines typed by somebody.
ENTRIES_HEAD = "        # BGE, MiniLM - Embeddings\n"
ENTRY = '        "{}",\n'

REGISTER_HEAD = "\n    # BGE, MiniLM - Embeddings\n"
# How the fork and the plugin register a model: the function, and the line of its first argument.
REGISTER = {"ModelRegistry.register_model": "", "_register_model_if_missing": "        ModelRegistry,\n"}
# In the fork no cross-encoders: whether its vLLM 0.10 tells them from encoders, by score_type as 0.25 does, was not seen.
ARCHITECTURES = {"ModelRegistry.register_model": ENCODERS, "_register_model_if_missing": tuple(CLASSES)}

# Of the fork only: the plugin's vLLM has one engine.
ENGINE_CHOICE = f"""\
    @classmethod
    def pre_register_and_update(cls, parser=None) -> None:
        # vLLM's own encoders are for the V0 engine only, and the engine is
        # chosen before check_and_update_config is called.
        from vllm import ModelRegistry

        for name in ("BertModel", "RobertaModel", "XLMRobertaModel"):
            ModelRegistry.register_model(
                name,
                "{ENCODER}",
            )

"""

# getattr, because the platforms' own tests configure stand-ins without it.
WORKER = f"""\
        # Pooling models (encoders) have neither KV cache nor decode: this sets
        # a worker of their own and lets the scheduler keep requests whole.
        if getattr(vllm_config.model_config, "runner_type", None) == "pooling":
            {COMPANION}

            companion.configure_pooling(vllm_config)

"""

# The first statement of validate_request: what follows asks for attributes of sampling, or refuses pooling.
REQUEST = f"""\
        from vllm.pooling_params import PoolingParams

        if isinstance(params, PoolingParams):
            {COMPANION}

            companion.check_pooling_request(processed_inputs, params)
            return

"""


def _registration(function: str, architecture: str) -> str:
    names = f'        "{architecture}",\n        "{CLASSES[architecture]}",\n'
    return f"    {function}(\n{REGISTER[function]}{names}    )\n"


def _some_of(head: str, lines: Iterable[str]) -> str:
    """A pattern: `head`, then those of the lines that were missing."""
    return re.escape(head) + "".join(f"(?:{re.escape(line)})?" for line in lines)


# What may be in a file: a pattern for each edit.
BLOCKS = {
    CHECK: re.escape(REQUEST),
    CHOICE: re.escape(WORKER),
    ENGINE: re.escape(ENGINE_CHOICE),
    ENTRIES: _some_of(ENTRIES_HEAD, map(ENTRY.format, SERVED)),
    REGISTRATION: _some_of(REGISTER_HEAD, (_registration(f, a) for f, names in ARCHITECTURES.items() for a in names)),
}

# What to do about a form that is not served.
KNOWN = (
    "use a checkout of a form known here: the fork's branches v1_only, dev_feb_2026_v0_final, stable and dev, or "
    "vllm-tt-plugin"
)


class UnknownForm(Exception):
    """The file is none of the forms known here; the message says what was found and what to do."""


@dataclass(frozen=True)
class Edit:
    """`new` goes before line `line` (counted from 1) of the unedited file; empty if somebody typed all of it there."""

    name: str
    line: int
    new: str


@dataclass(frozen=True)
class Plan:
    """A file's edits: `before` and `after` are its text without and with all of them.

    missing: those that are not in it as they should be; present: the others; typed: of those, what somebody typed.
    """

    before: str
    after: str
    missing: tuple[str, ...]
    present: tuple[str, ...]
    typed: tuple[str, ...]


def plan(text: str) -> Plan:
    """text: a platform's source with none, some or all edits in it. Raises UnknownForm."""
    plain = text.replace("\r\n", "\n")
    newline = "\n" if plain == text else "\r\n"
    if "\r" in plain or plain.replace("\n", newline) != text:
        raise UnknownForm("its lines end in more than one way; give them one, for instance by dos2unix")
    before, found = _take_out(plain)
    edits = _edits(before)
    after = _put_in(before, edits)
    _parse(after)
    wanted = {edit.name: edit.new for edit in edits}
    if set(found) - set(wanted) or _take_out(after) != (before, {name: new for name, new in wanted.items() if new}):
        raise UnknownForm(f"it holds {list(found)}, which could not be told apart from the rest; take those lines out")
    missing = tuple(name for name, new in wanted.items() if found.get(name, "") != new)
    typed = tuple(name for name, new in wanted.items() if not new)
    present = tuple(name for name in wanted if name not in missing)
    return Plan(before.replace("\n", newline), after.replace("\n", newline), missing, present, typed)


def _edits(text: str) -> list[Edit]:
    """All edits of an unedited file, in the order of its lines."""
    tree, lines = _parse(text), _lines(text)
    platform = _named(tree, ast.ClassDef, "TTPlatform")
    configure, choice = _worker_choice(platform)
    edits = [
        _register(_named(tree, ast.FunctionDef, "register_tt_models")),
        Edit(CHOICE, choice.lineno, WORKER),
        _request(_named(platform, ast.FunctionDef, "validate_request")),
    ]
    if any(ast.unparse(node) == "envs.VLLM_USE_V1" for node in ast.walk(configure)):
        edits.append(_engine(platform, configure))
    if any(getattr(node, "name", None) == "check_tt_model_supported" for node in tree.body):
        edits.append(_supported(_named(tree, ast.FunctionDef, "check_tt_model_supported"), lines))
    return sorted(edits, key=lambda edit: edit.line)


def _register(function: ast.FunctionDef) -> Edit:
    last, call, typed = None, "", set[str]()
    for statement in function.body:
        calls = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
        if known := [name for name in calls if name in REGISTER]:
            last, call = statement, known[-1]
        ours = _strings(statement).intersection(CLASSES)
        typed |= ours
        # the class stands in the same statement, or in a variable
        if missing := {CLASSES[name] for name in ours} - (_strings(statement) - ours or _strings(function)):
            where = f"{function.name} registers {sorted(ours)} as another class than {', '.join(sorted(missing))}"
            raise UnknownForm(f"{where}; take that registration out")
    if last is None:
        raise UnknownForm(f"{function.name} calls none of {list(REGISTER)}; {KNOWN}")
    calls = [_registration(call, name) for name in ARCHITECTURES[call] if name not in typed]
    return Edit(REGISTRATION, _after(last), "".join([REGISTER_HEAD, *calls]) if calls else "")


def _supported(function: ast.FunctionDef, lines: list[str]) -> Edit:
    values = [n.value for n in function.body if isinstance(n, ast.Assign) and _is(n.targets[0], "supported_models")]
    names = getattr(values[0], "elts", []) if values else []
    if not names:
        raise UnknownForm(f"{function.name} assigns no list of names to supported_models; {KNOWN}")
    entries = [ENTRY.format(name) for name in SERVED if name not in _strings(values[0])]
    last = names[-1]
    line = lines[last.lineno - 1]
    behind = re.sub(r"#.*", "", lines[_after(last) - 2][last.end_col_offset :]).strip()
    if behind not in ("", ",") or line[: last.col_offset].strip():
        raise UnknownForm(f"the last of supported_models is in {line.strip()!r}; give it a line of its own")
    # without its comma the last has to stay the last
    return Edit(ENTRIES, _after(last) if behind else last.lineno, "".join([ENTRIES_HEAD, *entries]) if entries else "")


def _worker_choice(platform: ast.ClassDef) -> tuple[ast.FunctionDef, ast.If]:
    """The method that chooses the worker, check_and_update_config or one that it calls, and the choice."""
    found = [
        (method, node)
        for method in platform.body
        if isinstance(method, ast.FunctionDef)
        for node in method.body
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("parallel_config.worker_cls == 'auto'")
    ]
    if len(found) != 1:
        choice = "a statement 'if parallel_config.worker_cls == \"auto\"'"
        raise UnknownForm(f"{platform.name} has {len(found)} methods with {choice}, where one is needed; {KNOWN}")
    method, node = found[0]
    if "pooling" in _strings(method):
        raise UnknownForm(f"{method.name} treats 'pooling' in other lines than this tool's; take those out")
    _need_arguments(method, "vllm_config")
    return method, node


def _engine(platform: ast.ClassDef, configure: ast.FunctionDef) -> Edit:
    if any(getattr(node, "name", None) == "pre_register_and_update" for node in platform.body):
        raise UnknownForm(f"{platform.name} has a pre_register_and_update beside an engine to choose; {KNOWN}")
    return Edit(ENGINE, _first_line(configure), ENGINE_CHOICE)


def _request(function: ast.FunctionDef) -> Edit:
    _need_arguments(function, "params", "processed_inputs")
    for node in ast.walk(function):
        if isinstance(node, ast.If) and _is(node.test, "isinstance(params, PoolingParams)"):
            if not isinstance(node.body[0], ast.Raise):  # which is only a refusal
                where = f"{function.name} treats PoolingParams in other lines than this tool's"
                raise UnknownForm(f"{where}; take those out")
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    return Edit(CHECK, _first_line(function.body[documented]), REQUEST)


def _put_in(text: str, edits: list[Edit]) -> str:
    lines = _lines(text)
    for edit in reversed(edits):
        lines.insert(edit.line - 1, edit.new)
    return "".join(lines)


def _take_out(text: str) -> tuple[str, dict[str, str]]:
    """The file without the edits that are in it, and those by name."""
    found, before = {}, text
    for name, pattern in BLOCKS.items():
        blocks = re.findall(pattern, text)
        if len(blocks) > 1:
            raise UnknownForm(f"the {name} is in it twice; take one of them out")
        if blocks:
            found[name] = blocks[0]
            before = before.replace(blocks[0], "")
    return before, found


def _lines(text: str) -> list[str]:
    # str.splitlines also splits at form feeds, where Python's line numbers do not count
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise UnknownForm(f"it is not Python that {error}") from error


def _after(node: ast.stmt | ast.expr) -> int:
    """The line after a statement or an entry."""
    assert node.end_lineno is not None  # ast.parse() always gives it
    return node.end_lineno + 1


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def _named(parent: ast.Module | ast.ClassDef, kind: type[ast.ClassDef] | type[ast.FunctionDef], name: str):
    found = [node for node in parent.body if isinstance(node, kind) and node.name == name]
    if len(found) != 1:
        where = getattr(parent, "name", "the file")
        raise UnknownForm(f"{where} has {len(found)} definitions of {name}, where one is needed; {KNOWN}")
    return found[0]


def _is(node: ast.AST, source: str) -> bool:
    return ast.unparse(node) == source


def _strings(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _need_arguments(function: ast.FunctionDef, *names: str) -> None:
    missing = set(names) - {argument.arg for argument in function.args.args}
    if missing:
        raise UnknownForm(f"{function.name} has no argument {sorted(missing)}; {KNOWN}")
