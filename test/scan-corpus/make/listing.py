"""The files of one part of the corpus, and what corpus.json says of them."""

import json
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def write(part, items, listing="corpus.json"):
    """Each item is what is said of it, and its files: one, or several below one folder, which is then what is named."""
    shutil.rmtree(HERE / part, ignore_errors=True)
    entries, seen, size = [], set(), 0
    for said, files in items:
        for file, content in files.items():
            assert file.casefold() not in seen, file
            seen.add(file.casefold())
            (HERE / part / file).parent.mkdir(parents=True, exist_ok=True)
            (HERE / part / file).write_bytes(content)
            size += len(content)
        file = next(iter(files))
        named = file if len(files) == 1 else file.split("/")[0]
        entries.append({"file": f"{part}/{named}", "expect": "hostile" if "hostile" in part else "harmless", **said})
    path = HERE / listing
    others = json.loads(path.read_text()) if path.exists() else []
    kept = [entry for entry in others if not entry["file"].startswith(f"{part}/")]
    both = sorted([*entries, *kept], key=lambda entry: (entry["expect"] != "hostile", entry["file"]))
    path.write_text("[\n" + ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in both) + "\n]\n")
    print(f"{part}: {len(entries)} entries, {size} bytes")
