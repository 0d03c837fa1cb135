"""A scoring script that needs no model: it says how long each file is, and fails for an empty one."""

import os


def run(mini_batch):
    rows = []
    for path in mini_batch:
        size = os.path.getsize(path)
        if size == 0:
            raise ValueError(f"{os.path.basename(path)} is empty")
        rows.append(f"{os.path.basename(path)} {size}")
    return rows
