"""Scores files with an MLflow model that has no scoring script, like the service's own driver.

Microsoft Learn documents what the driver reads and writes: how-to-mlflow-batch,
how-to-image-processing-batch and how-to-troubleshoot-batch-endpoints. The driver is not public.
What these pages leave open is marked as a choice.
"""

import logging
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow 3 reports each loaded model


class NoMLflow(ImportError):
    """This Python cannot run MLflow models. The engine recognizes the name of the class."""


try:
    import mlflow.pyfunc
    import numpy
    import pandas
except ImportError as missing:
    raise NoMLflow(str(missing)) from None

LOGGER = logging.getLogger("azureml")
MODEL = None


def init():
    global MODEL
    root = os.environ["AZUREML_MODEL_DIR"]
    [name] = os.listdir(root)
    MODEL = mlflow.pyfunc.load_model(os.path.join(root, name))


def run(paths):
    """Returns the rows of all files: numbers of rows if tabular, predictions, names of files.

    Choice: one page says that an unsupported file fails the job. Another says that a mini-batch
    fails with the message of pandas.concat if none of its files can be read. Here any file that
    cannot be read fails its mini-batch, so that no row is missing unnoticed. The message begins
    with the reason of the first such file, because that of pandas.concat alone says nothing.
    """
    scored, refused, readable = score_all(paths)
    if refused:
        path, error = refused[0]
        fail(path, error if readable else ValueError("{} (No objects to concatenate)".format(error)))
    frame = pandas.concat([prediction for _, _, prediction in scored], ignore_index=True)
    if any(tabular for _, tabular, _ in scored):
        numbers = [row if tabular else None for _, tabular, prediction in scored for row in range(len(prediction))]
        frame.insert(0, "row", numbers, allow_duplicates=True)
    names = [os.path.basename(path) for path, _, prediction in scored for _ in range(len(prediction))]
    frame.insert(len(frame.columns), "file_name", names, allow_duplicates=True)
    return frame


def score_all(paths):
    """Returns predictions, files that cannot be read with the reason, and the number of others."""
    scored, refused, readable = [], [], 0
    for path in paths:
        try:
            data = read(path)
        except Exception as error:
            refused.append((path, refusal(path, error)))
            continue
        readable += 1
        if not refused: # otherwise only the log needs the other bad files
            tabular = isinstance(data, pandas.DataFrame)
            scored.append((path, tabular, as_frame(MODEL.predict(data), tabular)))
    return scored, refused, readable


def refusal(path, error):
    reason = str(error) if isinstance(error, UnsupportedType) else "Exception: {}".format(error)
    text = "Error processing input file: '{}'. {}".format(path, reason)
    LOGGER.error(text)
    return Exception(text)


def fail(path, error):  # the engine finds the file in the variable path
    raise error


class UnsupportedType(Exception):
    pass


def read(path):
    extension = os.path.splitext(path)[1].lower()
    if extension not in READERS:
        raise UnsupportedType("File type '{}' is not supported".format(extension[1:]))
    return READERS[extension](path)


def read_csv(path):
    types = column_types(pandas.read_csv(path, nrows=0).columns)
    # Wide types, because pandas silently truncates a number that is too large for a narrow type.
    wide = {"i": "int64", "f": "float64", "b": "bool", "O": object}
    dtype = {name: wide[wanted.kind] for name, wanted in types.items() if wanted.kind in wide}
    frame = pandas.read_csv(path, dtype=dtype)
    return fit(frame, types)


def read_parquet(path):
    frame = pandas.read_parquet(path)
    return fit(frame, column_types(frame.columns))


def fit(frame, types):
    """Choice: a column of another type than in the signature is cast if no value changes."""
    for name, wanted in types.items():
        column = frame[name]
        if wanted.kind == "O" or column.dtype == wanted:
            continue
        cast = pandas.to_datetime(column) if wanted.kind == "M" else column.astype(wanted)
        if column.dtype.kind in "iufb" and is_lossy(column, cast):
            raise ValueError("column {!r} holds values that are not {}".format(name, wanted))
        frame[name] = cast
    return frame


def is_lossy(column, cast):
    if cast.dtype.kind in "iub":
        return (cast != column).any()
    return cast.dtype.kind == "f" and (numpy.isinf(cast) & ~numpy.isinf(column)).any()


def column_types(columns):
    """Returns the types of columns in the model's signature. Unnamed inputs go by position."""
    schema = MODEL.metadata.get_input_schema()
    if schema is None or schema.is_tensor_spec():
        return {}
    names = schema.input_names() if schema.has_input_names() else columns
    types = {name: spec.type for name, spec in zip(names, schema.inputs)}
    # Arrays, objects and maps of newer signatures stay as they are.
    return {name: numpy.dtype(types[name].to_pandas()) for name in columns if hasattr(types.get(name), "to_pandas")}


def read_image(path):
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("this Python lacks Pillow, which reads images: pip install pillow") from None
    with Image.open(path) as image:
        # Choice: the numbers of a palette are not pixels.
        pixels = numpy.asarray(image.convert("RGB") if image.mode == "P" else image)
    schema = MODEL.metadata.get_input_schema()
    if schema is None:
        return pixels.astype(numpy.uint8, casting="safe")
    if not schema.is_tensor_spec():
        return pixels  # the error of MLflow says what is missing
    if len(schema.inputs) != 1:
        raise ValueError("the model's signature has {} tensors; an image is one".format(len(schema.inputs)))
    [spec] = schema.inputs
    tensor = reshape(pixels, spec.shape).astype(spec.type, casting="safe")
    return {spec.name: tensor} if spec.name else tensor


def reshape(pixels, shape):
    """Returns the image in the shape of the signature, where -1 is any number.

    Choice: an image is one data point. If it does not fit, the axis of the data points, of the
    channels, or both are added. Only if that does not help, it is reshaped.
    """
    for axes in ((), (0,), (-1,), (0, -1)):
        candidate = numpy.expand_dims(pixels, axes)
        if candidate.ndim == len(shape) and all(want in (-1, have) for want, have in zip(shape, candidate.shape)):
            return candidate
    try:
        reshaped = pixels.reshape(shape)
    except ValueError:
        reshaped = None
    if reshaped is None or shape[0] == -1 and len(reshaped) != 1:
        raise ValueError("an image of shape {} does not fit the signature's {}".format(pixels.shape, tuple(shape)))
    return reshaped


READERS = {
    ".csv": read_csv, ".parquet": read_parquet, ".pqt": read_parquet,
    ".png": read_image, ".jpg": read_image, ".jpeg": read_image, ".tiff": read_image, ".bmp": read_image, ".gif": read_image,
}


def as_frame(prediction, tabular):
    """Returns the prediction as a DataFrame.

    Choice: the columns of a two-dimensional array become columns. Arrays with more dimensions are
    written as text. An image has one row, so several values for it are in one row.
    """
    if isinstance(prediction, pandas.DataFrame):
        return prediction
    if isinstance(prediction, dict):
        return pandas.DataFrame({name: list(values) for name, values in prediction.items()})
    if not isinstance(prediction, (list, tuple, numpy.ndarray, pandas.Series)):
        prediction = [prediction]
    values = prediction if isinstance(prediction, numpy.ndarray) else list(prediction)
    dimensions = numpy.ndim(values) if isinstance(values, numpy.ndarray) else 1
    if dimensions == 1 and not tabular and len(values) != 1:
        return pandas.DataFrame([values])
    if dimensions == 2:
        return pandas.DataFrame(values)
    if dimensions != 1:
        values = values.tolist() if dimensions else [values.item()]
    return pandas.DataFrame({"prediction": values})
