# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How many API servers `vllm serve` starts, and threads each of them reads long requests in, where it is not told."""

import os
from argparse import ArgumentParser, Namespace
from contextlib import suppress

from vllm import envs
from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.runner.mesh import wanted_mesh

logger = init_logger("vllm.tt_pooling.api_servers")

CORES = 2  # for each: its own, and one for the engine's share and the system
# Ways to serve in which something else says how many there are, or there may be one alone.
OTHER_WAYS = (
    "headless",
    "grpc",
    "uds",
    "data_parallel_external_lb",
    "data_parallel_multi_port_external_lb",
    "data_parallel_hybrid_lb",
)


def api_servers(chips: int, cores: int) -> int:
    """One for each chip, which takes about what one of them reads (tests/perf/many_chips.py), as far as there are cores."""
    return max(1, min(chips, cores // CORES))


def chosen(args: Namespace, chips: int, cores: int) -> int | None:
    """For an engine's mesh of so many chips; None where vLLM's own default stays, one for each engine."""
    ways = [name for name in OTHER_WAYS if getattr(args, name, None)]
    ranks = [getattr(args, f"data_parallel_{name}", None) for name in ("rank", "start_rank")]
    if args.api_server_count is not None or ways or any(rank is not None for rank in ranks):
        return None
    if envs.VLLM_ALLOW_RUNTIME_LORA_UPDATING or getattr(envs, "VLLM_RUST_FRONTEND_PATH", None):
        return None
    engines = args.data_parallel_size
    servers = api_servers(chips * engines, cores)
    return servers if servers > engines else None


def read_in_threads(parser: ArgumentParser) -> None:
    """By default as many as each server has cores: tokenising leaves Python's lock. Short requests need none."""
    if parser.get_default("renderer_num_workers") is not None:  # the fork's vLLM has no such option
        parser.set_defaults(renderer_num_workers=min(CORES, len(os.sched_getaffinity(0))))


def choose(parser: ArgumentParser, args: Namespace) -> None:
    """For the options of `vllm serve`, in place; api_server.py starts one whatever they are."""
    if not parser.prog.endswith(" serve") or not hasattr(args, "api_server_count"):
        return
    rows, columns = 1, 1
    with suppress(ValueError):  # refused later, with the configuration
        rows, columns = wanted_mesh(os.environ) or (1, 1)
    cores = len(os.sched_getaffinity(0))
    servers = chosen(args, rows * columns, cores)
    if servers is not None:
        logger.info("api_server_count: %d, for %d cores and a mesh of %d chips", servers, cores, rows * columns)
        args.api_server_count = servers
