"""Arrays and tables: numpy, scipy, pandas."""

import io
import pickle

import numpy as np
import pandas as pd
import scipy
from scipy import interpolate, sparse, spatial, stats

random = np.random.default_rng(3)


def saved(writer, *arguments, **more):
    out = io.BytesIO()
    writer(out, *arguments, **more)
    return out.getvalue()


def arrays():
    said = {"library": f"numpy {np.__version__}"}
    objects = np.array([1, "two", None, (3.0, b"4"), {"five": [5]}], dtype=object)
    record = np.array([(1, 2.0, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U4")])
    yield {**said, "what": "numbers"}, {"numpy.npy": saved(np.save, random.normal(size=(4, 4)))}
    yield {**said, "what": "numbers in the order of Fortran"}, {"numpy-fortran.npy": saved(np.save, np.asfortranarray(np.eye(3)))}
    yield {**said, "what": "records"}, {"numpy-records.npy": saved(np.save, record)}
    yield {**said, "what": "plain objects"}, {"numpy-objects.npy": saved(np.save, objects, allow_pickle=True)}
    yield {**said, "what": "several arrays"}, {"numpy.npz": saved(np.savez, a=np.arange(3), b=np.eye(2))}
    yield {**said, "what": "several arrays, compressed, one of objects"}, {"numpy-compressed.npz": saved(np.savez_compressed, a=np.zeros(100), b=objects)}
    yield {**said, "what": "strings and dates"}, {"numpy-dates.npy": saved(np.save, np.array(["2025-01-01"], dtype="M8[D]"))}
    for number in (0, 2, 4, 5):
        value = {"w": random.normal(size=(2, 3)), "n": np.float32(1.5), "t": np.dtype("f8"), "i": np.int64(3), "b": np.bool_(True)}
        yield {**said, "what": f"arrays and numbers, pickled, protocol {number}"}, {f"numpy-{number}.pkl": pickle.dumps(value, number)}
    yield {**said, "what": "a masked array and a matrix"}, {"numpy-masked.pkl": pickle.dumps([np.ma.masked_array([1, 2], [0, 1]), np.asmatrix([[1.0]])])}
    generators = [np.random.RandomState(1), np.random.default_rng(1), np.random.Generator(np.random.Philox(1))]
    yield {**said, "what": "generators of random numbers"}, {"numpy-random.pkl": pickle.dumps(generators)}
    yield {**said, "what": "a function of numpy, by name"}, {"numpy-function.pkl": pickle.dumps({"activation": np.tanh, "kind": np.float32})}


def matrices():
    said = {"library": f"scipy {scipy.__version__}"}
    matrix = sparse.random(8, 8, 0.2, random_state=1)
    for kind in ("csr", "csc", "coo", "lil", "dok"):
        yield {**said, "what": f"a sparse matrix, {kind}"}, {f"scipy-{kind}.pkl": pickle.dumps(matrix.asformat(kind))}
    yield {**said, "what": "a sparse array"}, {"scipy-sparse.npz": saved(sparse.save_npz, sparse.csr_array(matrix))}
    yield {**said, "what": "an interpolation"}, {"scipy-interpolation.pkl": pickle.dumps(interpolate.CubicSpline([0, 1, 2], [0, 1, 4]))}
    yield {**said, "what": "a tree of points"}, {"scipy-tree.pkl": pickle.dumps(spatial.cKDTree(random.normal(size=(6, 2))))}
    yield {**said, "what": "a distribution"}, {"scipy-distribution.pkl": pickle.dumps(stats.norm(0, 1))}


def frames():
    said = {"library": f"pandas {pd.__version__}"}
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2025-01-01", "2025-01-02"]), "d": pd.Categorical(["u", "v"]), "e": [True, False]})
    yield {**said, "what": "a table"}, {"pandas.pkl": pickle.dumps(frame)}
    yield {**said, "what": "a table, protocol 2"}, {"pandas-2.pkl": pickle.dumps(frame, 2)}
    yield {**said, "what": "a series with time zones"}, {"pandas-series.pkl": pickle.dumps(pd.Series([1.0, 2.0], index=pd.date_range("2025-01-01", periods=2, tz="UTC")))}
    yield {**said, "what": "a table with several levels"}, {"pandas-levels.pkl": pickle.dumps(frame.set_index(["a", "b"]))}
    kinds = pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "p": pd.period_range("2025-01", periods=2, freq="M"), "s": pd.arrays.IntervalArray.from_breaks([0, 1, 2])})
    yield {**said, "what": "columns of special kinds"}, {"pandas-kinds.pkl": pickle.dumps(kinds)}
    out = io.BytesIO()
    frame.to_pickle(out, compression="gzip")
    yield {**said, "what": "a table, compressed"}, {"pandas.pkl.gz": out.getvalue()}


def items():
    for part in (arrays, matrices, frames):
        yield from part()
