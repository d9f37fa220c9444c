# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The L1 that a graph of ttnn ops takes, from a capture without dispatch (ttnn.graph, RunMode.NO_DISPATCH).

ttnn.graph.extract_resource_usage_per_core counts a program's buffers on until the next program sets up its own, so with
the next program's output as well, which no allocator has to hold at once. Here they end with their program.
"""

from dataclasses import dataclass

_OWN_BUFFERS = ("circular_buffer_allocate", "dataflow_buffer_allocate", "scratchpad_allocate")


@dataclass
class CallL1:
    """An outermost call at its peak. tensors: bytes per core that are live; buffers: those of its running program."""

    name: str
    tensors: int = 0
    buffers: int = 0

    @property
    def total(self) -> int:
        return self.tensors + self.buffers


def l1_by_call(graph: list[dict]) -> list[CallL1]:
    """Every outermost call of the graph, in order."""
    live: dict[int, int] = {}
    calls: list[CallL1] = []
    own = depth = 0
    for node in graph:
        kind, params = node["node_type"], node["params"]
        if kind == "function_start":
            depth += 1
            if depth == 1:
                calls.append(CallL1(str(params["name"])))
            if depth == 1 or str(params["name"]).startswith("ttnn."):
                own = 0
        elif kind == "function_end":
            depth -= 1
        elif kind == "circular_buffer_deallocate_all":
            own = 0
        elif kind == "buffer_allocate" and params["type"] == "L1":
            live[node["connections"][0]] = int(params["max_size_per_bank"])
        elif kind == "buffer_deallocate":
            live.pop(node["connections"][0], None)
        elif kind in _OWN_BUFFERS and "1" not in (params.get("globally_allocated"), params.get("borrows_memory")):
            own += int(params["size"])
        tensors = sum(live.values())
        if depth and tensors + own > calls[-1].total:
            calls[-1].tensors, calls[-1].buffers = tensors, own
    return calls


def peak_l1(graph: list[dict]) -> int:
    """Most bytes of L1 per core at any time: live tensors and one program's own buffers."""
    return max((call.total for call in l1_by_call(graph)), default=0)
