"""The sentiment service with ballast_runtime: it reloads by itself, and serves several versions at once.

GET /predict?text=...[&key=...][&tenant=...], GET /health, on port 8000. The model's directory is MODEL_PATH.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import joblib
from ballast_runtime import open_variants

MODEL_PATH = os.environ.get("MODEL_PATH", "/app/models")
PORT = int(os.environ.get("PORT", "8000"))


def load(model):
    return joblib.load(model.file("sentiment_model.pkl"))


def say(text):
    print(text, file=sys.stderr, flush=True)


opened = open_variants(
    MODEL_PATH,
    load,
    on_swap=lambda current, _: say(
        f"now using {[one.model.version and one.model.version.number for one in current.loaded]}"
    ),
    on_error=lambda error: say(f"still using the former model: {error}"),
)


def predict(text, key, tenant):
    # Once a request: variant, version and prediction belong together, also while versions change.
    picked = opened.pick(key=key if key is not None or tenant is not None else "", tenant=tenant)
    score = float(picked.value.predict_proba([text])[0][1])
    version = picked.model.version
    return {
        "label": "positive" if score >= 0.5 else "negative",
        "score": round(score, 4),
        "variant": picked.variant,
        "version": version and version.number,
        "digest": version and version.digest,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: the second would wait for the first to be acknowledged, which takes clients 40 ms.
    wbufsize = -1

    def do_GET(self):
        url = urlparse(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/health":
            self.answer(200, opened.readiness())
        elif url.path != "/predict":
            self.answer(404, {"error": "not found"})
        elif "text" not in query:
            self.answer(400, {"error": "ask with ?text=..."})
        else:
            self.answer(200, predict(query["text"], query.get("key"), query.get("tenant")))

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Requests are not worth a line each."""


class Server(ThreadingHTTPServer):
    # Connections that come together; with the usual 5 the others have to try again after a second.
    request_queue_size = 128


if __name__ == "__main__":
    # Python ignores SIGTERM as the first process of a container, and `docker stop` would wait for ten seconds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = Server(("", PORT), Handler)
    say(f"serving {MODEL_PATH} on port {server.server_port}")
    server.serve_forever()
