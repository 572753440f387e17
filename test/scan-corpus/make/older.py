"""What libraries wrote some years ago: other names of modules, other forms of the same things."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import scipy
import sklearn
import xgboost
from scipy import sparse
from sklearn import ensemble, feature_extraction, linear_model, model_selection, neighbors, pipeline, preprocessing, svm

random = np.random.RandomState(7)
ROWS = random.normal(size=(24, 3))
CLASSES = np.array([0, 1] * 12)


def estimators():
    yield "logistic", linear_model.LogisticRegression().fit(ROWS, CLASSES)
    yield "forest", ensemble.RandomForestClassifier(3, max_depth=2, random_state=random).fit(ROWS, CLASSES)
    yield "boosting", ensemble.GradientBoostingRegressor(n_estimators=2, max_depth=2, random_state=1).fit(ROWS, ROWS[:, 0])
    yield "hist-boosting", ensemble.HistGradientBoostingClassifier(max_iter=2, max_depth=2, random_state=1).fit(ROWS, CLASSES)
    yield "neighbors", neighbors.KNeighborsClassifier(3, algorithm="ball_tree").fit(ROWS, CLASSES)
    yield "svc", pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC(probability=True, random_state=1)).fit(ROWS, CLASSES)
    yield "words", pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), linear_model.SGDClassifier(random_state=1)).fit(["good", "bad"], [1, 0])
    yield "grid-search", model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(ROWS, ROWS[:, 0])


def items():
    said = {"library": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}"}
    for kind, estimator in estimators():
        for number in (2, 4):
            yield {**said, "what": f"{type(estimator).__name__}, pickled, protocol {number}"}, {f"sklearn-{kind}-{number}.pkl": pickle.dumps(estimator, number)}
        out = io.BytesIO()
        joblib.dump(estimator, out, compress=0)
        yield {"library": f"joblib {joblib.__version__}, {said['library']}", "what": f"{type(estimator).__name__}, joblib"}, {f"sklearn-{kind}.joblib": out.getvalue()}
    said = {"library": f"pandas {pd.__version__}"}
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2020-01-01", "2020-01-02"]), "d": pd.Categorical(["u", "v"])})
    for number in (2, 4):
        yield {**said, "what": f"a table, protocol {number}"}, {f"pandas-{number}.pkl": pickle.dumps(frame, number)}
    yield {**said, "what": "a series with time zones"}, {"pandas-series.pkl": pickle.dumps(pd.Series([1.0, 2.0], index=pd.date_range("2020-01-01", periods=2, tz="Europe/Berlin")))}
    said = {"library": f"numpy {np.__version__}"}
    for number in (0, 1, 2, 3, 4, 5):
        yield {**said, "what": f"arrays, protocol {number}"}, {f"numpy-{number}.pkl": pickle.dumps({"w": np.eye(2), "n": np.float32(1), "r": np.random.RandomState(1)}, number)}
    yield {"library": f"scipy {scipy.__version__}", "what": "a sparse matrix"}, {"scipy.pkl": pickle.dumps(sparse.csr_matrix(np.eye(3)))}
    trees = xgboost.XGBClassifier(n_estimators=2, max_depth=2, n_jobs=1).fit(ROWS, CLASSES)
    yield {"library": f"xgboost {xgboost.__version__}", "what": "a classifier, pickled"}, {"xgboost.pkl": pickle.dumps(trees)}
