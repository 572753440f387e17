"""Models of libraries that fewer people use, and more of those that many do, made once the scanner read all the rest."""

import io
import pickle
import tempfile
from importlib.metadata import version
from pathlib import Path

import category_encoders
import gensim
import hmmlearn.hmm
import imblearn.over_sampling
import imblearn.pipeline
import joblib
import networkx
import numpy as np
import pandas as pd
import statsmodels.api
from nltk.classify import NaiveBayesClassifier
from nltk.stem import PorterStemmer
from nltk.tokenize import RegexpTokenizer
from scipy import interpolate, optimize, signal, stats
from sklearn import (
    cluster,
    covariance,
    cross_decomposition,
    decomposition,
    ensemble,
    feature_selection,
    gaussian_process,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    metrics,
    model_selection,
    multioutput,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    random_projection,
    semi_supervised,
    svm,
    tree,
)

random = np.random.default_rng(11)
ROWS = random.normal(size=(24, 3))
CLASSES = np.array([0, 1] * 12)
NUMBERS = ROWS @ np.array([1.0, 2.0, 3.0])


def estimators():
    yield "ada", ensemble.AdaBoostClassifier(n_estimators=2, random_state=1).fit(ROWS, CLASSES)
    yield "bagging", ensemble.BaggingRegressor(n_estimators=2, random_state=np.random.RandomState(1)).fit(ROWS, NUMBERS)
    yield "poisson", ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=2, max_depth=2, early_stopping=True, random_state=1).fit(ROWS, abs(NUMBERS))
    yield "quantile", ensemble.GradientBoostingRegressor(loss="quantile", n_estimators=2, max_depth=2).fit(ROWS, NUMBERS)
    yield "huber", linear_model.HuberRegressor().fit(ROWS, NUMBERS)
    yield "ransac", linear_model.RANSACRegressor(random_state=1).fit(ROWS, NUMBERS)
    yield "tweedie", linear_model.TweedieRegressor(power=1).fit(ROWS, abs(NUMBERS))
    yield "elastic", linear_model.ElasticNet().fit(ROWS, NUMBERS)
    yield "logistic-cv", linear_model.LogisticRegressionCV(cv=2, Cs=2, scoring="accuracy").fit(ROWS, CLASSES)
    yield "agglomerative", cluster.AgglomerativeClustering(2).fit(ROWS)
    yield "spectral", cluster.SpectralClustering(2, random_state=1).fit(ROWS)
    yield "hdbscan", cluster.HDBSCAN(min_cluster_size=3, copy=True).fit(ROWS)
    yield "mini-k-means", cluster.MiniBatchKMeans(2, n_init=1, random_state=1).fit(ROWS)
    yield "nmf", decomposition.NMF(2, max_iter=50, random_state=1).fit(abs(ROWS))
    yield "ica", decomposition.FastICA(2, random_state=1).fit(ROWS)
    yield "kernel-pca", decomposition.KernelPCA(2, kernel="rbf").fit(ROWS)
    yield "covariance", covariance.EllipticEnvelope(random_state=1).fit(ROWS)
    yield "pls", cross_decomposition.PLSRegression(2).fit(ROWS, NUMBERS)
    yield "process", gaussian_process.GaussianProcessClassifier(optimizer=None).fit(ROWS, CLASSES)
    yield "nystroem", kernel_approximation.Nystroem(n_components=3, random_state=1).fit(ROWS)
    yield "kernel-ridge", kernel_ridge.KernelRidge(kernel="rbf").fit(ROWS, NUMBERS)
    yield "outputs", multioutput.MultiOutputRegressor(linear_model.Ridge()).fit(ROWS, ROWS)
    yield "chain", multioutput.ClassifierChain(naive_bayes.BernoulliNB()).fit(ROWS, np.c_[CLASSES, CLASSES])
    yield "density", neighbors.KernelDensity().fit(ROWS)
    yield "centroid", neighbors.NearestCentroid().fit(ROWS, CLASSES)
    yield "components", neighbors.NeighborhoodComponentsAnalysis(2, max_iter=2, random_state=1).fit(ROWS, CLASSES)
    yield "power", preprocessing.PowerTransformer().fit(ROWS)
    yield "polynomial", preprocessing.PolynomialFeatures().fit(ROWS)
    yield "target-encoder", preprocessing.TargetEncoder(cv=2, random_state=1).fit(np.array([["a"], ["b"]] * 12, dtype=object), CLASSES)
    yield "ordinal", preprocessing.OrdinalEncoder().fit(pd.DataFrame({"c": ["x", "y"]}))
    yield "binarizer", preprocessing.MultiLabelBinarizer().fit([("a", "b"), ("c",)])
    yield "projection", random_projection.SparseRandomProjection(2, random_state=1).fit(ROWS)
    yield "recursive", feature_selection.RFECV(linear_model.Ridge(), cv=2).fit(ROWS, NUMBERS)
    yield "mutual", feature_selection.SelectPercentile(feature_selection.mutual_info_classif).fit(ROWS, CLASSES)
    yield "self-training", semi_supervised.SelfTrainingClassifier(linear_model.LogisticRegression()).fit(ROWS, np.where(np.arange(24) < 4, -1, CLASSES))
    yield "nu", svm.NuSVR(kernel="poly").fit(ROWS, NUMBERS)
    yield "extra-tree", tree.ExtraTreeClassifier(max_depth=2, random_state=1).fit(ROWS, CLASSES)
    scored = model_selection.GridSearchCV(svm.SVC(), {"C": stats.loguniform(0.1, 1).rvs(2, random_state=1)}, scoring=metrics.make_scorer(metrics.f1_score), cv=model_selection.StratifiedKFold(2))
    yield "scored", scored.fit(ROWS, CLASSES)
    distributed = model_selection.RandomizedSearchCV(linear_model.Ridge(), {"alpha": stats.uniform(0, 1)}, n_iter=1, cv=2, random_state=1)
    yield "distributed", distributed.fit(ROWS, NUMBERS)
    framed = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    yield "framed", pipeline.make_pipeline(preprocessing.StandardScaler().set_output(transform="pandas"), ensemble.RandomForestRegressor(2, max_depth=2)).fit(framed, NUMBERS)


def others():
    sampled = imblearn.pipeline.make_pipeline(imblearn.over_sampling.SMOTE(k_neighbors=2, random_state=1), linear_model.LogisticRegression())
    yield "imbalanced-learn", "a pipeline that samples", sampled.fit(ROWS, np.array([0] * 16 + [1] * 8))
    yield "statsmodels", "a linear model's parameters", statsmodels.api.OLS(NUMBERS, ROWS).fit().params
    yield "statsmodels", "a linear model", statsmodels.api.OLS(NUMBERS, ROWS)
    yield "hmmlearn", "a hidden Markov model", hmmlearn.hmm.GaussianHMM(2, n_iter=2, random_state=1).fit(ROWS)
    yield "networkx", "a graph", networkx.path_graph(4)
    yield "nltk", "a classifier", NaiveBayesClassifier.train([({"a": True}, "x"), ({"b": True}, "y")])
    yield "nltk", "a stemmer", PorterStemmer()
    yield "nltk", "a tokenizer", RegexpTokenizer(r"\w+")
    yield "category_encoders", "an encoder", category_encoders.TargetEncoder().fit(pd.DataFrame({"a": ["x", "y"] * 4}), pd.Series([0, 1] * 4))
    yield "gensim", "a dictionary", gensim.corpora.Dictionary([["a", "b"]])
    yield "gensim", "vectors of words", gensim.models.Word2Vec([["a", "b", "c"]] * 4, vector_size=4, min_count=1, workers=1, seed=1).wv


def functions():
    said = {"library": f"scipy {version('scipy')}"}
    yield {**said, "what": "a result of an optimisation"}, {"scipy-optimum.pkl": pickle.dumps(optimize.minimize(np.sum, [1.0, 2.0], method="Nelder-Mead", options={"maxiter": 3}))}
    yield {**said, "what": "splines"}, {"scipy-splines.pkl": pickle.dumps([interpolate.BSpline([0, 1, 2, 3], [1, 2], 1), interpolate.PchipInterpolator([0, 1, 2], [0, 1, 4])])}
    yield {**said, "what": "a filter"}, {"scipy-filter.pkl": pickle.dumps(signal.butter(2, 0.3, output="sos"))}
    yield {**said, "what": "a density"}, {"scipy-density.pkl": pickle.dumps(stats.gaussian_kde(ROWS[:, 0]))}


def items():
    sklearn = f"scikit-learn {version('scikit-learn')}"
    for kind, estimator in estimators():
        yield {"what": f"{type(estimator).__name__}, pickled", "library": sklearn}, {f"sklearn-{kind}.pkl": pickle.dumps(estimator)}
    for number, (library, what, value) in enumerate(others()):
        yield {"what": f"{what}, pickled", "library": f"{library} {version(library)}"}, {f"{library.replace('_', '-')}-{number}.pkl": pickle.dumps(value)}
    out = io.BytesIO()
    joblib.dump({"model": linear_model.Ridge().fit(ROWS, NUMBERS), "columns": pd.Index(["a"]), "classes": np.array(["x", "y"], dtype=object)}, out, compress=("zlib", 3))
    yield {"what": "a dict of a model and what belongs to it, joblib", "library": f"joblib {joblib.__version__}, {sklearn}"}, {"joblib-dict.joblib": out.getvalue()}
    yield from functions()
    with tempfile.TemporaryDirectory() as folder:
        gensim.models.Word2Vec([["a", "b", "c"]] * 4, vector_size=4, min_count=1, workers=1, seed=1).save(str(Path(folder) / "w"))
        yield {"what": "vectors of words, saved", "library": f"gensim {gensim.__version__}"}, {"gensim.model": (Path(folder) / "w").read_bytes()}
