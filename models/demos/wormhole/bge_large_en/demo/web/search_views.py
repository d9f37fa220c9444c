# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Search, with a cross-encoder's order beside the first, and the map with the query in it."""

import numpy as np
import streamlit as st

from models.demos.wormhole.bge_large_en.demo.search.passages import Passage
from models.demos.wormhole.bge_large_en.demo.web import charts
from models.demos.wormhole.bge_large_en.demo.web.client import QUERY, Client, Served, ServerError
from models.demos.wormhole.bge_large_en.demo.web.library import Library, joined
from models.demos.wormhole.bge_large_en.demo.web.panel import complain

SCORED = 4  # passages that the cross-encoder scores, for each that is shown
MOST = 20  # passages that are shown


def asked(client: Client, served: Served) -> tuple[str, np.ndarray | None]:
    """The query typed, on this page or another, and its vector (1, H); None for no query or none of the server."""
    st.session_state.setdefault("typed", st.session_state.get("query", ""))  # it goes with the page that it is on
    with st.form("ask", border=False):
        left, right = st.columns([5, 1], vertical_alignment="bottom")
        typed = left.text_input("Query", key="typed", placeholder="what do you look for?")
        pressed = right.form_submit_button("Search", type="primary", width="stretch")
    if pressed:
        st.session_state["query"], st.session_state["query_vector"] = typed.strip(), None
    query, kept = st.session_state.get("query", ""), st.session_state.get("query_vector")
    if not query:
        return "", None
    if kept is None or kept[0] != served:
        try:
            kept = st.session_state["query_vector"] = (served, client.embed(served.model, [query], QUERY))
        except ServerError as error:
            complain(error)
            return query, None
    return query, kept[1]


def search(client: Client, served: Served, libraries: list[Library], reranker: Client | None) -> None:
    query, vector = asked(client, served)
    passages, vectors = joined(libraries)
    if not passages:
        st.info("No passage is embedded yet.")
        return
    if vector is None:
        st.caption(f"{len(passages)} passages of {len({charts.file_of(p) for p in passages})} files")
        return
    shown = st.slider("Passages shown", 1, MOST, 5, width=280)
    scores = vectors @ vector[0]
    order = np.argsort(-scores, kind="stable")
    if reranker is None:
        show_hits(passages, scores, order[:shown])
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("By cosine")
        st.caption(served.model)
        show_hits(passages, scores, order[:shown])
    with right:
        st.subheader("Reranked")
        try:
            by = reranker.served().model
            st.caption(by)
            best = [passages[i] for i in order[: SCORED * shown]]
            st.html(charts.hits(_reranked(reranker.rerank(by, query, [p.text for p in best]), best)[:shown]))
        except ServerError as error:
            complain(error)


def show_hits(passages: list[Passage], scores: np.ndarray, order: np.ndarray) -> None:
    st.html(charts.hits([charts.Hit(passages[i], scores[i], scores[i]) for i in order]))


def _reranked(scores: list[float], best: list[Passage]) -> list[charts.Hit]:
    """In the order of the scores; `best` are in that of their cosines."""
    order = sorted(range(len(best)), key=lambda i: -scores[i])
    # Logits have no fixed range: bars are of the scores that were had.
    low, high = (0.0, 1.0) if 0 <= min(scores) and max(scores) <= 1 else (min(scores), max(scores))
    return [charts.Hit(best[i], scores[i], (scores[i] - low) / max(high - low, 1e-9), f"was {i + 1}") for i in order]


def show_map(client: Client, served: Served, libraries: list[Library]) -> None:
    query, vector = asked(client, served)
    passages, vectors = joined(libraries)
    if len(passages) < 3:
        st.info("A map wants three embedded passages or more.")
        return
    others = vectors[:0] if vector is None else vector
    places, at, kept = charts.plane(vectors, others)
    similar = None if vector is None else vectors @ vector[0]
    lines = "" if vector is None else f" Lines lead to the {charts.NEAREST} nearest by cosine."
    st.caption(f"{len(passages)} passages by PCA: the plane shows {kept:.0%} of the variance of their vectors.{lines}")
    chart = charts.passage_map(passages, places, similar, query if vector is not None else "", at)
    st.altair_chart(chart, width="stretch")
