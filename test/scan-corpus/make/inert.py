"""Reads a pickle without importing or calling anything: each global is a mere record, and a call of one is noted."""

import pickle


class Record:
    def __init__(self, label):
        object.__setattr__(self, "label", label)

    def __repr__(self):
        return self.label

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other

    def __setitem__(self, key, value):
        pass

    def append(self, value):
        pass

    def extend(self, values):
        pass

    def add(self, value):
        pass


class Inert(pickle._Unpickler):
    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file):
        super().__init__(file, encoding="latin-1")
        self.notes = []

    def find_class(self, module, name):
        self.notes.append(f"{module}.{name}")
        return Record(f"{module}.{name}")

    def persistent_load(self, value):
        return Record("persistent")

    def note(self, how, what):
        self.notes.append(f"{how}({what!r})")
        return Record(f"{what!r}()")

    def load_stack_global(self):
        name, module = self.stack.pop(), self.stack.pop()
        if isinstance(name, int) or isinstance(module, int):
            raise pickle.UnpicklingError("STACK_GLOBAL requires str")
        self.append(self.find_class(module, name))

    def load_reduce(self):
        self.stack.pop()
        self.stack[-1] = self.note("call", self.stack[-1])

    def load_build(self):
        self.stack.pop()
        self.note("build", self.stack[-1])

    def load_newobj(self):
        self.stack.pop()
        self.stack[-1] = self.note("new", self.stack[-1])

    def load_newobj_ex(self):
        self.stack.pop()
        self.load_newobj()

    def _instantiate(self, what, arguments):
        self.append(self.note("call", what))

    def get_extension(self, code):
        self.append(Record(f"extension {code}"))

    dispatch[pickle.STACK_GLOBAL[0]] = load_stack_global
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex


def trace(file):
    """What a pickle would name and call, up to its end or to where it breaks."""
    reader = Inert(file)
    try:
        reader.load()
    except Exception as error:  # A broken pickle is one of the subjects.
        reader.notes.append(f"! {type(error).__name__}: {error}")
    return reader.notes
