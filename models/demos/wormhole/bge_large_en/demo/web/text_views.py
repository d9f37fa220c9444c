# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts compared with each other, and texts uploaded."""

import streamlit as st

from models.demos.wormhole.bge_large_en.demo.web import charts
from models.demos.wormhole.bge_large_en.demo.web.client import Client, Served, ServerError
from models.demos.wormhole.bge_large_en.demo.web.library import Library
from models.demos.wormhole.bge_large_en.demo.web.panel import complain
from models.demos.wormhole.bge_large_en.demo.web.texts import KINDS, read_upload

MOST = 30  # lines of a matrix that can be read
EXAMPLE = """\
A dog is playing in the garden.
A puppy runs about on the lawn.
The stock market fell sharply today.
Share prices dropped this morning."""


def compare(client: Client, served: Served) -> None:
    st.session_state.setdefault("pasted", st.session_state.get("compared", EXAMPLE))
    with st.form("compare", border=False):
        pasted = st.text_area("Texts, one a line", key="pasted", height=160)
        pressed = st.form_submit_button("Compare", type="primary")
    if not pressed:
        return
    st.session_state["compared"] = pasted
    lines = [line.strip() for line in pasted.splitlines() if line.strip()]
    if not 2 <= len(lines) <= MOST:
        complain(f"{len(lines)} lines; 2 to {MOST} can be compared")
        return
    try:
        vectors = client.embed_plain(served.model, lines)
    except ServerError as error:
        complain(error)
        return
    st.altair_chart(charts.matrix(lines, vectors @ vectors.T), width="stretch")
    st.caption("Cosines of the texts, without a prompt; colours from 0 to 1.")


def upload(library: Library, folder: Library) -> None:
    with st.form("upload", clear_on_submit=True, border=False):
        files = st.file_uploader("Texts to search in", type=[kind[1:] for kind in KINDS], accept_multiple_files=True)
        pressed = st.form_submit_button("Embed", type="primary")
    for file in files if pressed and files else ():
        try:
            library.add(read_upload(file.name, file.getvalue()))
        except ValueError as error:
            library.failed.append(str(error))
    for name, shelf in (("the folder", folder), ("uploads", library)):
        progress(name, shelf)
        for sentence in shelf.failed:
            complain(sentence)


def progress(name: str, library: Library) -> None:
    """Of the embedding, with a button to stop it and one to go on; nothing where there is nothing to embed."""

    began = library.busy

    @st.fragment(run_every=0.5 if began else None)
    def show() -> None:
        done, of = library.progress
        if not of:
            return
        if began and not library.busy:
            st.rerun()  # the rest of the page has to know
        if library.error:
            complain(library.error)
        st.progress(done / of, f"{done} of {of} passages of {name} are embedded")
        if library.busy:
            if st.button("Stop", key=f"stop {name}"):
                library.stop()
        elif done < of and st.button("Embed the rest", key=f"go on {name}"):
            library.go_on()
            st.rerun()

    show()
