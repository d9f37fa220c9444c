# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the checks before vLLM's routes cost a good request, as a share of what reading it costs vLLM itself.

No server and no device: both are timed in this process, one after the other. Prints ratios, and what they ran on.
    python -m models.demos.wormhole.bge_large_en.tests.vllm.front_end.door_benchmark [--repeat 200]
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import Limits, parsed
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_limits import NO_CHAT
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_schema import check

LIMITS = Limits(inputs=2048, ids=8192, vocab_size=30522, normalizes=True)


def seconds(call: Callable[[], object], repeat: int) -> float:
    """Median processor time of `repeat` calls."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def bodies() -> dict[str, bytes]:
    """JSON of requests, by what they hold."""
    tokenizer_like = [[101, *range(2000, 2030), 102] for _ in range(64)]
    return {
        "1 text": json.dumps({"input": SENTENCES[0]}).encode(),
        "64 texts": json.dumps({"input": SENTENCES[:64]}).encode(),
        "64 lists of 32 ids": json.dumps({"input": tokenizer_like}).encode(),
        "2,048 texts": json.dumps({"input": [SENTENCES[i % 100] for i in range(2048)]}).encode(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=200)
    arguments = parser.parse_args()

    from pydantic import TypeAdapter
    from transformers import AutoTokenizer
    from vllm.entrypoints.pooling.embed.protocol import EmbeddingRequest

    from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm

    adapter = TypeAdapter(EmbeddingRequest)
    folder = registry_minilm()
    tokenizer = AutoTokenizer.from_pretrained(folder) if folder else None
    print(f"ran on: {os.cpu_count()} cores, no server, no device; median of {arguments.repeat}")
    for name, body in bodies().items():
        checks = seconds(lambda body=body: check("/v1/embeddings", parsed(body), LIMITS), arguments.repeat)
        read = seconds(lambda body=body: adapter.validate_python(json.loads(body)), arguments.repeat)
        line = f"{name:20} {len(body):8} bytes: checks / vLLM's reading of the body {checks / read:.2f}"
        value = json.loads(body)["input"]
        if type(value) is list and type(value[0]) is list:
            marked = body[: body.rindex(b"}")] + NO_CHAT
            after = seconds(lambda body=marked: adapter.validate_python(json.loads(body)), arguments.repeat)
            line += f"; checks and marked reading / plain reading {(checks + after) / read:.3f}"
        elif tokenizer is not None:
            texts = value if type(value) is list else [value]
            tokens = seconds(lambda texts=texts: tokenizer(texts, truncation=True), max(arguments.repeat // 20, 3))
            line += f", / reading and tokenizing {checks / (read + tokens):.4f}"
        print(line)


if __name__ == "__main__":
    main()
