# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A page to see what an embedding server does: search, a map of the texts, similarities.

    python -m models.demos.wormhole.bge_large_en.demo.web_demo --texts FOLDER

It asks a running server by HTTP alone, so it needs no ttnn, torch or vLLM. VLLM_API_KEY is sent where it is set.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[5]
PINS = ROOT / "scripts" / "requirements" / "web.txt"
NEEDED = ("streamlit", "pypdf", "prometheus_client")
KNOWLEDGE_BASE = Path(__file__).with_name("knowledge_base.txt")
APP = Path(__file__).with_name("web") / "app.py"
# Nothing is asked of any other host: no statistics, no look-up of this machine's address, no link to a service.
SETTINGS = {
    "browser.gatherUsageStats": "false",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "20",  # MB
    "client.toolbarMode": "minimal",
    "client.showErrorLinks": "false",
    "theme.primaryColor": "#5b4bc4",
}


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="web_demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", default="http://127.0.0.1:8000", metavar="URL", help="default %(default)s")
    parser.add_argument("--texts", type=Path, default=KNOWLEDGE_BASE, help="a .txt, .md or .pdf file, or a folder")
    parser.add_argument("--rerank", metavar="URL", help="server of a cross-encoder, to show its order beside the first")
    parser.add_argument("--host", default="127.0.0.1", help="that the page is served on; default %(default)s")
    parser.add_argument("--port", type=int, default=8501, help="default %(default)s")
    asked = parser.parse_args(arguments)
    for name in ("server", "rerank"):
        url = getattr(asked, name)
        if url is not None and not url.startswith(("http://", "https://")):
            parser.error(f"--{name} is {url!r}; an address such as http://127.0.0.1:8000 is needed")
    if not asked.texts.exists():
        parser.error(f"--texts: no such file or folder: {asked.texts}")
    return asked


def main(arguments: Sequence[str] | None = None) -> int:
    """Becomes Streamlit's process; 1 where there is no Streamlit."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    asked = options(arguments)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        wanted = f"--require-hashes -r {PINS}" if PINS.is_file() else " ".join(NEEDED)
        print(f"web_demo: no {' and no '.join(missing)} here: pip install {wanted}", file=sys.stderr)
        return 1
    settings = {**SETTINGS, "server.address": asked.host, "server.port": str(asked.port)}
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *(f"--{k}={v}" for k, v in settings.items())]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.execve(sys.executable, [*command, "--", *arguments], {**os.environ, "PYTHONPATH": path})


if __name__ == "__main__":
    sys.exit(main())
