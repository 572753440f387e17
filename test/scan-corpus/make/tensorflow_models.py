"""Keras models without Lambda, in both formats, and a SavedModel."""

import tempfile
from pathlib import Path

import keras
import tensorflow as tf

LIBRARY = f"keras {keras.__version__}, tensorflow {tf.__version__}"


def folder_of(write):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(Path(folder).rglob("*")) if file.is_file()}


def sequential():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dropout(0.1), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def functional():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    return keras.Model([a, b], keras.layers.Dense(1, activation="sigmoid")(keras.layers.LayerNormalization()(joined)))


def convolution():
    return keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()])


def recurrent():
    return keras.Sequential([keras.Input((4,)), keras.layers.Embedding(5, 2), keras.layers.Bidirectional(keras.layers.LSTM(2)), keras.layers.Dense(1)])


def vocabulary():
    lookup = keras.layers.StringLookup(vocabulary=["eval", "exec", "os"])
    return keras.Sequential([keras.Input((1,), dtype="string"), lookup])


class Module(tf.Module):
    def __init__(self):
        self.w = tf.Variable([1.0, 2.0], name="w")

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def __call__(self, x):
        return x * self.w


def items():
    said = {"library": LIBRARY}
    for kind, make in (("sequential", sequential), ("functional", functional), ("convolution", convolution), ("recurrent", recurrent), ("vocabulary", vocabulary)):
        keras.utils.set_random_seed(2)
        yield {**said, "what": f"a {kind} model"}, {f"{kind}.keras": folder_of(lambda folder: make().save(folder / "m.keras"))["m.keras"]}
    for kind, make in (("sequential", sequential), ("functional", functional)):
        yield {**said, "what": f"a {kind} model, HDF5"}, {f"{kind}.h5": folder_of(lambda folder: make().save(folder / "m.h5"))["m.h5"]}
    yield {**said, "what": "weights only"}, {"only.weights.h5": folder_of(lambda folder: sequential().save_weights(folder / "m.weights.h5"))["m.weights.h5"]}
    module = folder_of(lambda folder: tf.saved_model.save(Module(), str(folder)))
    yield {**said, "what": "a SavedModel"}, {f"saved-model/{file}": data for file, data in module.items()}
