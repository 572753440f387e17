"""Measures each model in a directory of MODELS on reviews.csv, and writes what `ballast run --metrics` attaches."""

import argparse
import csv
import json
import os

import joblib
from sklearn.metrics import accuracy_score, log_loss

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="/models")
    parser.add_argument("--data", default=os.path.join(HERE, "reviews.csv"))
    parser.add_argument("--out", default="/tmp/metrics.json")
    args = parser.parse_args()

    with open(args.data, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics = {}
    for name in sorted(os.listdir(args.models)):
        directory = os.path.join(args.models, name)
        metrics[directory] = measure(joblib.load(os.path.join(directory, "sentiment_model.pkl")), rows)
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(metrics, file)


def measure(model, rows):
    expected = [int(row["positive"]) for row in rows]
    scores = model.predict_proba([row["text"] for row in rows])[:, 1]
    return {
        "accuracy": round(float(accuracy_score(expected, scores >= 0.5)), 4),
        "log_loss": round(float(log_loss(expected, scores)), 4),
        "reviews": len(rows),
    }


if __name__ == "__main__":
    main()
