# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What integrate_vllm.py writes into a Tenstorrent vLLM platform, and where: places are found in the syntax tree.

Each edit puts whole lines before one line of the file, or in place of one known line. So an edit is in the file when
its lines are, and taking those lines out gives back the file as it was.
"""

import ast
import re
from dataclasses import dataclass

MODEL = "models.demos.wormhole.bge_large_en.demo.generator_vllm:BGEForEmbedding"
COMPANION = "from models.demos.wormhole.bge_large_en.vllm_plugin import companion"
SERVED = (
    "BAAI/bge-large-en-v1.5",
    "BAAI/bge-base-en-v1.5",
    "BAAI/bge-small-en-v1.5",
    "sentence-transformers/all-MiniLM-L6-v2",
)

# Names of the edits, for messages.
REGISTRATION = "registration of the models"
ENTRIES = "entries of supported_models"
ENGINE = "registration before the engine is chosen"
CHOICE = "choice of the worker by runner_type"
CHECK = "check of pooling requests"

# How the fork and the plugin register a model.
PLAIN_CALL = "ModelRegistry.register_model("
GUARDED_CALL = "_register_model_if_missing(ModelRegistry, "

SUPPORTED = "".join(f'        "{name}",\n' for name in SERVED)

REGISTER = f"""
    # BGE, MiniLM - Embeddings
    path_bge_embedding = (
        "{MODEL}"
    )
    {{call}}"TTBertModel", path_bge_embedding)
    {{call}}"BGEForEmbedding", path_bge_embedding)
"""

# Of the fork only: the plugin's vLLM has one engine.
ENGINE_CHOICE = f"""\
    @classmethod
    def pre_register_and_update(cls, parser=None) -> None:
        # vLLM's BertModel is for the V0 engine only, and the engine is chosen
        # before check_and_update_config is called.
        from vllm import ModelRegistry

        ModelRegistry.register_model(
            "BertModel",
            "{MODEL}",
        )

"""

WORKER = f"""\
        # Pooling models (encoders) have neither KV cache nor decode: this sets
        # a worker of their own and lets the scheduler keep requests whole.
        if vllm_config.model_config.runner_type == "pooling":
            {COMPANION}

            companion.configure_pooling(vllm_config)

"""

REQUEST = f"""
        if not isinstance(params, SamplingParams):
            {COMPANION}

            companion.check_pooling_request(processed_inputs, params)
"""

# The fork's later branches refuse pooling requests with this line.
REFUSAL = '            raise NotImplementedError(f"Not yet supporting pooling for {dev}")\n'
REQUEST_ADMITTED = f"""\
            {COMPANION}

            companion.check_pooling_request(processed_inputs, params)
            return
"""


# What may be in a file: name, lines, the lines in whose place they are.
BLOCKS = (
    (CHECK, REQUEST, ""),
    (CHECK, REQUEST_ADMITTED, REFUSAL),
    (CHOICE, WORKER, ""),
    (ENGINE, ENGINE_CHOICE, ""),
    (ENTRIES, SUPPORTED, ""),
    (REGISTRATION, REGISTER.format(call=PLAIN_CALL), ""),
    (REGISTRATION, REGISTER.format(call=GUARDED_CALL), ""),
)


class UnknownForm(Exception):
    """The file is none of the forms known here; the message names what was not found, or found changed."""


@dataclass(frozen=True)
class Edit:
    """`new` goes before line `line` (counted from 1) of the unedited file, in place of `old`, which may be empty."""

    name: str
    line: int
    new: str
    old: str = ""


@dataclass(frozen=True)
class Plan:
    """A file's edits: `before` and `after` are its text without and with all of them; `missing` those not in it yet."""

    before: str
    after: str
    missing: tuple[str, ...]
    present: tuple[str, ...]


def plan(text: str) -> Plan:
    """text: a platform's source with none, some or all edits in it. Raises UnknownForm."""
    plain = text.replace("\r\n", "\n")
    newline = "\n" if plain == text else "\r\n"
    if "\r" in plain or plain.replace("\n", newline) != text:
        raise UnknownForm("its lines end in more than one way")
    before, present = _take_out(plain)
    edits = _edits(before)
    after = _put_in(before, edits)
    _parse(after)
    names = [edit.name for edit in edits]
    if _take_out(after) != (before, names) or not set(present) <= set(names):
        raise UnknownForm(f"the edits could not be taken out again, or {present} do not belong to its form")
    missing = tuple(name for name in names if name not in present)
    return Plan(before.replace("\n", newline), after.replace("\n", newline), missing, tuple(present))


def _edits(text: str) -> list[Edit]:
    """All edits of an unedited file, in the order of its lines."""
    tree, lines = _parse(text), _lines(text)
    platform = _named(tree, ast.ClassDef, "TTPlatform")
    configure = _named(platform, ast.FunctionDef, "check_and_update_config")
    edits = [
        _register(_named(tree, ast.FunctionDef, "register_tt_models")),
        _worker(configure),
        _request(_named(platform, ast.FunctionDef, "validate_request"), lines),
    ]
    if any(ast.unparse(node) == "envs.VLLM_USE_V1" for node in ast.walk(configure)):
        edits.append(_engine(platform, configure))
    if any(getattr(node, "name", None) == "check_tt_model_supported" for node in tree.body):
        edits.append(_supported(_named(tree, ast.FunctionDef, "check_tt_model_supported"), lines))
    return sorted(edits, key=lambda edit: edit.line)


def _register(function: ast.FunctionDef) -> Edit:
    if "TTBertModel" in _strings(function):
        raise UnknownForm(f"{function.name} names 'TTBertModel' already, in other lines than this tool's")
    calls = {call.partition("(")[0]: call for call in (PLAIN_CALL, GUARDED_CALL)}
    found = [
        (statement, calls[ast.unparse(node.func)])
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in calls
    ]
    if not found:
        raise UnknownForm(f"{function.name} calls none of {list(calls)}")
    last, call = found[-1]
    return Edit(REGISTRATION, _after(last), REGISTER.format(call=call))


def _supported(function: ast.FunctionDef, lines: list[str]) -> Edit:
    for node in function.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "supported_models":
            break
    else:
        raise UnknownForm(f"{function.name} assigns no supported_models")
    names = getattr(node.value, "elts", [])
    if not names or set(SERVED) & _strings(node):
        raise UnknownForm("supported_models is no list, is empty, or names some of our models already")
    last = names[-1]
    if last.lineno != last.end_lineno or lines[last.lineno - 1] != f"        {ast.unparse(last)},\n".replace("'", '"'):
        raise UnknownForm("the last entry of supported_models is not on a line of its own with a comma")
    return Edit(ENTRIES, last.lineno + 1, SUPPORTED)


def _worker(function: ast.FunctionDef) -> Edit:
    if "pooling" in _strings(function):
        raise UnknownForm(f"{function.name} treats 'pooling' already, in other lines than this tool's")
    if "vllm_config" not in _arguments(function):
        raise UnknownForm(f"{function.name} has no argument vllm_config")
    for node in function.body:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("parallel_config.worker_cls == 'auto'"):
            return Edit(CHOICE, node.lineno, WORKER)
    raise UnknownForm(f"{function.name} has no statement 'if parallel_config.worker_cls == \"auto\"'")


def _engine(platform: ast.ClassDef, configure: ast.FunctionDef) -> Edit:
    if any(getattr(node, "name", None) == "pre_register_and_update" for node in platform.body):
        raise UnknownForm(f"{platform.name} has a pre_register_and_update already")
    first = min([configure.lineno, *(node.lineno for node in configure.decorator_list)])
    return Edit(ENGINE, first, ENGINE_CHOICE)


def _request(function: ast.FunctionDef, lines: list[str]) -> Edit:
    missing = {"params", "processed_inputs"} - _arguments(function)
    if missing:
        raise UnknownForm(f"{function.name} has no argument {sorted(missing)}")
    for node in function.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "isinstance(params, PoolingParams)":
            start, end = node.body[0].lineno, _after(node) - 1
            if "".join(lines[start - 1 : end]) != REFUSAL:
                raise UnknownForm(f"{function.name} treats PoolingParams in a way not known, lines {start} to {end}")
            return Edit(CHECK, start, REQUEST_ADMITTED, REFUSAL)
    if not any(isinstance(node, ast.Name) and node.id == "SamplingParams" for node in ast.walk(function)):
        raise UnknownForm(f"{function.name} uses no SamplingParams")
    return Edit(CHECK, _after(function), REQUEST)


def _put_in(text: str, edits: list[Edit]) -> str:
    lines = _lines(text)
    for edit in reversed(edits):
        start = edit.line - 1
        lines[start : start + len(_lines(edit.old))] = [edit.new]
    return "".join(lines)


def _take_out(text: str) -> tuple[str, list[str]]:
    """The file without the edits that are in it, and their names in the order of its lines."""
    found, before = [], text
    for name, new, old in BLOCKS:
        if text.count(new) > 1:
            raise UnknownForm(f"the {name} is in it twice")
        if new in text:
            found.append((text.index(new), name))
            before = before.replace(new, old)
    return before, [name for _, name in sorted(found)]


def _lines(text: str) -> list[str]:
    # str.splitlines also splits at form feeds, where Python's line numbers do not count
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise UnknownForm(f"it is not Python that {error}") from error


def _after(node: ast.stmt) -> int:
    """The line after a statement."""
    assert node.end_lineno is not None  # ast.parse() always gives it
    return node.end_lineno + 1


def _named(parent: ast.Module | ast.ClassDef, kind: type[ast.ClassDef] | type[ast.FunctionDef], name: str):
    found = [node for node in parent.body if isinstance(node, kind) and node.name == name]
    if len(found) != 1:
        where = getattr(parent, "name", "the file")
        raise UnknownForm(f"{where} has {len(found)} definitions of {name}; one is needed")
    return found[0]


def _strings(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _arguments(function: ast.FunctionDef) -> set[str]:
    return {argument.arg for argument in function.args.args}
