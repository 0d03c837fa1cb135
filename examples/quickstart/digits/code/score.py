"""Batch scoring script: recognises one handwritten digit per image file.

Azure's batch engine calls init() once in each worker process and run() once per mini-batch. The script needs the
standard library only, so the same file runs on a laptop without any package installed.
"""

from __future__ import annotations

import json
import math
import os
import re
from operator import mul

# Header of a binary PGM image: magic, width, height and maximum, divided by white space or comments, then exactly one
# white-space byte before the pixels (a second one would already be a pixel).
_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")

_network: Network  # set by init(), once per worker process


class Network:
    """A fully connected network: ReLU between its layers, softmax after the last."""

    def __init__(self, path: str):
        with open(path, encoding="utf-8") as f:
            model = json.load(f)
        self.width: int = model["width"]
        self.height: int = model["height"]
        self.labels: list[str] = model["labels"]
        # Each layer has one (weights, bias) pair per output, so that an output is one dot product.
        self.layers = [list(zip(layer["weights"], layer["biases"])) for layer in model["layers"]]

    def classify(self, values: list[float]) -> tuple[str, float]:
        """Returns the most probable label and its probability."""
        *hidden, last = self.layers
        for layer in hidden:
            values = [max(0.0, score) for score in _scores(layer, values)]
        scores = _scores(last, values)
        best = max(scores)
        # The softmax of the best score. Subtracting it first keeps exp() from overflowing.
        probability = 1 / sum(math.exp(score - best) for score in scores)
        return self.labels[scores.index(best)], probability


def _scores(layer: list, values: list[float]) -> list[float]:
    return [sum(map(mul, weights, values), bias) for weights, bias in layer]


def init() -> None:
    """Loads the model. AZUREML_MODEL_DIR holds the registered folder under its own name, here "model"."""
    global _network
    _network = Network(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "weights.json"))


def run(mini_batch: list[str]) -> list[str]:
    """Returns one row "<file name> <digit> <probability>" for each image file.

    A malformed image raises and so fails the mini-batch: a row that is merely missing would be easy to overlook.
    """
    return [_row(path) for path in mini_batch]


def _row(path: str) -> str:
    digit, probability = _network.classify(read_image(path, _network.width, _network.height))
    return f"{_quoted(os.path.basename(path))} {digit} {probability:.4f}"


def _quoted(name: str) -> str:
    """Quotes a name that would not survive as one value of a space-separated row, as CSV does."""
    if re.search(r'[\s"]', name):
        return '"' + name.replace('"', '""') + '"'
    return name


def read_image(path: str, width: int, height: int) -> list[float]:
    """Reads a binary PGM image of the given size as rows of pixels from 0 (no ink) to 1 (full ink)."""
    with open(path, "rb") as f:
        data = f.read()
    header = _HEADER.match(data)
    if header is None:
        raise ValueError(f"{path}: not a binary PGM image: it should start with P5, width, height and maximum")
    found_width, found_height, maximum = map(int, header.groups())
    if (found_width, found_height) != (width, height):
        raise ValueError(f"{path}: the image has {found_width}x{found_height} pixels, the model needs {width}x{height}")
    if not 1 <= maximum <= 255:
        raise ValueError(f"{path}: the maximum is {maximum}, only images of one byte per pixel (1 to 255) are read")
    pixels = data[header.end():]
    if len(pixels) != width * height:
        raise ValueError(f"{path}: {len(pixels)} bytes of pixels instead of {width * height}: cut off or more than one image")
    if max(pixels) > maximum:
        raise ValueError(f"{path}: a pixel is {max(pixels)}, above the maximum of {maximum} that the image states")
    return [pixel / maximum for pixel in pixels]
