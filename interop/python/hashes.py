"""The hashes by which azure-ai-ml names uploads and finds registered code, by its own functions.

Reads a JSON list of paths, and writes a JSON object of path to [upload hash, code hash].
"""

import json
import os
import sys

from azure.ai.ml._utils._asset_utils import get_content_hash, get_ignore_file, get_object_hash


def hashes(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [get_object_hash(path), get_content_hash(path)]
    ignore = get_ignore_file(path)
    return [get_object_hash(path, ignore), get_content_hash(path, ignore)]


json.dump({path: hashes(path) for path in json.load(sys.stdin)}, sys.stdout)
