"""Estimators of scikit-learn and others, by pickle and joblib."""

import io
import pickle

import joblib
import lightgbm
import numpy as np
import sklearn
import skops
import skops.io
import xgboost
from sklearn import (
    calibration,
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    linear_model,
    manifold,
    mixture,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

LIBRARY = f"scikit-learn {sklearn.__version__}"
random = np.random.default_rng(7)
ROWS = random.normal(size=(24, 3))
CLASSES = np.array([0, 1] * 12)
NUMBERS = ROWS @ np.array([1.0, -2.0, 0.5])
TEXTS = ["good model", "bad model", "a good day", "a bad day"]


def estimators():
    yield "logistic", linear_model.LogisticRegression().fit(ROWS, CLASSES)
    yield "ridge", linear_model.RidgeCV().fit(ROWS, NUMBERS)
    yield "sgd", linear_model.SGDClassifier(random_state=1).fit(ROWS, CLASSES)
    yield "lasso", linear_model.Lasso().fit(ROWS, NUMBERS)
    yield "forest", ensemble.RandomForestClassifier(3, max_depth=2, random_state=np.random.RandomState(1)).fit(ROWS, CLASSES)
    yield "extra-trees", ensemble.ExtraTreesRegressor(2, max_depth=2, random_state=1).fit(ROWS, NUMBERS)
    yield "boosting", ensemble.GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=1).fit(ROWS, CLASSES)
    yield "hist-boosting", ensemble.HistGradientBoostingClassifier(max_iter=2, max_depth=2, random_state=1).fit(ROWS, CLASSES)
    yield "isolation", ensemble.IsolationForest(n_estimators=2, random_state=1).fit(ROWS)
    yield "voting", ensemble.VotingClassifier([("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier(max_depth=2))]).fit(ROWS, CLASSES)
    yield "stacking", ensemble.StackingRegressor([("a", linear_model.Ridge())], cv=2).fit(ROWS, NUMBERS)
    yield "tree", tree.DecisionTreeRegressor(max_depth=3).fit(ROWS, NUMBERS)
    yield "svc", svm.SVC(probability=False).fit(ROWS, CLASSES)
    yield "linear-svc", svm.LinearSVC().fit(ROWS, CLASSES)
    yield "one-class", svm.OneClassSVM().fit(ROWS)
    yield "neighbors-kd", neighbors.KNeighborsClassifier(3, algorithm="kd_tree").fit(ROWS, CLASSES)
    yield "neighbors-ball", neighbors.KNeighborsRegressor(3, algorithm="ball_tree").fit(ROWS, NUMBERS)
    yield "local-outlier", neighbors.LocalOutlierFactor(3, novelty=True).fit(ROWS)
    yield "gaussian-process", gaussian_process.GaussianProcessRegressor(gaussian_process.kernels.RBF() + gaussian_process.kernels.WhiteKernel(), optimizer=None).fit(ROWS, NUMBERS)
    yield "perceptron", neural_network.MLPClassifier((4,), max_iter=5, random_state=1).fit(ROWS, CLASSES)
    yield "perceptron-adam", neural_network.MLPRegressor(hidden_layer_sizes=(3,), solver="adam", early_stopping=True, max_iter=5, random_state=np.random.RandomState(2)).fit(ROWS, NUMBERS)
    yield "bayes", naive_bayes.MultinomialNB().fit(abs(ROWS), CLASSES)
    yield "k-means", cluster.KMeans(2, n_init=1, random_state=1).fit(ROWS)
    yield "dbscan", cluster.DBSCAN().fit(ROWS)
    yield "birch", cluster.Birch(n_clusters=2).fit(ROWS)
    yield "pca", decomposition.PCA(2, random_state=1).fit(ROWS)
    yield "lda", decomposition.LatentDirichletAllocation(2, max_iter=1, random_state=np.random.RandomState(3)).fit(abs(ROWS))
    yield "discriminant", discriminant_analysis.LinearDiscriminantAnalysis().fit(ROWS, CLASSES)
    yield "mixture", mixture.GaussianMixture(2, random_state=1).fit(ROWS)
    yield "isotonic", isotonic.IsotonicRegression().fit(ROWS[:, 0], NUMBERS)
    yield "dummy", dummy.DummyClassifier().fit(ROWS, CLASSES)
    yield "calibrated", calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2).fit(ROWS, CLASSES)
    yield "one-vs-rest", multiclass.OneVsRestClassifier(linear_model.LogisticRegression()).fit(ROWS, CLASSES)
    yield "grid-search", model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(ROWS, NUMBERS)
    yield "random-search", model_selection.RandomizedSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1.0]}, n_iter=1, cv=model_selection.KFold(2), random_state=1).fit(ROWS, NUMBERS)
    yield "select", feature_selection.SelectKBest(feature_selection.f_classif, k=2).fit(ROWS, CLASSES)
    yield "isomap", manifold.Isomap(n_neighbors=3).fit(ROWS)


def transformers():
    yield "count", feature_extraction.text.CountVectorizer().fit(TEXTS)
    yield "tfidf", feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2)).fit(TEXTS)
    yield "hashing", feature_extraction.text.HashingVectorizer(n_features=16).fit(TEXTS)
    yield "dicts", feature_extraction.DictVectorizer().fit([{"a": 1.0}, {"b": 2.0}])
    yield "scaler", preprocessing.StandardScaler().fit(ROWS)
    yield "quantile", preprocessing.QuantileTransformer(n_quantiles=5).fit(ROWS)
    yield "one-hot", preprocessing.OneHotEncoder(handle_unknown="ignore").fit(np.array([["a"], ["b"]], dtype=object))
    yield "labels", preprocessing.LabelEncoder().fit(["x", "y", "z"])
    yield "splines", preprocessing.SplineTransformer(n_knots=3).fit(ROWS)
    yield "logarithm", preprocessing.FunctionTransformer(np.log1p, np.expm1).fit(abs(ROWS))
    yield "impute", impute.KNNImputer().fit(ROWS)
    steps = compose.ColumnTransformer([("a", preprocessing.MinMaxScaler(), [0]), ("b", preprocessing.KBinsDiscretizer(2, encode="ordinal", quantile_method="averaged_inverted_cdf"), [1, 2])])
    yield "pipeline", pipeline.make_pipeline(steps, decomposition.PCA(2), linear_model.LogisticRegression()).fit(ROWS, CLASSES)
    yield "text-pipeline", pipeline.Pipeline([("words", feature_extraction.text.TfidfVectorizer()), ("model", linear_model.SGDClassifier(random_state=1))]).fit(TEXTS, [1, 0, 1, 0])
    yield "union", pipeline.make_union(preprocessing.StandardScaler(), decomposition.TruncatedSVD(2, random_state=1)).fit(ROWS)
    yield "target", compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1).fit(ROWS, abs(NUMBERS))


def joblib_bytes(value, compress=0):
    out = io.BytesIO()
    joblib.dump(value, out, compress=compress)
    return out.getvalue()


def boosters():
    trees = xgboost.train({"max_depth": 2, "seed": 1, "nthread": 1}, xgboost.DMatrix(ROWS, CLASSES), 2)
    said = {"library": f"xgboost {xgboost.__version__}"}
    yield {**said, "what": "a booster in its own format"}, {"xgboost.ubj": bytes(trees.save_raw("ubj"))}
    yield {**said, "what": "a booster as JSON"}, {"xgboost.json": bytes(trees.save_raw("json"))}
    yield {**said, "what": "a booster, pickled"}, {"xgboost.pkl": pickle.dumps(trees)}
    yield {**said, "what": "a classifier, pickled"}, {"xgboost-classifier.pkl": pickle.dumps(xgboost.XGBClassifier(n_estimators=2, max_depth=2, random_state=1, n_jobs=1).fit(ROWS, CLASSES))}
    said = {"library": f"lightgbm {lightgbm.__version__}"}
    model = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=3, min_child_samples=2, random_state=1, n_jobs=1, verbose=-1).fit(ROWS, CLASSES)
    yield {**said, "what": "a booster as text"}, {"lightgbm.txt": model.booster_.model_to_string().encode()}
    yield {**said, "what": "a classifier, by joblib"}, {"lightgbm.joblib": joblib_bytes(model)}


def items():
    for kind, estimator in (*estimators(), *transformers()):
        said = {"what": f"{type(estimator).__name__}, pickled", "library": LIBRARY}
        yield said, {f"sklearn-{kind}.pkl": pickle.dumps(estimator)}
    said = {"library": f"joblib {joblib.__version__}, {LIBRARY}"}
    forest = ensemble.RandomForestRegressor(2, max_depth=2, random_state=1).fit(ROWS, NUMBERS)
    for kind, compress in (("plain", 0), ("zlib", ("zlib", 3)), ("zlib-9", ("zlib", 9)), ("gzip", ("gzip", 3)), ("bz2", ("bz2", 3)), ("xz", ("xz", 3)), ("lzma", ("lzma", 3)), ("lz4", ("lz4", 3))):
        yield {**said, "what": f"a forest, joblib: {kind}"}, {f"joblib-{kind}.joblib": joblib_bytes(forest, compress)}
    steps = pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC()).fit(ROWS, CLASSES)
    yield {**said, "what": "a pipeline, joblib"}, {"joblib-pipeline.joblib": joblib_bytes(steps)}
    arrays = {"a": np.arange(12.0).reshape(3, 4), "b": np.array(["x", None, 3], dtype=object), "c": np.frombuffer(b"." * 64, "u1")}
    yield {**said, "what": "arrays of numbers and of objects, joblib"}, {"joblib-arrays.joblib": joblib_bytes(arrays)}
    yield {**said, "what": "arrays, joblib, zlib"}, {"joblib-arrays.z": joblib_bytes(arrays, 3)}
    yield {"what": "a logistic regression", "library": f"skops {skops.__version__}, {LIBRARY}"}, {"skops.skops": skops.io.dumps(linear_model.LogisticRegression().fit(ROWS, CLASSES))}
    yield from boosters()
