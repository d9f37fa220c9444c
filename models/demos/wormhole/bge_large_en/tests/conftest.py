# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0


def pytest_configure(config):
    # tt-metal's pytest.ini does not have these.
    config.addinivalue_line("markers", "quality: accuracy at full size on real weights, minutes")
    config.addinivalue_line("markers", "server: starts a real vLLM server")
    config.addinivalue_line("markers", "corpus: jobs of embed_corpus on Ray, minutes")
    config.addinivalue_line("markers", "clients: other people's clients against a server")
