# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Short requests are read and answered in the event loop's own thread.

vLLM 0.25.1 hands every request to another thread to be tokenised, and again to be answered. Of a short text either takes
less time than the threads take to change places.
"""

from functools import wraps

SHORT_BYTES = 4096  # of a body: a text of 512 tokens, or several short ones
FEW_VECTORS = 8  # of an answer


def work_in_place() -> None:
    """Have vLLM's routes that pool do it; safe to call again."""
    try:
        from vllm.entrypoints.pooling.base.serving import PoolingBaseServing
    except ImportError:  # the fork
        return
    init = getattr(PoolingBaseServing.__init__, "__wrapped__", PoolingBaseServing.__init__)

    @wraps(init)
    def init_in_place(self, *args, **kwargs):
        init(self, *args, **kwargs)
        for step, short in (("_preprocessing", _is_short), ("_postprocessing", _answers_few)):
            threaded = f"{step}_async"
            if hasattr(self, step) and hasattr(self, threaded):  # vLLM 0.33 has no such first step
                setattr(self, threaded, _in_place(getattr(self, step), getattr(self, threaded), short))

    PoolingBaseServing.__init__ = init_in_place


def _in_place(here, in_thread, short):
    async def work(io_processor, ctx):
        return here(io_processor, ctx) if short(ctx) else await in_thread(io_processor, ctx)

    return work


def _is_short(ctx) -> bool:
    length = "" if ctx.raw_request is None else ctx.raw_request.headers.get("content-length", "")
    return length.isdecimal() and int(length[:9]) <= SHORT_BYTES


def _answers_few(ctx) -> bool:
    return ctx.final_res_batch is not None and len(ctx.final_res_batch) <= FEW_VECTORS
