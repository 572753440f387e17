"""Pickles of plain data and of the standard library, by each protocol."""

import argparse
import collections
import datetime
import decimal
import fractions
import pathlib
import pickle
import platform
import random
import re
import types
import uuid
import zoneinfo

LIBRARY = f"python {platform.python_version()}"
DATA = {
    "name": "sentiment",
    "labels": ["bad", "good"],
    "weights": [0.25, -1.5, 3e100, float("inf")],
    "counts": (1, 2**40, -(2**70), True, False, None),
    "raw": bytes(range(256)),
    "text": "größer 漢字 \n",
    "nested": {"set": {1, 2}, "frozen": frozenset({3}), "complex": 1 + 2j, "array": bytearray(b"abc")},
}


def things():
    utc = datetime.timezone.utc
    return {
        "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(list, {"x": [1]}),
        "counter": collections.Counter("hello"),
        "deque": collections.deque([1, 2], maxlen=4),
        "when": datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=utc),
        "where": datetime.datetime(2025, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        "day": datetime.date(2025, 1, 2),
        "span": datetime.timedelta(hours=3),
        "amount": decimal.Decimal("3.14"),
        "part": fractions.Fraction(1, 3),
        "id": uuid.UUID(int=7),
        "path": pathlib.PurePosixPath("models/a"),
        "pattern": re.compile("a+b"),
        "range": range(3, 9, 2),
        "slice": slice(1, None, 2),
        "dots": Ellipsis,
    }


def items():
    for number in range(pickle.HIGHEST_PROTOCOL + 1):
        yield {"what": f"plain data, protocol {number}", "library": LIBRARY}, {f"plain-{number}.pkl": pickle.dumps(DATA, number)}
    for number in (2, 5):
        yield {"what": f"objects of the standard library, protocol {number}", "library": LIBRARY}, {f"standard-{number}.pkl": pickle.dumps(things(), number)}
    settings = argparse.Namespace(rate=0.1, epochs=3, name="a", seed=None)
    yield {"what": "the arguments of a training, as argparse holds them", "library": LIBRARY}, {"arguments.pkl": pickle.dumps({"args": settings}, 2)}
    yield {"what": "a simple namespace", "library": LIBRARY}, {"namespace.pkl": pickle.dumps(types.SimpleNamespace(a=1, b=[2]))}
    yield {"what": "a state of the random numbers", "library": LIBRARY}, {"random-state.pkl": pickle.dumps({"state": random.Random(1).getstate()[:1]})}
    looks = {"text": "import os; os.system('rm -rf /')", "words": ["eval", "exec", "__reduce__", "posix", "system", "builtins"], "names": {"os": 1, "system": 2, "subprocess.Popen": 3}}
    yield {"what": "a vocabulary whose words are names of dangerous things", "library": LIBRARY}, {"words.pkl": pickle.dumps(looks)}
    inner = pickle.dumps({"a": 1})
    yield {"what": "bytes that are a harmless pickle", "library": LIBRARY}, {"inner-bytes.pkl": pickle.dumps({"cached": inner})}
    yield {"what": "two harmless pickles, one behind the other", "library": LIBRARY}, {"two.pkl": pickle.dumps([1, 2]) + pickle.dumps({"b": 2})}
    cyclic = [1]
    cyclic.append(cyclic)
    yield {"what": "a list that holds itself", "library": LIBRARY}, {"cycle.pkl": pickle.dumps(cyclic)}
    deep = []
    for _ in range(200):
        deep = [deep]
    yield {"what": "lists two hundred deep", "library": LIBRARY}, {"deep.pkl": pickle.dumps(deep)}
    yield {"what": "an empty dict under another extension", "library": LIBRARY}, {"state.dat": pickle.dumps({})}
