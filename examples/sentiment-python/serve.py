"""A sentiment service: GET /predict?text=..., GET /health, POST /reload, on port 8000."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import joblib

MODEL_PATH = os.environ.get("MODEL_PATH", "/app/models/sentiment_model.pkl")


def load():
    """The model and which version it is; None where Ballast has not brought it."""
    # Links are followed once, so that both are of one version however soon the next one comes.
    path = os.path.realpath(MODEL_PATH)
    try:
        with open(os.path.join(os.path.dirname(path), ".ballast", "model.json"), encoding="utf-8") as file:
            version = json.load(file)
    except FileNotFoundError:
        version = None
    return joblib.load(path), version


current = load()


def predict(text):
    model, _ = current
    score = float(model.predict_proba([text])[0][1])
    return {"label": "positive" if score >= 0.5 else "negative", "score": round(score, 4)}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        if url.path == "/health":
            self.answer_health()
        elif url.path == "/predict":
            text = parse_qs(url.query).get("text", [""])[0]
            if text:
                self.answer(200, predict(text))
            else:
                self.answer(400, {"error": "ask with ?text=..."})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        global current
        if urlparse(self.path).path != "/reload":
            self.answer(404, {"error": "not found"})
            return
        try:
            current = load()
        except Exception as error:
            # The former model goes on answering.
            self.answer(500, {"error": f"{MODEL_PATH} cannot be loaded: {error}"})
            return
        self.answer_health()

    def answer_health(self):
        _, version = current
        self.answer(200, {"status": "ok", "path": MODEL_PATH, "model": version})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    # Python ignores SIGTERM as the first process of a container, and `docker stop` would wait for ten seconds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"serving {MODEL_PATH} on port 8000")
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
