"""Real models with one call put into them, as tools for it do."""

import io
import zipfile

from .archives import zipped
from .assemble import HARMLESS_CODE, POP, STOP, call, name
from .listing import HERE

SLEEPY = "https://blog.trailofbits.com/2024/06/11/exploiting-ml-models-with-pickle-file-attacks-part-1/"
CALL = call(name("builtins", "exec"), HARMLESS_CODE) + POP


def at_start(pickled):
    """Behind the protocol and before the first frame."""
    return pickled[:2] + CALL + pickled[2:]


def at_end(pickled):
    """Before STOP; the one frame goes, for it would end too early."""
    framed = pickled[2:3] == b"\x95"
    return pickled[:2] + pickled[11 if framed else 2 : -1] + CALL + STOP


def in_archive(content, inject):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    return zipped([(file, inject(data) if file.endswith("data.pkl") else data) for file, data in entries])


def items():
    forest = (HERE / "harmless/general/sklearn-logistic.pkl").read_bytes()
    yield "injected-start.pkl", at_start(forest), "a scikit-learn model with a call at its start", SLEEPY
    yield "injected-end.pkl", at_end(forest), "a scikit-learn model with a call at its end", SLEEPY
    yield "injected.joblib", at_start((HERE / "harmless/general/joblib-plain.joblib").read_bytes()), "a forest of joblib with a call at its start", SLEEPY
    weights = (HERE / "harmless/torch-1/state.pt").read_bytes()
    yield "injected-start.pt", in_archive(weights, at_start), "weights of torch with a call at their start", SLEEPY
    yield "injected-end.pth", in_archive(weights, at_end), "weights of torch with a call at their end", SLEEPY
    legacy = (HERE / "harmless/torch-1/state-legacy.pth").read_bytes()
    yield "injected-legacy.pth", at_start(legacy), "weights of torch in the old format with a call at their start", SLEEPY
