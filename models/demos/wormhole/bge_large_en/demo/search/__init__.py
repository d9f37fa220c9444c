# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What interactive_demo.py is made of.

In: text and Markdown files, and vectors of their passages. Out: an index file, the best passages of a query, a plot.
Neighbour: demo.text_encoder, which makes the vectors."""
