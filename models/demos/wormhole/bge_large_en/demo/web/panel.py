# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The panel beside the pages: what serves, what this page asked, and the server's own metrics."""

import html
import re
import statistics
from collections.abc import Sequence

import streamlit as st

from models.demos.wormhole.bge_large_en.demo.web.client import Client, Samples, Served, ServerError, Tally

EVERY_S = 5
STYLE = """<style>
.facts { width: 100%; font-size: 0.85rem; border-collapse: collapse; margin: -0.6rem 0 0.4rem; }
.facts td { padding: 0.12rem 0; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.2); }
.facts td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
</style>"""
TARGETS = {"silicon": "Wormhole silicon", "simulator": "Wormhole simulator", "emulated": "emulated Wormhole"}
# Of a metric that the server does not have there is no row.
RUNS_ON = {"target": "Runs on", "chips": "Chips", "profile": "Profile", "packing": "Packing"}


def plain(text: str) -> str:
    """Markdown that is shown as `text`."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|$<>~:-])", r"\\\1", text)


def complain(error: Exception | str) -> None:
    st.error(plain(str(error)))


def panel(client: Client, served: Served, tallies: Sequence[Tally]) -> None:
    """tallies: of all that this page asks with."""
    st.markdown(f"**{plain(served.model)}**")
    show(client, served, tallies)


@st.fragment(run_every=EVERY_S)
def show(client: Client, served: Served, tallies: Sequence[Tally]) -> None:
    try:
        now, version = client.metrics(), client.version()
    except ServerError as error:
        complain(error)
        return
    engines = now.labels("vllm:tt_engine_info")
    told = {name: sorted({engine[label] for engine in engines}) for label, name in RUNS_ON.items()}
    rows = {name: ", ".join(TARGETS.get(value, value) for value in values) for name, values in told.items()}
    if len(engines) > 1:
        rows["Engines"] = str(len(engines))
    table({**rows, "Longest text": f"{served.max_tokens} tokens", "vLLM": version})
    st.markdown("**This page**")
    table(page_rows(tallies))
    st.markdown("**The server**")
    table(server_rows(now, st.session_state.get("samples")))
    if any(engine["target"] == "emulated" for engine in engines):
        st.caption("An emulated Wormhole computes on this host: its times say nothing of a card.")
    st.session_state["samples"] = now


def page_rows(tallies: Sequence[Tally]) -> dict[str, str]:
    rows = {"Requests": f"{sum(t.requests for t in tallies):,}", "Tokens": f"{sum(t.tokens for t in tallies):,}"}
    latencies = list(tallies[0].latencies)  # of what a visitor waits for
    if latencies:
        rows["Last answer"] = f"{1000 * latencies[-1]:,.0f} ms"
        rows["Median answer"] = f"{1000 * statistics.median(latencies):,.0f} ms"
    return rows


def server_rows(now: Samples, before: Samples | None) -> dict[str, str]:
    """Name -> value, of the metrics at `now`; the busy share is since `before`."""
    steps, texts = now.total("vllm:tt_device_steps_total"), now.total("vllm:tt_texts_total")
    tokens, computed = now.total("vllm:tt_tokens_total"), now.total("vllm:tt_computed_tokens_total")
    rows = {
        "Texts answered": f"{now.total('vllm:request_success_total'):,.0f}",
        "Running, waiting": f"{now.total('vllm:num_requests_running'):.0f}, {now.total('vllm:num_requests_waiting'):.0f}",
        "Refused (429, 408)": f"{now.total('vllm:tt_requests_refused_total'):,.0f}",
        "Device steps": f"{steps:,.0f}",
        "Texts in a step": f"{texts / steps:.1f}" if steps else "",
        "Padding efficiency": f"{tokens / computed:.0%}" if computed else "",
        "Failed runs": f"{now.total('vllm:tt_failures_total'):,.0f}",
        "Warm-up": f"{now.total('vllm:tt_warm_up_time_seconds'):.1f} s",
    }
    if before is not None and now.at > before.at:
        busy = now.total("vllm:tt_busy_seconds_total") - before.total("vllm:tt_busy_seconds_total")
        share = max(0.0, busy) / (now.at - before.at) / max(1, len(now.labels("vllm:tt_engine_info")))
        rows["Device busy"] = f"{share:.0%}"
    return rows


def table(rows: dict[str, str]) -> None:
    """Two columns; without the rows that have no value."""
    lines = [f"<tr><td>{html.escape(n)}</td><td>{html.escape(value)}</td></tr>" for n, value in rows.items() if value]
    st.html(f"{STYLE}<table class='facts'>{''.join(lines)}</table>")
