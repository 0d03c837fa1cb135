"""Makes the models and inputs of the suite: suite_models.py FOLDER. Run once for all tests, because mlflow is slow to import."""

import json
import os
import sys

import mlflow.pyfunc
import mlflow.sklearn
import numpy
import pandas
from mlflow.models import ModelSignature, infer_signature
from mlflow.types.schema import ColSpec, Schema, TensorSpec
from PIL import Image
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression

ROOT = sys.argv[1]
QUICK = {"pip_requirements": ["mlflow"]}  # else mlflow loads each model in a process of its own to find out what it needs


def place(*parts):
    path = os.path.join(ROOT, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def save_custom(name, model, signature=None):
    mlflow.pyfunc.save_model(place(name, "model"), python_model=model, signature=signature, **QUICK)


def iris():
    """A classifier on scikit-learn's own data, three inputs, and what it predicts without the engine."""
    data = load_iris(as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(data.data, data.target)
    signature = infer_signature(data.data, model.predict(data.data))
    mlflow.sklearn.save_model(model, place("iris", "model"), signature=signature, serialization_format="cloudpickle", **QUICK)
    parts = {"a.csv": data.data[:50], "b.csv": data.data[50:120], "c.parquet": data.data[120:]}
    for name, part in parts.items():
        path = place("iris", "input", name)
        part.to_parquet(path) if name.endswith("t") else part.to_csv(path, index=False)
    expected = {name: [int(p) for p in model.predict(part)] for name, part in parts.items()}
    with open(place("iris", "expected.json"), "w") as file:
        json.dump(expected, file)


class Types(mlflow.pyfunc.PythonModel):
    """Predicts a DataFrame: what each row held, and as which types it came."""

    def predict(self, context, model_input):
        types = ";".join(str(kind) for kind in model_input.dtypes)
        values = [repr(tuple(row)) for row in model_input.itertuples(index=False)]
        return pandas.DataFrame({"values": values, "types": types})


class Tensor(mlflow.pyfunc.PythonModel):
    """Predicts for an image the shape and type that came, and the sum of it, as a text."""

    def predict(self, context, model_input):
        if isinstance(model_input, dict):
            [(name, tensor)] = model_input.items()
        else:
            name, tensor = "-", model_input
        return ["{} {} {} {}".format(name, "x".join(map(str, tensor.shape)), tensor.dtype, tensor.sum())]


class Given(mlflow.pyfunc.PythonModel):
    """Predicts something of the kind that the file's name says."""

    KINDS = {
        "array1": lambda n: numpy.arange(n, dtype="float32") / 10,
        "array2": lambda n: numpy.arange(2 * n).reshape(n, 2),
        "array3": lambda n: numpy.arange(2 * n).reshape(n, 1, 2),
        "list": lambda n: ['comma, "quote"', None, 0.1][:n],
        "series": lambda n: pandas.Series(range(n), index=range(7, 7 + n)),
        "dict": lambda n: {"label": ["x"] * n, "score": numpy.arange(n)},
        "frame": lambda n: pandas.DataFrame({"row": range(5, 5 + n), "label": "two words"}),
    }

    def predict(self, context, model_input):
        if isinstance(model_input, numpy.ndarray):
            return {1: 7, 2: "one text", 3: numpy.array([0.5, 0.25, 0.25])}[len(model_input)]
        return self.KINDS[model_input.columns[0]](len(model_input))


def columns(*types):
    return ModelSignature(inputs=Schema([ColSpec(kind, name) for name, kind in types]))


def custom():
    every = [("whole", "integer"), ("long", "long"), ("single", "float"), ("double", "double"), ("text", "string"),
             ("flag", "boolean"), ("day", "datetime")]
    save_custom("types", Types(), columns(*every))
    save_custom("untyped", Types())
    save_custom("unnamed", Types(), ModelSignature(inputs=Schema([ColSpec("double"), ColSpec("string")])))
    save_custom("given", Given())
    save_custom("pixels", Tensor())
    for name, spec in {
        "batch": TensorSpec(numpy.dtype("float32"), (-1, -1, -1, 3)),
        "flat": TensorSpec(numpy.dtype("uint8"), (-1, 64)),
        "named": TensorSpec(numpy.dtype("float64"), (-1, 8, 8, 1), name="image"),
    }.items():
        save_custom(name, Tensor(), ModelSignature(inputs=Schema([spec])))


def images():
    digits = load_digits().images[:2].astype("uint8")
    for n, digit in enumerate(digits):
        Image.fromarray(digit).save(place("digits", "{}.png".format(n)))
    Image.new("RGB", (4, 2), (1, 2, 3)).save(place("colours", "rgb.bmp"))
    Image.new("RGB", (4, 2), (1, 2, 3)).convert("P", palette=Image.ADAPTIVE).save(place("colours", "palette.gif"))
    Image.fromarray(numpy.full((2, 4), 999, dtype="uint16")).save(place("unreadable", "deep.png"))
    for height in 1, 2, 3:
        Image.new("L", (1, height)).save(place("heights", "{}.png".format(height)))


def tables():
    good = pandas.DataFrame({
        "whole": [1, 2], "long": [2**40, -1], "single": [0.1, 2], "double": [0.1, 1e300], "text": ["007", "b c"],
        "flag": [True, False], "day": [pandas.Timestamp("2024-01-02"), pandas.Timestamp("2024-03-04 05:06:07")], "more": [1, 2],
    })
    good.to_csv(place("table", "good.csv"), index=False)
    good.to_parquet(place("columns", "good.parquet"))
    good.assign(whole=[1.5, 2]).to_parquet(place("misfit", "half.pqt"))
    for name, values in {"word": ["1", "value"], "half": [1.5, 2], "large": [1, 5 * 10**9], "missing": [None, 2]}.items():
        good.assign(whole=values).to_csv(place("misfit", name + ".csv"), index=False)
    good.assign(single=[1e300, 1]).to_csv(place("misfit", "single.csv"), index=False)
    good.assign(day=["someday", "2024-01-02"]).to_csv(place("misfit", "day.csv"), index=False)
    for kind in Given.KINDS:
        pandas.DataFrame({kind: [1, 2]}).to_csv(place("kinds", kind + ".csv"), index=False)
    good.head(0).to_csv(place("table", "header.csv"), index=False)
    for name in "empty.csv", "data.avro", "no extension", "broken.PNG", "broken.parquet":
        open(place("unreadable", name), "w").close()


for make in (iris, custom, images, tables):
    make()
