# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Small platforms of the shape that Tenstorrent's have, for tests of what this package adds to them.

LISTED: the fork while it listed its models; CHECKED: since it asks the registry; DIRECT: since it has one engine and
asks every request for attributes of sampling. PLUGIN: vllm-tt-plugin, and with WRAPPED, which configures in a method of
its own, what vLLM 0.25.1 can load.
"""

from pathlib import Path


def change(text: str, *pairs: tuple[str, str]) -> str:
    """`text` with the first of each pair, which is in it once, replaced by the second."""
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


HEAD = """\
# A look-alike for tests.
import vllm.envs as envs
from vllm.pooling_params import PoolingParams
from vllm.sampling_params import SamplingParams

from .interface import Platform


"""

FORK_REGISTER = """\
    from vllm import ModelRegistry

    # Llamas
    ModelRegistry.register_model("TTLlamaForCausalLM", "models.llama:Llama")

    # Gemmas, under two names
    for arch in ("TTGemmaForCausalLM", "TTGemma2ForCausalLM"):
        ModelRegistry.register_model(
            arch,
            "models.gemma:Gemma",
        )
"""

ONE_ENGINE = """\
            parallel_config.worker_cls = "vllm.v1.worker.tt_worker.TTWorker"
"""

TWO_ENGINES = """\
            if envs.VLLM_USE_V1:
                parallel_config.worker_cls = "vllm.v1.worker.tt_worker.TTWorker"
            else:
                parallel_config.worker_cls = "vllm.worker.tt_worker.TTWorker"
"""

CONFIGURE = '''\
class TTPlatform(Platform):
    device_name: str = "tt"

    @classmethod
    def check_and_update_config(cls, vllm_config) -> None:
        assert not vllm_config.lora_config, (
            "no LoRA here")
{before}
        parallel_config = vllm_config.parallel_config
        if parallel_config.worker_cls == "auto":
{choice}
        archs = vllm_config.model_config.hf_config.architectures
        archs[:] = [a if a.startswith("TT") else "TT" + a for a in archs]

    @classmethod
    def validate_request(cls, prompt, params, processed_inputs) -> None:
        """Raises if this request is unsupported"""
{validate}
    @staticmethod
    def compat_sampling_required(params) -> bool:
        return params.min_p != 0.0
'''

LISTED = (
    HEAD
    + "def register_tt_models():\n"
    + FORK_REGISTER
    + """

def check_tt_model_supported(model):
    supported_models = [
        "meta-llama/Llama-3.1-8B",
        "google/gemma-3-27b-it",
    ]
    assert model in supported_models, (
        f"{model} is not in the list")


"""
    + CONFIGURE.format(
        before="""
        check_tt_model_supported(vllm_config.model_config.model)
        register_tt_models()
""",
        choice=TWO_ENGINES,
        validate="""
        if isinstance(params, SamplingParams):
            if params.best_of is not None:
                raise ValueError(
                    f"no best_of on {cls.device_name}")
""",
    )
)

CHECKED = (
    HEAD
    + "def register_tt_models(register_test_models=False) -> None:\n"
    + FORK_REGISTER
    + """
    # Models for tests only
    if register_test_models:
        register_tt_test_models()


def register_tt_test_models():
    from vllm import ModelRegistry

    ModelRegistry.register_model("TTDummyNoOpModel", "models.no_op:NoOp")


"""
    + CONFIGURE.format(
        before="""
        register_tt_models(False)
""",
        choice=TWO_ENGINES,
        validate="""
        dev = cls.device_name

        if isinstance(params, PoolingParams):
            raise NotImplementedError(f"Not yet supporting pooling for {dev}")

        if params.best_of is not None:
            raise ValueError(f"Not yet supporting best_of on {dev}")
""",
    )
)

DIRECT = (
    "# A look-alike for tests.\nfrom .interface import Platform\n\n\ndef register_tt_models():\n"
    + FORK_REGISTER
    + "\n\n"
    + CONFIGURE.format(
        before="""
        register_tt_models()
""",
        choice=ONE_ENGINE,
        validate="""
        dev = cls.device_name

        if params.best_of is not None:
            raise ValueError(f"Not yet supporting best_of on {dev}")

    @classmethod
    def pre_register_and_update(cls, parser=None) -> None:
        super().pre_register_and_update(parser)
""",
    )
)

PLUGIN = '''\
# A look-alike for tests.
import torch
from vllm.platforms.interface import Platform, PlatformEnum


def _register_model_if_missing(ModelRegistry, model_arch, model_path) -> None:
    if model_arch not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(model_arch, model_path)


def register_tt_models(register_test_models=False) -> None:
    from vllm.model_executor.models.registry import ModelRegistry

    # Llamas
    _register_model_if_missing(
        ModelRegistry,
        "TTLlamaForCausalLM",
        "vllm.model_executor.models.llama:LlamaForCausalLM",
    )

    # Models for tests only
    if register_test_models:
        raise NotImplementedError


class TTPlatform(Platform):
    _enum = PlatformEnum.OOT
    device_name: str = "tt"
    device_type: str = "tt"
    device_control_env_var: str = "TT_VISIBLE_DEVICES"
    simple_compile_backend: str = "eager"

    @classmethod
    def import_kernels(cls) -> None:
        pass

    @classmethod
    def inference_mode(cls):
        return torch.no_grad()

    @classmethod
    def uses_host_device_handling(cls) -> bool:
        return True

    @classmethod
    def is_pin_memory_available(cls) -> bool:
        return False

    @classmethod
    def check_and_update_config(cls, vllm_config) -> None:
        model_config = vllm_config.model_config
        register_tt_models()

        parallel_config = vllm_config.parallel_config
        if parallel_config.worker_cls == "auto":
            parallel_config.worker_cls = "vllm_tt_plugin.worker.TTWorker"

        archs = model_config.hf_config.architectures
        archs[:] = [a if a.startswith("TT") else "TT" + a for a in archs]

        from vllm.model_executor.models.registry import ModelRegistry

        if not set(archs) & set(ModelRegistry.get_supported_archs()):
            raise ValueError(f"No TT model architecture is registered for {archs}")

        vllm_config.scheduler_config.scheduler_cls = "vllm_tt_plugin.scheduler.TTScheduler"

    @classmethod
    def validate_request(cls, processed_inputs, params) -> None:
        """Raises if this request is unsupported"""
        from vllm.sampling_params import SamplingParams

        if isinstance(params, SamplingParams) and params.prompt_logprobs is not None:
            raise ValueError("no prompt_logprobs here")
'''

CONFIGURING = "def check_and_update_config(cls, vllm_config) -> None:\n"
REFUSING = 'raise ValueError("no prompt_logprobs here")\n'

WRAPPED = change(
    PLUGIN,
    (
        CONFIGURING,
        f"""{CONFIGURING}        cls._apply_check_and_update_config(vllm_config, None)

    @classmethod
    def _apply_check_and_update_config(cls, vllm_config, previous) -> None:
""",
    ),
    (
        REFUSING,
        f"""{REFUSING}
        if not isinstance(params, SamplingParams):
            return

        if params.min_tokens < 0:
            raise ValueError("no negative min_tokens here")
""",
    ),
)

ENTRYPOINTS = """\
def platform_plugin():
    return "vllm_tt_plugin.platform.TTPlatform"


def register():
    from vllm_tt_plugin.platform import register_tt_models

    register_tt_models()
"""

# Path in its repository, and text.
FORMS = {
    "listed": ("vllm/platforms/tt.py", LISTED),
    "checked": ("vllm/platforms/tt.py", CHECKED),
    "direct": ("vllm/platforms/tt.py", DIRECT),
    "plugin": ("src/vllm_tt_plugin/platform.py", PLUGIN),
    "wrapped": ("src/vllm_tt_plugin/platform.py", WRAPPED),
}


def write(root: Path, form: str, text: str | None = None) -> Path:
    """The file of a form in a repository at `root`, with its own text or another."""
    name, original = FORMS[form]
    file = root / name
    file.parent.mkdir(parents=True)
    file.write_bytes((original if text is None else text).encode())
    return file
