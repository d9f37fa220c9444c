# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What web_demo.py shows, by Streamlit.

In: files, and a server's HTTP API. Out: pages in a browser. app.py puts them together: client -> texts -> library ->
views. Neighbour: demo.search.passages, which reads files."""
