"""Makes the images, the labels and the model of the quickstart from the digits that scikit-learn ships.

    python3 -m pip install scikit-learn==1.9.1 numpy==2.4.6
    python3 make.py

Made with Python 3.11 and exactly these versions. A rerun with them writes the same bytes; another version, or another
kind of processor, may round the last digits of the weights differently. The program itself never needs this script.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import platform
import shutil
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parent
SIDE = 8  # pixels per row and rows per image
INK = 16  # the largest pixel value of the data set
HELD_OUT = 300  # images that become the input of the batch job
SEED = 0
DECIMALS = 4  # of a weight; more do not change one answer

# Size and regularisation, of which choose() takes the best by cross-validation on the training part. The held-out images
# have no say in it, so that their accuracy stays an honest estimate.
CANDIDATES = [(hidden, alpha) for hidden in (32, 48) for alpha in (0.5, 1.0, 2.0)]


def main() -> None:
    digits = load_digits()
    pixels = digits.data.astype(np.uint8)
    # Stratified: about thirty of each digit. Shuffled: the place of an image says nothing about its label.
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, digits.target, test_size=HELD_OUT, stratify=digits.target, random_state=SEED)

    write_images(test_x, test_y)
    # Sums of many threads come in any order; one thread makes a rerun give the same bits.
    with threadpool_limits(limits=1):
        (hidden, alpha), validation = choose(train_x / INK, train_y)
        network = new_network(hidden, alpha).fit(train_x / INK, train_y)
    write_weights(network)

    # Measured with the scoring script and the rounded weights as stored: what a job gives, not what the training saw.
    score = load_score_script()
    metrics = {
        "model": f"multilayer perceptron, {SIDE * SIDE}-{hidden}-{len(network.classes_)}, L2 regularisation {alpha}",
        "trainingImages": len(train_y),
        "trainingAccuracy": accuracy(score, train_x, train_y),
        "crossValidationAccuracy": round(validation, 4),
        "testImages": len(test_y),
        "testAccuracy": accuracy(score, test_x, test_y),
        "madeWith": {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__},
    }
    write_text(HERE / "model" / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


def new_network(hidden: int, alpha: float) -> MLPClassifier:
    return MLPClassifier((hidden,), solver="lbfgs", alpha=alpha, max_iter=2000, random_state=SEED)


def choose(x: np.ndarray, y: np.ndarray) -> tuple[tuple[int, float], float]:
    """Returns the best candidate and its mean accuracy over five folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    means = [float(cross_val_score(new_network(*c), x, y, cv=folds).mean()) for c in CANDIDATES]
    best = int(np.argmax(means))
    return CANDIDATES[best], means[best]


def write_images(images: np.ndarray, labels: np.ndarray) -> None:
    folder = HERE / "images"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with open(HERE / "labels.csv", "w", encoding="utf-8", newline="") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(["file", "label"])
        for number, (image, label) in enumerate(zip(images, labels), start=1):
            name = f"digit-{number:04d}.pgm"
            (folder / name).write_bytes(b"P5\n%d %d\n%d\n" % (SIDE, SIDE, INK) + image.tobytes())
            table.writerow([name, label])


def write_weights(network: MLPClassifier) -> None:
    model = {
        "width": SIDE,
        "height": SIDE,
        "labels": [str(label) for label in network.classes_],
        "layers": [
            {"weights": rounded(weights.T), "biases": rounded(biases)}  # transposed: one row per output
            for weights, biases in zip(network.coefs_, network.intercepts_)
        ],
    }
    (HERE / "model").mkdir(exist_ok=True)
    write_text(HERE / "model" / "weights.json", json.dumps(model, separators=(",", ":")) + "\n")


def rounded(values: np.ndarray) -> list:
    return (values.round(DECIMALS) + 0.0).tolist()  # + 0.0 turns -0.0 into 0.0


def write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def load_score_script():
    spec = importlib.util.spec_from_file_location("score", HERE / "code" / "score.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    os.environ["AZUREML_MODEL_DIR"] = str(HERE)  # holds the folder "model", as in a job
    script.init()
    return script


def accuracy(script, images: np.ndarray, labels: np.ndarray) -> float:
    answers = [script._network.classify((image / INK).tolist())[0] for image in images]
    return round(float(np.mean(np.array(answers) == labels.astype(str))), 4)


if __name__ == "__main__":
    main()
