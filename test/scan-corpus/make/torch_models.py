"""What torch.save and TorchScript write, in both formats; written for torch 1.13 and for torch 2."""

import argparse
import collections
import io
import pickle

import numpy as np
import torch
from torch import nn

LIBRARY = f"torch {torch.__version__}"


def saved(value, **more):
    out = io.BytesIO()
    torch.save(value, out, **more)
    return out.getvalue()


def scripted(module):
    out = io.BytesIO()
    torch.jit.save(torch.jit.script(module), out)
    return out.getvalue()


def network():
    torch.manual_seed(5)
    return nn.Sequential(collections.OrderedDict(first=nn.Linear(3, 4), norm=nn.BatchNorm1d(4), act=nn.ReLU(), last=nn.Linear(4, 2)))


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = x * 2
        return self.inner(x)


def values():
    model = network()
    yield "state", "the weights", model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    checkpoint = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict(), "args": argparse.Namespace(rate=0.1), "best": float("inf")}
    yield "checkpoint", "weights, optimizer, arguments", checkpoint
    yield "kinds", "tensors of many kinds", {str(kind): torch.ones(3).to(kind) for kind in (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64)}
    shared = torch.arange(6.0)
    yield "shared", "tensors that share their storage", [shared, shared[2:], shared.view(2, 3).t(), nn.Parameter(shared.clone())]
    yield "sparse", "a sparse tensor, a size, a device, a kind", {"sparse": torch.eye(3).to_sparse(), "size": torch.Size([2, 3]), "device": torch.device("cpu"), "dtype": torch.float16}
    yield "quantized", "a quantized tensor", torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)
    yield "module", "a whole network, not only its weights", model
    yield "numpy", "tensors beside arrays of numpy", {"t": torch.ones(2), "n": np.arange(3.0), "f": np.float64(0.5)}


def items():
    for kind, what, value in values():
        said = {"library": LIBRARY}
        yield {**said, "what": what}, {f"{kind}.pt": saved(value)}
        if kind != "sparse":
            yield {**said, "what": f"{what}, in the format before archives"}, {f"{kind}-legacy.pth": saved(value, _use_new_zipfile_serialization=False)}
    yield {"library": LIBRARY, "what": "weights under another extension"}, {"pytorch_model.bin": saved(network().state_dict())}
    yield {"library": LIBRARY, "what": "a tensor, pickled"}, {"tensor.pkl": pickle.dumps({"t": torch.ones(2, 2)})}
    yield {"library": LIBRARY, "what": "TorchScript"}, {"script.pt": scripted(Doubled())}
    traced = io.BytesIO()
    torch.jit.save(torch.jit.trace(network().eval(), torch.ones(1, 3)), traced)
    yield {"library": LIBRARY, "what": "TorchScript by tracing"}, {"traced.pt": traced.getvalue()}
