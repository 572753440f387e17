"""Writes hostile/ and its part of corpus.json. Nothing is pickled, loaded or run: see make/assemble.py."""

from make import archives, compressed, direct, graphs, headers, injected, keras, later, others, second_stage, tricks
from make.listing import write

PARTS = (direct, tricks, second_stage, archives, compressed, keras, graphs, headers, others, injected)


def items(*parts):
    return [({"what": what, "after": after}, {file: content}) for part in parts for file, content, what, after in part.items()]


if __name__ == "__main__":
    write("hostile", items(*PARTS))
    write("held-out/hostile", items(later), "held-out.json")
