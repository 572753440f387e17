"""Trains a classifier of reviews over several epochs, with a checkpoint after each.

It knows nothing of Ballast. What makes it safe to capture, and to kill, is how a checkpoint comes to be: in a directory of
another name, whose last file is DONE, and which is then renamed. Equal arguments give equal weights, whether the job ran
through or was killed and resumed.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil

import joblib
import numpy
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier

HERE = os.path.dirname(os.path.abspath(__file__))
REVIEWS = os.path.join(HERE, "..", "sentiment-python", "reviews.csv")
BATCH = 16


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="where the checkpoints go: checkpoint-1, checkpoint-2, ...")
    parser.add_argument("--resume", help="a checkpoint to go on from, as `ballast mount sentiment:ckpt DIR` delivers it")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--data", default=REVIEWS)
    parser.add_argument("--features", type=int, default=2**18, help="how many weights there are")
    parser.add_argument("--keep", type=int, default=3, help="how many checkpoints stay")
    args = parser.parse_args()

    with open(args.data, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    vectors = HashingVectorizer(n_features=args.features, ngram_range=(1, 2)).transform(row["text"] for row in rows)
    labels = numpy.array([int(row["positive"]) for row in rows])

    model, first = start(args.resume)
    os.makedirs(args.out, exist_ok=True)
    remove_unfinished(args.out)
    print(f"starts with epoch {first}", flush=True)
    for epoch in range(first, args.epochs + 1):
        order = numpy.random.default_rng(epoch).permutation(len(rows))
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            model.partial_fit(vectors[batch], labels[batch], classes=[0, 1])
        accuracy = float(model.score(vectors, labels))
        save(args.out, epoch, model, accuracy)
        remove_old(args.out, epoch - args.keep)
        print(f"epoch {epoch}: accuracy {accuracy:.4f}", flush=True)


def start(resume):
    """A model and the epoch to begin with."""
    if resume is None:
        return SGDClassifier(loss="log_loss", random_state=0), 1
    with open(os.path.join(resume, "state.json"), encoding="utf-8") as file:
        state = json.load(file)
    return joblib.load(os.path.join(resume, "model.joblib")), state["epoch"] + 1


def save(out, epoch, model, accuracy):
    """Nobody who looks for checkpoint-* sees one that is not whole."""
    unfinished = os.path.join(out, f".unfinished-{epoch}")
    os.makedirs(unfinished)
    joblib.dump(model, os.path.join(unfinished, "model.joblib"))
    with open(os.path.join(unfinished, "model.joblib"), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    state = {
        "epoch": epoch,
        "accuracy": accuracy,
        "model_sha256": digest,
        "weights_sha256": hashlib.sha256(model.coef_.tobytes() + model.intercept_.tobytes()).hexdigest(),
    }
    with open(os.path.join(unfinished, "state.json"), "w", encoding="utf-8") as file:
        json.dump(state, file)
    for name in ("model.joblib", "state.json"):
        sync(os.path.join(unfinished, name))
    with open(os.path.join(unfinished, "DONE"), "w", encoding="utf-8"):
        pass
    sync(unfinished)
    os.rename(unfinished, os.path.join(out, f"checkpoint-{epoch}"))
    sync(out)


def sync(path):
    """What was written survives a loss of power, too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(out):
    """What a job that was killed has left."""
    for name in os.listdir(out):
        if name.startswith(".unfinished-"):
            shutil.rmtree(os.path.join(out, name))


def remove_old(out, epoch):
    shutil.rmtree(os.path.join(out, f"checkpoint-{epoch}"), ignore_errors=True)


if __name__ == "__main__":
    main()
