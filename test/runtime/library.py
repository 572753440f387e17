"""Answers the questions of conformance.test.ts, a line of JSON each, by ballast_runtime."""

import hashlib
import json
import os
import sys

import ballast_runtime as runtime

root = sys.argv[1]
opened = {}


def number_of(model):
    return None if model.version is None else model.version.number


def load(model):
    with open(model.file("w.txt"), encoding="utf-8") as file:
        text = file.read()
    if text == "broken":
        raise RuntimeError("broken")
    return text


def request_of(question):
    return {key: question[key] for key in ("key", "tenant") if key in question}


def answer(question):
    call = question["call"]
    path = os.path.join(root, question.get("path", ""))
    name = question.get("name")
    if call == "resolve":
        model = runtime.resolve_model(path, name=name)
        version = model.version and {
            "model": model.version.model,
            "number": model.version.number,
            "reference": model.version.reference,
        }
        return {"directory": os.path.relpath(model.directory, root), "version": version}
    if call == "file":
        return os.path.relpath(runtime.resolve_model(path).file(question["file"]), root)
    if call == "variants":
        found = runtime.resolve_variants(path, name=name)
        variants = [[one.name, one.weight, number_of(one.model)] for one in found.variants]
        return {"number": found.number, "variants": variants, "tenants": dict(found.tenants)}
    if call == "pick":
        picked = runtime.resolve_variants(path).pick(**request_of(question))
        return [picked.name, number_of(picked.model)]
    if call == "picks":
        found = runtime.resolve_variants(path)
        names = [found.pick(key=f"user-{index}").name for index in range(question["count"])]
        counts = {name: names.count(name) for name in sorted(set(names))}
        return {**counts, "sha256": hashlib.sha256("\n".join(names).encode()).hexdigest()}
    if call == "open":
        open_ = runtime.open_model if question["kind"] == "model" else runtime.open_variants
        file = question.get("readiness")
        file = None if file is None else os.path.join(root, file)
        opened[question["id"]] = open_(path, load, poll_seconds=0.02, readiness_file=file)
        return "opened"
    if call == "state":
        one = opened[question["id"]]
        current = one.current
        loaded = [current] if isinstance(current, runtime.LoadedModel) else current.loaded
        serving = [[getattr(entry, "variant", "stable"), number_of(entry.model), entry.value] for entry in loaded]
        problem = None if one.problem is None else str(one.problem)
        return {"serving": serving, "problem": problem, "readiness": one.readiness()}
    if call == "close":
        opened[question["id"]].close()
        return "closed"
    raise AssertionError(call)


def respond(question):
    try:
        return {"answer": answer(question)}
    except runtime.ModelError as error:
        return {"error": {"code": error.code, "message": str(error)}}
    except (TypeError, ValueError) as error:
        return {"error": {"code": "ARGUMENT", "message": str(error)}}


for line in sys.stdin:
    print(json.dumps(respond(json.loads(line))), flush=True)
