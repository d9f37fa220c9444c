# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Real numerics on a mock device: every ttnn op call also runs the op's golden function on values kept beside it.

`Numerics.install()` wraps `ttnn.decorators.FastOperation.__call__`, the one way by which every ttnn op is called.
The real library runs first: it checks arguments and program configs and allocates buffers. Then what the golden function
makes of the inputs in fp32 torch, rounded to the output's dtype, becomes the value of the output's buffer. The function
itself is called when somebody needs that value (deferred.py).
"""

import contextlib
import functools
import inspect
import itertools
import threading
from collections.abc import Callable

import torch
from ttnn.decorators import FastOperation

import ttnn
from models.emulated_wormhole import fidelity, softmax  # noqa: F401 (which adds to fidelity.MODELLED)
from models.emulated_wormhole.buffer_values import BufferValues
from models.emulated_wormhole.deferred import Value
from models.emulated_wormhole.errors import MissingGolden, TraceNotSupported
from models.emulated_wormhole.golden_calls import Golden
from models.emulated_wormhole.golden_ops import GOLDENS, move
from models.emulated_wormhole.quantise import quantise
from models.emulated_wormhole.tensor_trees import on_device, tensors_of

# Arguments that are written to and not read, and those that say where or how, not what.
_DESTINATIONS = frozenset({"output_tensor", "optional_output_tensor"})
_NOT_NUMERIC = frozenset(
    "dtype memory_config compute_kernel_config program_config core_grid queue_id cq_id "
    "sub_core_grids device layout stall_event numeric_stable exp_approx_mode".split()
)
_NO_VALUE_CHANGED = frozenset({"ttnn.dump_tensor", "ttnn.set_printoptions", "ttnn.print_buffers"})
_HOST_READS = (
    "__repr__ __str__ cpu host_buffer item to_list to_numpy to_torch to_torch_with_padded_shape extract_shard".split()
)
_TRACE_CALLS = ("begin_trace_capture", "end_trace_capture", "execute_trace")


class Numerics:
    """The values of one process's mock devices, and the hooks that keep them."""

    def __init__(self):
        self._values = BufferValues()
        self._local = threading.local()
        self._undo: list[Callable[[], None]] = []
        self._special: dict[str, Callable] = {
            "ttnn.from_torch": self._from_torch,
            "ttnn.as_tensor": self._from_torch,
            "ttnn.to_torch": self._to_torch,
            "ttnn.from_device": self._from_device,
            "ttnn.copy_host_to_device_tensor": self._copy_to_device,
            "ttnn.copy_device_to_host_tensor": self._copy_to_host,
            "ttnn.deallocate": self._deallocate,
            "ttnn.allocate_tensor_on_device": lambda call, *args, **kwargs: call(*args, **kwargs),
        }

    # Hooks ------------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Hook ttnn. Undone by uninstall()."""
        original = FastOperation.__call__

        def hooked(op, *args, **kwargs):
            if not getattr(self._local, "off", False):
                return self._call(op, original, args, kwargs)
            result = original(op, *args, **kwargs)
            if op is ttnn.copy_device_to_host_tensor:  # a mock leaves the target as it is; other reads give zeros
                _zero(*args, **kwargs)
            return result

        self._patch(FastOperation, "__call__", hooked)
        for name in _HOST_READS:
            self._patch(ttnn.Tensor, name, self._reading(getattr(ttnn.Tensor, name)))
        self._patch(ttnn, "get_device_tensors", self._reading(ttnn.get_device_tensors))
        for name in _TRACE_CALLS:
            self._patch(ttnn, name, _refuse_trace(name))
        for name in ("close_device", "close_mesh_device"):
            self._patch(ttnn, name, self._closing(getattr(ttnn, name)))

    def uninstall(self) -> None:
        """Give ttnn back as it was, and drop all values."""
        while self._undo:
            self._undo.pop()()
        self._values.clear()

    def _patch(self, owner, name: str, new) -> None:
        old = getattr(owner, name)
        setattr(owner, name, new)
        self._undo.append(lambda: setattr(owner, name, old))

    @contextlib.contextmanager
    def _set(self, name: str):
        before = getattr(self._local, name, False)
        setattr(self._local, name, True)
        try:
            yield
        finally:
            setattr(self._local, name, before)

    def off(self):
        """Within it ops run on the mock device alone; what they make has no value. Of the calling thread."""
        return self._set("off")

    def modelled_fidelity(self):
        """Within it the ops of fidelity.MODELLED compute as the hardware does. Of the calling thread."""
        return self._set("fidelity")

    def _reading(self, read: Callable) -> Callable:
        """`read` (a function of a tensor) made to see a device tensor's value in place of the mock's zeros."""

        def reading(tensor, *args, **kwargs):
            if on_device(tensor) and not getattr(self._local, "off", False):
                tensor = self.to_host(tensor)
            return read(tensor, *args, **kwargs)

        return reading

    def _closing(self, close: Callable) -> Callable:
        def closing(device, *args, **kwargs):
            self._values.drop_device(device.id())
            return close(device, *args, **kwargs)

        return closing

    # Values -----------------------------------------------------------------------------------------------------

    def get(self, tensor: ttnn.Tensor) -> list[torch.Tensor]:
        """The value of a device or host tensor: one per chip, of the tensor's shape; not to be written to.

        Raises MissingValue for a device tensor that no op seen here has made.
        """
        if not on_device(tensor):
            with self.off():
                host = [shard.to_torch() for shard in ttnn.get_device_tensors(tensor)]
            return [shard.float() if shard.is_floating_point() else shard.to(torch.int64) for shard in host]
        return self._values.get(tensor)

    def to_host(self, tensor: ttnn.Tensor) -> ttnn.Tensor:
        """A host tensor that holds the value of a device tensor, as ttnn.from_device gives it on silicon."""
        if not on_device(tensor):
            return tensor
        shards = self.get(tensor)
        with self.off():
            made = {id(shard): ttnn.from_torch(shard, dtype=tensor.dtype, layout=tensor.layout) for shard in shards}
            if len(shards) == 1:
                return made[id(shards[0])]
            host = ttnn.from_host_shards([made[id(shard)] for shard in shards], tensor.device().shape)
            host.update_tensor_topology(tensor.tensor_topology())
            return host

    # Calls ------------------------------------------------------------------------------------------------------

    def _call(self, op: FastOperation, original: Callable, args: tuple, kwargs: dict):
        name = op.python_fully_qualified_name

        def real(*a, **k):
            with self.off():  # an op made of other ops counts once, as a whole
                return original(op, *a, **k)

        special = self._special.get(name)
        if special is not None:
            return special(real, *args, **kwargs)
        inputs = tensors_of((args, kwargs))
        result = real(*args, **kwargs)
        outputs = [t for t in tensors_of(result) if on_device(t)]
        if not outputs:
            if name not in _NO_VALUE_CHANGED and any(on_device(t) for t in inputs):
                raise MissingGolden(f"{name} returns no tensor: the emulated Wormhole can't tell what it changed")
            return result
        modelled = fidelity.MODELLED.get(name) if getattr(self._local, "fidelity", False) else None
        function = modelled or GOLDENS.get(name) or op.golden_function
        if function is None:
            raise MissingGolden(
                f"{name} has no golden function, so its result would have no value; register one with "
                "@models.emulated_wormhole.golden, or use an op that has one"
            )
        extra: dict[str, object] = {}
        if modelled is fidelity.linear:
            extra["arithmetic"] = fidelity.Arithmetic.of(inputs[0], inputs[1], outputs[0], **kwargs)
        args, kwargs = ((inputs[0],), {}) if function is move else (args, _numeric_kwargs(name, function, kwargs))
        values = [self._peek(tensor) for tensor in tensors_of((args, kwargs))]
        results = Golden(name, function, extra).results(args, kwargs, values, outputs)
        for output, shards in zip(outputs, results, strict=True):
            self._values.put(output, shards)
        return result

    def _peek(self, tensor: ttnn.Tensor) -> list[Value]:
        return self._values.peek(tensor) if on_device(tensor) else [*self.get(tensor)]

    def _write(self, tensor: ttnn.Tensor, shards: list[torch.Tensor]) -> None:
        """The value of a device tensor from that of a host tensor: one per chip, or one for all; rounded here."""
        rounded = [quantise(shard, tensor.dtype) for shard in shards]
        self._values.put(tensor, rounded if len(rounded) > 1 else rounded * tensor.device().get_num_devices())

    def _from_torch(self, real, tensor, *args, **kwargs):
        out = real(tensor, *args, **kwargs)
        if out is None or not on_device(out):
            return out
        # The library itself lays the values out: the same call without a device makes a host tensor with real data.
        places = ("device", "memory_config", "cq_id", "cache_file_name")
        host = real(tensor, *args, **{key: value for key, value in kwargs.items() if key not in places})
        self._write(out, self.get(host))
        return out

    def _to_torch(self, real, tensor, *args, **kwargs):
        kwargs.pop("device", None)
        kwargs.pop("cq_id", None)
        return real(self.to_host(tensor), *args, **kwargs)

    def _from_device(self, real, tensor, *args, **kwargs):
        host = real(tensor, *args, **kwargs)  # zeros, but it checks the arguments
        return self.to_host(tensor) if on_device(tensor) else host

    def _copy_to_device(self, real, host, device, *args, **kwargs):
        result = real(host, device, *args, **kwargs)
        self._write(device, self.get(host))
        return result

    def _copy_to_host(self, real, device, host, *args, **kwargs):
        result = real(device, host, *args, **kwargs)
        with self.off():  # in place, so that views of the host tensor's memory see it too
            for place, value in zip(_host_bytes(host), _host_bytes(self.to_host(device)), strict=True):
                place.copy_(value)
        return result

    def _deallocate(self, real, tensor, *args, **kwargs):
        if on_device(tensor) and tensor.is_allocated():
            buffer = tensor.buffer_unique_id()
            real(tensor, *args, **kwargs)
            if not tensor.is_allocated():  # without force=True a buffer that others use stays
                self._values.drop(buffer)
            return None
        return real(tensor, *args, **kwargs)


def _zero(_device_tensor, host_tensor, *_, **__) -> None:
    for place in _host_bytes(host_tensor):
        place.zero_()


def _host_bytes(tensor: ttnn.Tensor) -> list[torch.Tensor]:
    """The memory of a host tensor, one uint8 view per chip."""
    buffer = tensor.host_buffer()
    chips = itertools.product(*map(range, buffer.shape()))
    return [torch.from_dlpack(buffer.get_shard(ttnn.MeshCoordinate(*chip))) for chip in chips]


@functools.cache
def _parameters(function: Callable) -> frozenset[str] | None:
    """The names of a function's parameters; None if it takes any keyword argument."""
    parameters = inspect.signature(function).parameters
    any_keyword = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return None if any_keyword else frozenset(parameters)


def _numeric_kwargs(name: str, function: Callable, kwargs: dict) -> dict:
    """The keyword arguments that the golden function takes; MissingGolden for one that matters and it does not take."""
    kwargs = {k: v for k, v in kwargs.items() if k not in _DESTINATIONS}
    parameters = _parameters(function)
    if parameters is None:
        return kwargs
    unknown = [k for k, v in kwargs.items() if k not in parameters and k not in _NOT_NUMERIC and v is not None]
    if unknown:
        raise MissingGolden(f"the golden function of {name} does not model {', '.join(unknown)}")
    return {k: v for k, v in kwargs.items() if k in parameters}


def _refuse_trace(name: str) -> Callable:
    def refuse(*_, **__):
        raise TraceNotSupported(
            f"ttnn.{name} on the emulated Wormhole: nothing executes on a mock device, and tracing on one crashes the "
            "process; run the ops directly (TT_METAL_SLOW_DISPATCH_MODE is set, which a runner can test), or use "
            "silicon or TT_METAL_SIMULATOR for traces"
        )

    return refuse
