"""Pickles put together opcode by opcode: nothing is pickled, so nothing is imported or called."""

import struct

STOP = b"."
REDUCE = b"R"
BUILD = b"b"
MARK = b"("
POP = b"0"
NONE = b"N"
EMPTY_TUPLE = b")"
EMPTY_DICT = b"}"
EMPTY_LIST = b"]"
STACK_GLOBAL = b"\x93"
MEMOIZE = b"\x94"
NEWOBJ = b"\x81"
NEWOBJ_EX = b"\x92"
BINPERSID = b"Q"


def proto(number):
    return b"\x80" + bytes([number])


def frame(body, length=None):
    return b"\x95" + struct.pack("<Q", len(body) if length is None else length) + body


def name(module, attribute):
    """A global as the old opcode names it: two lines."""
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def text(value):
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data if len(data) < 256 else long_text(value)


def long_text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def stack_name(module, attribute):
    return text(module) + text(attribute) + STACK_GLOBAL


def data(value):
    return b"C" + bytes([len(value)]) + value if len(value) < 256 else b"B" + struct.pack("<I", len(value)) + value


def integer(value):
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def get(number):
    return b"h" + bytes([number])


def put(number):
    return b"q" + bytes([number])


def many(*values):
    """A tuple of any length."""
    return MARK + b"".join(values) + b"t"


def row(*values):
    return EMPTY_LIST + MARK + b"".join(values) + b"e"


def table(*pairs):
    return EMPTY_DICT + MARK + b"".join(key + value for key, value in pairs) + b"u"


def encode(value):
    """Plain data as opcodes; bytes that are opcodes already go in as Opcodes."""
    if isinstance(value, Opcodes):
        return value.code
    if value is None:
        return NONE
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return data(value)
    if isinstance(value, tuple):
        return many(*map(encode, value))
    if isinstance(value, list):
        return row(*map(encode, value))
    return table(*((encode(key), encode(item)) for key, item in value.items()))


class Opcodes:
    def __init__(self, code):
        self.code = code


def call(what, *arguments):
    """What calls the global whose opcodes are given."""
    return what + many(*map(encode, arguments)) + REDUCE


def called(module, attribute, *arguments, number=4):
    """A whole pickle that calls one global."""
    named = stack_name if number >= 4 else name
    return proto(number) + call(named(module, attribute), *arguments) + STOP


HARMLESS_COMMAND = "true"
HARMLESS_CODE = "import os; os.system('true')"
HARMLESS_EXPRESSION = "__import__('os').system('true')"

SYSTEM = called("os", "system", HARMLESS_COMMAND)
