"""Writes one part of the harmless files and of their listing, with real libraries: make_harmless.py general|wider|older|torch-1|torch-2|tensorflow.

The parts need interpreters of their own, for not all of the libraries go together; see README.md.
"""

import importlib
import sys

from make.listing import write

PARTS = {
    "general": ["plain", "estimators", "tables", "models"],
    "wider": ["wider"],
    "older": ["older"],
    "torch-1": ["torch_models"],
    "torch-2": ["torch_models"],
    "tensorflow": ["tensorflow_models"],
}

if __name__ == "__main__":
    modules = [importlib.import_module(f"make.{module}") for module in PARTS[sys.argv[1]]]
    items = [item for module in modules for item in module.items()]
    if sys.argv[1] == "wider":
        write("held-out/harmless", items, "held-out.json")
    else:
        write(f"harmless/{sys.argv[1]}", items)
