# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""schemathesis on the server's own /openapi.json: whatever is asked of a served route, no 5xx, no hang, no harm."""

import asyncio
import itertools
import time

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("hypothesis")
pytest.importorskip("psutil")
pytest.importorskip("requests")
pytest.importorskip("schemathesis")

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.soak import Clients, session, texts
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 900)]

# What vLLM 0.33 answers on its routes for models that generate, whatever the body.
OF_OTHER_MODELS = {(501, "/v1/decisions"), (501, "/v1/systemone")} if NEWER else set()
REQUESTS = 50  # between two looks at the clock


@pytest.mark.parametrize("seconds", [15, pytest.param(300, marks=pytest.mark.slow)])
def test_no_request_of_the_openapi_document_makes_a_5xx(loaded_server, seconds):
    document = requests.get(f"{loaded_server.url}/openapi.json", timeout=60).json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {
        "/v1/embeddings",
        "/pooling",
        "/score",
        "/rerank",
        "/v2/embed",
        "/tokenize",
        "/detokenize",
        "/v1/models",
    } <= {operation.path for operation in operations}
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for operation in operations for mode in modes))
    failed: list[str] = []

    def ask(case):
        answer = case.call(base_url=loaded_server.url, timeout=60)
        count(f"fuzzed requests answered with {answer.status_code // 100}xx")
        if answer.status_code >= 500 and (answer.status_code, case.path) not in OF_OTHER_MODELS:
            failed.append(f"{answer.status_code} {answer.text[:200]} for {case.as_curl_command()[:600]}")

    async def exact() -> list[bytes]:
        async with session() as http:
            clients = Clients(http, loaded_server, seed=2)
            await clients.compute_alone(texts(10, seed=2))
            await clients.idle()
            return list(clients.alone.values())

    before = asyncio.run(exact())
    limits = settings(
        max_examples=REQUESTS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    until, rounds = time.monotonic() + seconds, itertools.count()
    while time.monotonic() < until:
        limits(seed(next(rounds))(given(cases)(lambda case: ask(case))))()
    assert loaded_server.healthy() and asyncio.run(exact()) == before
    assert not failed, "\n".join(failed[:10])
