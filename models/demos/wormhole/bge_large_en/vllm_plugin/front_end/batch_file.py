# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""`vllm run-batch`: each line of OpenAI's batch file is checked as a server checks a request, and answered by itself.

vLLM 0.25.1 ends without an output at the first line that it can't read, takes in all of a file at once, and ends with
status 0 when its engine died.
"""

import asyncio
import sys
import uuid
from argparse import ArgumentParser, Namespace
from functools import partial
from types import ModuleType
from typing import IO, Any

from starlette.datastructures import State
from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused, error_body
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import Limits, parsed, shown
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.start import report
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import (
    batch_answer,
    batch_bytes,
    batch_progress,
    write_batch,
)

logger = init_logger("vllm.tt_pooling.batch_file")

# By python -m, and by vllm's own command.
MODULES = ("__main__", "vllm.entrypoints.openai.run_batch", "vllm.entrypoints.launchers.run_batch")
EMBEDDINGS, SCORES, RANKS = ("/v1/embeddings",), ("/score", "/v1/score"), ("/rerank", "/v1/rerank", "/v2/rerank")


def answer_batch_files(parser: ArgumentParser) -> None:
    """For the parser of run-batch; others are left alone."""
    if not any(action.dest == "input_file" for action in parser._actions):
        return
    sys.excepthook = report
    for module in filter(None, map(sys.modules.get, MODULES)):
        if hasattr(module, "BatchRequestInput"):
            module.run_batch = partial(run_batch, module)  # type: ignore[attr-defined]
            module.validate_batch = lambda opened: 0  # type: ignore[attr-defined]  # of 0.33, which ends at a bad line


async def run_batch(
    vllms: ModuleType, engine_client: Any, args: Namespace, opened: "IO[str] | None" = None, lines: int = 0
) -> None:
    """Answer all lines of args.input_file, in their order, in args.output_file; opened, lines: as vLLM 0.33 calls it.

    SystemExit, after what was answered is written, when the engine died on the way.
    """
    from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.admission import default_slots
    from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_limits import options_and_limits

    registry = await vllms.build_endpoint_registry(engine_client=engine_client, args=args)
    config = engine_client.vllm_config
    _, limits = options_and_limits(State({"args": args, "vllm_config": config}))
    slots = default_slots(config.scheduler_config.max_num_seqs) * config.parallel_config.data_parallel_size
    room, tracker = asyncio.Semaphore(slots), vllms.BatchProgressTracker()

    async def answer(number: int, line: bytes) -> Any:
        try:
            request = request_of(vllms, number, line, limits)
            endpoint = registry[request.url.rpartition("/")[2]]
            if endpoint["handler_getter"]() is None:
                raise _Bad(request.custom_id, Refused(400, f"url {request.url!r} is not for this model", "url"))
        except _Bad as bad:
            return bad.output(vllms)
        answering = batch_answer(vllms, request, tracker, endpoint)
        async with room:
            return await answering

    numbered = enumerate((await batch_bytes(vllms, args.input_file, opened)).split(b"\n"), 1)
    answers = [answer(number, line) for number, line in numbered if line.strip()]
    with batch_progress(vllms, tracker, len(answers)):
        outputs = await asyncio.gather(*answers)
    await write_batch(vllms, args.output_file, outputs, args.output_tmp_dir)
    good = sum(output.error is None for output in outputs)
    logger.info("%d lines: %d answered, %d refused or failed", len(outputs), good, len(outputs) - good)
    if engine_client.errored:
        raise SystemExit(f"error: the engine died; {good} of {len(outputs)} lines were answered")


def request_of(vllms: ModuleType, number: int, line: bytes, limits: Limits) -> Any:
    """vLLM's BatchRequestInput of a line. Raises _Bad, with the line's custom_id where it has one."""
    from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_schema import check

    custom_id = None
    try:
        found = parsed(line)
        custom_id, url, body = _text(found, "custom_id"), _text(found, "url"), found.get("body")
        if found.get("method", "POST") != "POST":
            raise Refused(400, f'method is {shown(found["method"])}; allowed: "POST"', "method")
        if url not in (*EMBEDDINGS, *SCORES, *RANKS):
            allowed = ", ".join((*EMBEDDINGS, *SCORES, *RANKS))
            raise Refused(400, f"url is {shown(url)}; allowed: {allowed}", "url")
        if type(body) is not dict:
            raise Refused(400, f"body is {shown(body)}; allowed: a JSON object", "body")
        check(url, body, limits)
        typed = _typed(vllms, url, body)
    except Refused as refused:
        if custom_id is None:
            refused = Refused(refused.status, f"line {number}: {refused.message}", refused.param)
        raise _Bad(custom_id, refused) from None
    return vllms.BatchRequestInput.model_construct(custom_id=custom_id, method="POST", url=url, body=typed)


def _text(found: dict[str, Any], name: str) -> str:
    if type(found.get(name)) is not str:
        raise Refused(400, f"{name} is {shown(found.get(name))}; allowed: a text", name)
    return found[name]


def _typed(vllms: ModuleType, url: str, body: dict[str, Any]) -> Any:
    """vLLM's request of a body; Refused, in one line, for what pydantic finds."""
    from pydantic import TypeAdapter, ValidationError

    from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.validation_errors import refusal

    kind = vllms.EmbeddingRequest if url in EMBEDDINGS else vllms.ScoreRequest if url in SCORES else vllms.RerankRequest
    try:
        return TypeAdapter(kind).validate_python(body)
    except ValidationError as error:
        raise refusal([{**each, "loc": ("body", *each["loc"])} for each in error.errors()], body) from None


class _Bad(Exception):
    """A line that is not a request. custom_id: None where it has none that can be read."""

    def __init__(self, custom_id: str | None, refused: Refused):
        super().__init__(refused.message)
        self.custom_id, self.refused = custom_id, refused

    def output(self, vllms: ModuleType) -> Any:
        """In the form that vLLM gives a failed request."""

        class Output(vllms.BatchRequestOutput):  # type: ignore[name-defined]
            custom_id: str | None

        said = self.refused
        status = vllms.BatchResponseData(status_code=said.status, request_id=f"vllm-batch-{uuid.uuid4().hex}")
        error = error_body(said.status, said.message, param=said.param)
        return Output(id=f"vllm-{uuid.uuid4().hex}", custom_id=self.custom_id, response=status, error=error)
