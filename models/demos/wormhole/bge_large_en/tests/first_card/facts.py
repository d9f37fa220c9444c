# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a report says of the machine: versions, revision, host, and board, firmware and readings by tt-smi."""

import json
import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path

from models.demos.wormhole.bge_large_en.runner.target import SILICON

PACKAGES = ("ttnn", "torch", "transformers", "vllm", "vllm-tt-plugin", "pyluwen", "tt-smi")
VARIABLES = ("TT_VISIBLE_DEVICES", "MESH_DEVICE", "ARCH_NAME", "TT_METAL_SIMULATOR")
PREFIX = "TT_MM_"  # matmuls staggered or throttled
DRIVER = Path("/sys/module/tenstorrent/version")


def collect(kind: str) -> dict:
    """kind: of the target."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "runs on": kind,
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "python": platform.python_version(),
        "revision": _output("git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"),
        "host": f"{os.cpu_count()} x {_processor()}, {platform.system()} {platform.release()}",
        "driver": DRIVER.read_text().strip() if DRIVER.exists() else None,
        "environment": {n: v for n, v in sorted(os.environ.items()) if n in VARIABLES or n.startswith(PREFIX)},
        "boards": boards() if kind == SILICON else [],
    }


def boards() -> list[dict]:
    """Of each chip what tt-smi says: board_type, firmwares, telemetry. No serial numbers. Empty without tt-smi."""
    text = _output("tt-smi", "-s")
    try:
        found = json.loads(text[text.index("{") :]) if text else {}
    except ValueError:
        return []
    return [
        {
            "board_type": device.get("board_info", {}).get("board_type"),
            "firmwares": device.get("firmwares", {}),
            "telemetry": device.get("telemetry", {}),
        }
        for device in found.get("device_info", [])
    ]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _output(*command: str) -> str | None:
    """What a command prints, None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
