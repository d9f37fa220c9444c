# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The script that Streamlit runs for each visitor, at each change; web_demo.py starts it."""

import os
from pathlib import Path

import streamlit as st

from models.demos.wormhole.bge_large_en.demo.web.client import Client, Served, ServerError
from models.demos.wormhole.bge_large_en.demo.web.library import Library
from models.demos.wormhole.bge_large_en.demo.web.panel import complain, panel
from models.demos.wormhole.bge_large_en.demo.web.search_views import search, show_map
from models.demos.wormhole.bge_large_en.demo.web.text_views import compare, progress, upload
from models.demos.wormhole.bge_large_en.demo.web.texts import read_texts
from models.demos.wormhole.bge_large_en.demo.web_demo import options

TITLE = "Embeddings on Wormhole"
# Streamlit leaves a hand's breadth above a page.
STYLE = "<style>[data-testid=stMainBlockContainer] { padding: 4rem 3rem 2rem; }</style>"


@st.cache_resource
def folder_library(url: str, key: str | None, served: Served, texts: Path) -> Library:
    """The folder's, shared by all visitors: a page that is loaded again does not embed again."""
    library = Library(Client(url, key), served)
    passages, library.failed = read_texts(texts)
    library.add(passages)
    return library


def kept(name: str, make):
    """One for each visitor."""
    if name not in st.session_state:
        st.session_state[name] = make()
    return st.session_state[name]


def main() -> None:
    st.set_page_config(page_title=TITLE, page_icon="🔎", layout="wide")
    st.html(STYLE)
    asked, key = options(), os.environ.get("VLLM_API_KEY")
    client = kept("client", lambda: Client(asked.server, key))
    reranker = kept("reranker", lambda: Client(asked.rerank, key)) if asked.rerank else None
    try:
        served = client.served()
    except ServerError as error:
        st.title(TITLE)
        complain(error)
        st.button("Try again", type="primary")
        return
    folder = folder_library(asked.server, key, served, asked.texts)
    uploads = kept(f"uploads {served}", lambda: Library(Client(asked.server, key), served))

    def page(show, *arguments, waits: bool = False):
        def shown() -> None:
            if waits:
                for name, library in (("the folder", folder), ("uploads", uploads)):
                    if library.busy or library.error:
                        progress(name, library)
            show(*arguments)

        return shown

    libraries = [folder, uploads]
    pages = [
        st.Page(
            page(search, client, served, libraries, reranker, waits=True),
            title="Search",
            url_path="search",
            default=True,
        ),
        st.Page(page(show_map, client, served, libraries, waits=True), title="Map", url_path="map"),
        st.Page(page(compare, client, served), title="Compare", url_path="compare"),
        st.Page(page(upload, uploads, folder), title="Texts", url_path="texts"),
    ]
    st.navigation(pages, position="top").run()
    with st.sidebar:  # afterwards, so that it counts what the page has just asked
        st.subheader(TITLE)
        panel(client, served, [c.tally for c in (client, folder.client, uploads.client, reranker) if c is not None])


main()
