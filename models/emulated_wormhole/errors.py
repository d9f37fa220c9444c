# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the emulated Wormhole refuses, each message saying what to do instead."""


class EmulationError(RuntimeError):
    """Base of every refusal of the emulated device; never raised on silicon or on the simulator."""


class MissingGolden(EmulationError):
    """An op has no golden function, so its output would have no value."""


class MissingValue(EmulationError):
    """A device tensor has no value: it was made by a call that the emulation does not see."""


class TraceNotSupported(EmulationError):
    """Trace capture and replay crash the process on a mock device, so they are refused."""
