"""Trains sentiment_model.pkl from reviews.csv. Equal arguments give an equal model."""

import argparse
import csv
import os

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.path.join(HERE, "reviews.csv"))
    parser.add_argument("--out", default=os.path.join(HERE, "models", "sentiment_model.pkl"))
    parser.add_argument(
        "--variant",
        type=int,
        choices=[1, 2],
        default=1,
        help="1 looks at words; 2 at pairs of words as well, so that it knows what 'not bad' means",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    with open(args.data, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, args.variant), token_pattern=r"(?u)\b\w+\b"),
        LogisticRegression(C=20, random_state=args.seed),
    )
    model.fit([row["text"] for row in rows], [int(row["positive"]) for row in rows])

    os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
    joblib.dump(model, args.out)
    print(f"{args.out}: {len(rows)} reviews, {os.path.getsize(args.out)} bytes")


if __name__ == "__main__":
    main()
