"""Models in formats of their own, configurations, archives."""

import gzip
import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import cloudpickle
import dill
import gguf
import numpy as np
import onnx
import safetensors
import tokenizers
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save
from sklearn.linear_model import LinearRegression
from tokenizers import Tokenizer, models, pre_tokenizers, trainers


WEIGHTS = np.arange(16, dtype=np.float32).reshape(4, 4)
# What most models for conversation carry: loops, conditions, a call that refuses.
TEMPLATE = (
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}"
    "{%- else %}{%- set system_message = '' %}{%- endif %}{{- bos_token }}{%- for message in messages %}"
    "{%- if not (message['role'] in ('user', 'assistant', 'tool') or 'tool_calls' in message) %}{{- raise_exception('Unknown role: ' + message.role) }}{%- endif %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content']|trim + '<|eot_id|>' }}"
    "{%- if message.tool_calls is defined %}{%- for call in message.tool_calls %}{{- call.function.arguments|tojson(indent=4) }}{%- endfor %}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
    "{%- set ns = namespace(last=0) %}{%- set ns.last = loop_count|default(0) %}{{- strftime_now('%d %b %Y') if strftime_now is defined }}"
)


def written(write):
    """The bytes of each file that a library writes into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(Path(folder).rglob("*")) if file.is_file()}


def tensors():
    said = {"library": f"safetensors {safetensors.__version__}"}
    yield {**said, "what": "tensors"}, {"safetensors.safetensors": save({"a": WEIGHTS, "b": np.zeros(3, np.int64)})}
    yield {**said, "what": "tensors with metadata"}, {"safetensors-metadata.safetensors": save({"a": WEIGHTS}, {"format": "pt", "note": "eval on exec of os.system"})}
    yield {**said, "what": "no tensor"}, {"safetensors-none.safetensors": save({})}
    yield {**said, "what": "an empty tensor and a scalar"}, {"safetensors-empty.safetensors": save({"e": np.zeros((0, 4), np.float32), "s": np.array(3.0)})}


def onnx_model():
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(WEIGHTS[0], "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="corpus")


def onnx_branches():
    def branch(label, number):
        return helper.make_graph([helper.make_node("Constant", [], ["r"], value=numpy_helper.from_array(np.float32([number]), "c"))], label, [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, [1])])

    node = helper.make_node("If", ["x"], ["y"], then_branch=branch("then", 1), else_branch=branch("else", 2))
    graph = helper.make_graph([node], "branches", [helper.make_tensor_value_info("x", TensorProto.BOOL, [])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"author": "corpus", "description": "a/../b is text here"})
    return model


def graphs():
    said = {"library": f"onnx {onnx.__version__}"}
    yield {**said, "what": "a model with its weights"}, {"onnx.onnx": onnx_model().SerializeToString()}
    yield {**said, "what": "a model with branches and properties"}, {"onnx-branches.onnx": onnx_branches().SerializeToString()}

    def one(folder):
        onnx.save_model(onnx_model(), str(folder / "model.onnx"), save_as_external_data=True, all_tensors_to_one_file=True, location="weights.bin", size_threshold=0)

    def each(folder):
        onnx.save_model(onnx_model(), str(folder / "model.onnx"), save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0)

    yield {**said, "what": "a model whose weights are in a file beside it"}, {f"onnx-external/{file}": data for file, data in written(one).items()}
    yield {**said, "what": "a model whose weights are in a file each"}, {f"onnx-each/{file}": data for file, data in written(each).items()}


def language():
    said = {"library": "gguf 0.19.0"}

    def conversation(folder):
        writer = gguf.GGUFWriter(folder / "m.gguf", "llama")
        writer.add_name("corpus")
        writer.add_context_length(64)
        writer.add_embedding_length(4)
        writer.add_token_list(["<s>", "</s>", "a", "os.system", "__import__"])
        writer.add_token_scores([0.0, 0.0, 1.0, 1.0, 1.0])
        writer.add_token_types([3, 3, 1, 1, 1])
        writer.add_chat_template(TEMPLATE)
        writer.add_tensor("blk.0.attn_q.weight", WEIGHTS)
        writer.add_tensor("output.weight", WEIGHTS.astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    def several(folder):
        writer = gguf.GGUFWriter(folder / "m.gguf", "qwen2")
        writer.add_chat_template([{"name": "default", "template": TEMPLATE}, {"name": "tool_use", "template": TEMPLATE}])
        writer.add_array("general.tags", ["text-generation"])
        writer.add_custom_alignment(64)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    yield {**said, "what": "a language model with a usual chat template"}, {"gguf.gguf": written(conversation)["m.gguf"]}
    yield {**said, "what": "two usual chat templates, another alignment"}, {"gguf-templates.gguf": written(several)["m.gguf"]}
    said = {"library": f"tokenizers {tokenizers.__version__}"}
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(["import os and eval it", "a model of language"], trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>", "<s>"]))
    yield {**said, "what": "a tokenizer"}, {"tokenizer/tokenizer.json": tokenizer.to_str().encode()}
    settings = {"bos_token": "<s>", "tokenizer_class": "LlamaTokenizer", "model_max_length": 1000000000000000019884624838656, "chat_template": TEMPLATE}
    yield {**said, "what": "the configuration of a tokenizer, with a usual chat template"}, {"tokenizer-config/tokenizer_config.json": json.dumps(settings).encode()}
    yield {**said, "what": "a usual chat template in a file"}, {"template/chat_template.jinja": TEMPLATE.encode()}
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": 4, "id2label": {"0": "bad", "1": "good"}, "torch_dtype": "float32", "_name_or_path": "../bert"}
    yield {"what": "the configuration of a model", "library": "json"}, {"config/config.json": json.dumps(config, indent=2).encode()}


def archives():
    model = save({"a": WEIGHTS})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("model/weights.safetensors"), model)
        archive.writestr(zipfile.ZipInfo("model/config.json"), b"{}")
    yield {"what": "a zip of a model", "library": "zipfile"}, {"model.zip": out.getvalue()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for file, data in (("./model/weights.safetensors", model), ("./model/..config.json", b"{}")):
            info = tarfile.TarInfo(file)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("./model/latest")
        link.type, link.linkname = tarfile.SYMTYPE, "weights.safetensors"
        archive.addfile(link)
    yield {"what": "a tar of a model, with a link within", "library": "tarfile"}, {"model.tar": out.getvalue()}
    yield {"what": "the same, compressed", "library": "tarfile, gzip"}, {"model.tar.gz": gzip.compress(out.getvalue(), mtime=0)}
    yield {"what": "weights, compressed", "library": "gzip, safetensors"}, {"weights.safetensors.gz": gzip.compress(model, mtime=0)}


def items():
    for part in (tensors, graphs, language, archives):
        yield from part()
    regression = LinearRegression().fit(WEIGHTS, WEIGHTS[:, 0])
    yield {"what": "an estimator, by cloudpickle", "library": f"cloudpickle {cloudpickle.__version__}"}, {"cloudpickle.pkl": cloudpickle.dumps(regression)}
    yield {"what": "weights, by dill", "library": f"dill {dill.__version__}"}, {"dill.pkl": dill.dumps({"name": "a", "weights": WEIGHTS})}
