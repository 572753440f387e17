"""ONNX and TensorFlow graphs."""

from .protobuf import field, varint

CERT = "https://github.com/onnx/onnx/security/advisories/"


def tensor(location, offset="0", length="16"):
    entries = [("location", location), ("offset", offset), ("length", length)]
    data = b"".join(field(13, field(1, key) + field(2, value)) for key, value in entries)
    return field(1, 4) + field(2, 1) + field(8, "w") + data + field(14, 1)


def value(label):
    shape = field(2, field(1, field(1, 4)))
    return field(1, label) + field(2, field(1, field(1, 1) + shape))


def graph(*initializers, nodes=()):
    add = field(1, "x") + field(1, "w") + field(2, "y") + field(4, "Add")
    parts = [field(1, node) for node in (add, *nodes)]
    return b"".join(parts) + field(2, "g") + b"".join(field(5, each) for each in initializers) + field(11, value("x")) + field(12, value("y"))


def onnx(content):
    return field(1, 8) + field(2, "corpus") + field(7, content) + field(8, field(1, "") + field(2, 17))


def constant_of(external):
    attribute = field(1, "value") + field(5, external) + field(20, 4)
    return field(2, "c") + field(4, "Constant") + field(5, attribute)


def branch_of(content):
    attribute = field(1, "then_branch") + field(6, content) + field(20, 5)
    return field(1, "x") + field(2, "b") + field(4, "If") + field(5, attribute)


def function_of(external):
    return field(1, "F") + field(4, "x") + field(5, "y") + field(7, constant_of(external)) + field(10, "corpus")


def node(label, operation, *inputs, **attributes):
    out = field(1, label) + field(2, operation) + b"".join(field(3, each) for each in inputs)
    for key, content in attributes.items():
        out += field(5, field(1, key) + field(2, content))
    return out


def text_tensor(content):
    return field(8, field(1, 7) + field(2, b"") + field(8, content))


def saved_model(*nodes, functions=b""):
    definition = b"".join(field(1, each) for each in nodes) + functions
    return field(1, 1) + field(2, field(1, field(4, "serve")) + field(2, definition))


def in_function(*nodes):
    signature = field(1, "__inference_call_1")
    return field(2, field(1, field(1, signature) + b"".join(field(3, each) for each in nodes)))


def items():
    yield "onnx-escapes.onnx", onnx(graph(tensor("../../../../etc/hostname"))), "weights outside of the model's folder", "CVE-2022-25882"
    yield "onnx-escapes-within.onnx", onnx(graph(tensor("weights/../../../etc/hostname"))), "weights outside, by a path that starts within", "CVE-2024-27318"
    yield "onnx-absolute.onnx", onnx(graph(tensor("/etc/hostname"))), "weights by an absolute path", "CVE-2022-25882"
    yield "onnx-windows.onnx", onnx(graph(tensor("..\\..\\secrets.bin"))), "weights outside on Windows", "CVE-2024-27318"
    yield "onnx-constant-escapes.onnx", onnx(graph(nodes=[constant_of(tensor("../../etc/hostname"))])), "weights outside, of a constant", "CVE-2024-27318"
    yield "onnx-branch-escapes.onnx", onnx(graph(nodes=[branch_of(graph(tensor("../../etc/hostname")))])), "weights outside, within a branch", "CVE-2024-27318"
    within = onnx(graph()) + field(25, function_of(tensor("../../etc/hostname")))
    yield "onnx-function-escapes.onnx", within, "weights outside, within a function", "CVE-2024-27318"
    yield "onnx-url.onnx", onnx(graph(tensor("file:///etc/hostname"))), "weights by a URL", "CVE-2024-27318"
    yield "onnx-length-absurd.onnx", field(1, 8) + varint(7 << 3 | 2) + varint(1 << 60) + b"cut", "a length that leads past the end", "https://protobuf.dev/programming-guides/encoding/"
    yield "onnx-offset-absurd.onnx", onnx(graph(tensor("weights.bin", str(1 << 63), "-16"))), "an offset and a length that no file has", "CVE-2022-25882"
    yield "onnx-deep.onnx", deep(), "branches within branches by the hundred", "CVE-2024-27319"
    name = node("name", "Const", value=text_tensor("/etc/hostname"))
    to = node("to", "Const", value=text_tensor("touched-by-scan-corpus"))
    yield "saved-model-read-file.pb", saved_model(name, node("read", "ReadFile", "name")), "a graph that reads a file", "https://github.com/protectai/modelscan/blob/main/docs/model_serialization_attacks.md"
    yield "saved-model-write-file.pb", saved_model(name, to, node("write", "WriteFile", "to", "name")), "a graph that writes a file", "https://github.com/protectai/modelscan/blob/main/docs/model_serialization_attacks.md"
    yield "saved-model-function.pb", saved_model(name, functions=in_function(name, to, node("write", "WriteFile", "to", "name"))), "a function of a graph writes a file", "https://github.com/protectai/modelscan/blob/main/docs/model_serialization_attacks.md"
    yield "saved-model-py-func.pb", saved_model(node("call", "PyFunc", token=field(2, "pyfunc_0"))), "a graph that calls Python", "https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md"


def deep():
    content = graph()
    for _ in range(400):
        content = field(2, "g") + field(1, branch_of(content))
    return onnx(content)
