"""Batch scoring with azure-ai-ml as its users write it, from the workspace to the deleted endpoint:

    azmlbatch emulator exec -- python interop/python/walkthrough.py

It knows nothing of the emulator. DefaultAzureCredential and the client read what every program of theirs reads: the
environment. It ends with an error if an answer is not what Azure gives, if a warning is logged that Azure would not
cause, or if a request was tried again.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import tempfile
import time
import warnings
from contextlib import redirect_stdout
from pathlib import Path

from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.constants import AssetTypes, BatchDeploymentOutputAction, InputOutputModes
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchRetrySettings,
    BuildContext,
    CodeConfiguration,
    Data,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "digits"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"


class Noticed(logging.Handler):
    """Collects the warnings of azure packages, and requests that urllib3 or azure-core tried again."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


class Requests(logging.Handler):
    """Counts the requests by urllib3's own log, and finds those that were answered 5xx or 429."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.count = 0
        self.again: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if " HTTP/1.1" in line or "HTTP/2" in line:
            self.count += 1
            status = line.rsplit('" ', 1)[-1].split(" ")[0]
            if status.startswith("5") or status == "429":
                self.again.append(line)
        elif "Retry" in line and "Converted retries" not in line:
            self.again.append(line)


class Story:
    def __init__(self, ml: MLClient, work: Path) -> None:
        self.ml, self.work, self.began = ml, work, time.monotonic()

    def say(self, text: str) -> None:
        print(f"- [{time.monotonic() - self.began:5.1f} s] {text}", flush=True)


def expect(got, want, what: str) -> None:
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def refused(call, status: int, what: str) -> HttpResponseError:
    try:
        call()
    except HttpResponseError as e:
        expect(e.status_code, status, what)
        return e
    raise AssertionError(f"{what}: was not refused")


def workspace(s: Story) -> None:
    ws = s.ml.workspaces.get(s.ml.workspace_name)
    expect(ws.name, os.environ["AZUREML_ARM_WORKSPACE_NAME"], "name of the workspace")
    assert ws.discovery_url and ws.storage_account, "a workspace has a discovery URL and a storage account"
    default = s.ml.datastores.get_default()
    expect(default.type, "AzureBlob", "type of the default datastore")
    names = [d.name for d in s.ml.datastores.list()]
    assert default.name in names, f"{default.name} is not among {names}"
    s.say(f"workspace {ws.name}, datastores {', '.join(names)}")


def model(s: Story) -> Model:
    first = s.ml.models.create_or_update(Model(name="digits", path=str(DIGITS / "model"), type=AssetTypes.CUSTOM_MODEL, description="a network", tags={"kind": "digits"}))
    expect((first.name, first.version), ("digits", "1"), "first model")
    again = s.ml.models.create_or_update(Model(name="digits", path=str(DIGITS / "model"), type=AssetTypes.CUSTOM_MODEL, version="1", tags={"kind": "numbers"}))
    expect((again.version, again.tags["kind"], again.path), ("1", "numbers", first.path), "the same model again")
    second = s.ml.models.create_or_update(Model(name="digits", path=str(DIGITS / "model"), type=AssetTypes.CUSTOM_MODEL))
    expect(second.version, "2", "next version")
    expect(s.ml.models.get("digits", label="latest").version, "2", "latest")
    s.ml.models.archive("digits", version="2")
    expect([m.version for m in s.ml.models.list("digits")], ["1"], "versions that are not archived")
    s.ml.models.restore("digits", version="2")
    expect({m.version for m in s.ml.models.list("digits")}, {"1", "2"}, "restored")
    with redirect_stdout(io.StringIO()):
        s.ml.models.download("digits", version="1", download_path=str(s.work / "model"))
    names = sorted(p.name for p in (s.work / "model").rglob("*") if p.is_file())
    expect(names, sorted(p.name for p in (DIGITS / "model").rglob("*") if p.is_file()), "downloaded files")
    refused(lambda: s.ml.models.get("nothing", version="1"), 404, "a model that does not exist")
    s.say("model: created, updated, next version, archived, restored, downloaded")
    return first


def environment(s: Story) -> Environment:
    first = s.ml.environments.create_or_update(Environment(name="digits-env", image=IMAGE, conda_file=str(DIGITS / "conda.yaml")))
    again = s.ml.environments.create_or_update(Environment(name="digits-env", image=IMAGE, conda_file=str(DIGITS / "conda.yaml")))
    expect(again.version, first.version, "the same environment again")
    changed = s.ml.environments.create_or_update(Environment(name="digits-env", image=IMAGE.replace("latest", "20250601.v1"), conda_file=str(DIGITS / "conda.yaml")))
    expect(int(changed.version), int(first.version) + 1, "a changed environment")
    expect({e.version for e in s.ml.environments.list("digits-env")}, {first.version, changed.version}, "environment versions")
    context = s.work / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\n")
    built = s.ml.environments.create_or_update(Environment(name="digits-built", build=BuildContext(path=str(context))))
    assert built.build and built.build.path.startswith("https://"), f"build context at {built.build}"
    s.ml.environments.archive("digits-built")
    expect([e.name for e in s.ml.environments.list()], ["digits-env"], "environments that are not archived")
    s.ml.environments.restore("digits-built")
    s.say(f"environment: versions {first.version} and {changed.version}, build context")
    return first


def data(s: Story) -> Data:
    folder = s.ml.data.create_or_update(Data(name="images", path=str(DIGITS / "images"), type=AssetTypes.URI_FOLDER))
    again = s.ml.data.create_or_update(Data(name="images", path=str(DIGITS / "images"), type=AssetTypes.URI_FOLDER))
    expect(again.path, folder.path, "equal data is at one place")
    one = next((DIGITS / "images").rglob("*.pgm"))
    file = s.ml.data.create_or_update(Data(name="image", path=str(one), type=AssetTypes.URI_FILE, version="5"))
    expect(s.ml.data.get("image", version="5").path, file.path, "data file")
    expect({d.name for d in s.ml.data.list()}, {"images", "image"}, "containers")
    table = s.work / "table"
    table.mkdir()
    (table / "one.pgm").write_bytes(one.read_bytes())
    (table / "MLTable").write_text("paths:\n  - file: ./one.pgm\n")
    s.ml.data.create_or_update(Data(name="table", path=str(table), type=AssetTypes.MLTABLE))
    s.say("data: folder, file, table")
    return folder


def compute(s: Story) -> None:
    cluster = s.ml.compute.begin_create_or_update(AmlCompute(name="cpu-cluster", size="STANDARD_DS3_v2", min_instances=0, max_instances=2)).result()
    expect((cluster.name, cluster.max_instances, cluster.provisioning_state), ("cpu-cluster", 2, "Succeeded"), "cluster")
    cluster.max_instances = 4
    expect(s.ml.compute.begin_update(cluster).result().max_instances, 4, "larger cluster")
    assert "cpu-cluster" in [c.name for c in s.ml.compute.list()]
    expect(list(s.ml.compute.list_nodes("cpu-cluster")), [], "nodes")
    s.say("compute: created, changed, listed")


def endpoint(s: Story, env: Environment) -> None:
    made = s.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="digits", description="handwritten digits", tags={"team": "vision"})).result()
    expect((made.name, made.provisioning_state), ("digits", "Succeeded"), "endpoint")
    assert made.scoring_uri.startswith("https://"), made.scoring_uri
    code = CodeConfiguration(code=str(DIGITS / "code"), scoring_script="score.py")
    blue = s.ml.batch_deployments.begin_create_or_update(ModelBatchDeployment(
        name="blue", endpoint_name="digits", model="azureml:digits:1", environment=f"azureml:{env.name}:{env.version}",
        code_configuration=code, compute="cpu-cluster",
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=10, instance_count=1, max_concurrency_per_instance=2, output_action=BatchDeploymentOutputAction.APPEND_ROW,
            output_file_name="predictions.csv", retry_settings=BatchRetrySettings(max_retries=2, timeout=30), logging_level="info", error_threshold=-1,
        ),
    )).result()
    expect((blue.name, blue.provisioning_state, blue.mini_batch_size), ("blue", "Succeeded", 10), "deployment")
    # Inline assets: the model and the environment have no name; the client uploads and names them.
    green = s.ml.batch_deployments.begin_create_or_update(ModelBatchDeployment(
        name="green", endpoint_name="digits", model=Model(path=str(DIGITS / "model")), environment=Environment(image=IMAGE, conda_file=str(DIGITS / "conda.yaml")),
        code_configuration=code, compute="cpu-cluster",
    )).result()
    expect(green.provisioning_state, "Succeeded", "deployment with inline assets")
    made = s.ml.batch_endpoints.get("digits")
    made.defaults.deployment_name = "blue"
    s.ml.batch_endpoints.begin_create_or_update(made).result()
    expect(s.ml.batch_endpoints.get("digits").defaults.deployment_name, "blue", "default deployment")
    expect({d.name for d in s.ml.batch_deployments.list("digits")}, {"blue", "green"}, "deployments")
    expect([e.name for e in s.ml.batch_endpoints.list()], ["digits"], "endpoints")
    expect(s.ml.batch_deployments.get("blue", "digits").output_file_name, "predictions.csv", "deployment read back")
    s.say("endpoint with two deployments, blue is the default")


def rows(s: Story, job: str) -> int:
    """Downloads a job's predictions and counts their rows."""
    s.ml.jobs.download(name=job, download_path=str(s.work / job), output_name="score")
    found = [p for p in (s.work / job).rglob("predictions.csv")]
    expect(len(found), 1, f"prediction files of {job}")
    return len(found[0].read_text().splitlines())


def rows_at(s: Story, number: int) -> int:
    """Counts the rows of predictions at the place that an invocation named."""
    store = s.ml.datastores.get("workspaceblobstore")
    url = f"{store.protocol}://{store.account_name}.blob.{store.endpoint}"
    with BlobServiceClient(url, DefaultAzureCredential()) as service:
        blob = service.get_blob_client(store.container_name, f"predictions/{number}/predictions.csv")
        return len(blob.download_blob().readall().splitlines())


def jobs(s: Story, folder: Data) -> None:
    count = sum(1 for p in (DIGITS / "images").rglob("*.pgm"))
    one = next((DIGITS / "images").rglob("*.pgm"))
    where = f"azureml://datastores/workspaceblobstore/paths/predictions/{{}}/predictions.csv"
    inputs = {
        "registered folder": (Input(type=AssetTypes.URI_FOLDER, path=f"azureml:images:{folder.version}"), count),
        "registered file": (Input(type=AssetTypes.URI_FILE, path="azureml:image:5"), 1),
        "place on the datastore": (Input(type=AssetTypes.URI_FOLDER, path=folder.path), count),
        "local folder": (Input(type=AssetTypes.URI_FOLDER, path=str(DIGITS / "images")), count),
        "local file": (Input(type=AssetTypes.URI_FILE, path=str(one)), 1),
    }
    done = []
    for number, (name, (value, want)) in enumerate(inputs.items()):
        outputs = {"score": Output(type=AssetTypes.URI_FILE, path=where.format(number))} if number % 2 else None
        job = s.ml.batch_endpoints.invoke(endpoint_name="digits", input=value, **({"outputs": outputs} if outputs else {}), **({"params_override": [{"mini_batch_size": "20"}]} if number == 2 else {}))
        with redirect_stdout(io.StringIO()) as text:
            s.ml.jobs.stream(job.name)
        assert "RunId: " in text.getvalue(), f"stream printed {text.getvalue()!r}"
        expect(s.ml.jobs.get(job.name).status, "Completed", f"job over {name}")
        # Where an output was named, 1.35.2 compares the run's "UriFile" with "uri_file" and downloads nothing.
        expect(rows_at(s, number) if outputs else rows(s, job.name), want, f"rows of the job over {name}")
        done.append(job.name)
        s.say(f"{name}: {want} rows")
    job = s.ml.batch_endpoints.invoke(endpoint_name="digits", deployment_name="green", inputs={"images": Input(type=AssetTypes.URI_FOLDER, path=f"azureml:images:{folder.version}")}, experiment_name="greens")
    with redirect_stdout(io.StringIO()):
        s.ml.jobs.stream(job.name)
    done.append(job.name)
    expect({j.name for j in s.ml.batch_endpoints.list_jobs(endpoint_name="digits")} >= set(done), True, "jobs of the endpoint")
    expect([j.name for j in s.ml.batch_deployments.list_jobs(endpoint_name="digits", name="green")], [done[-1]], "jobs of a deployment")
    children = list(s.ml.jobs.list(parent_job_name=done[0]))
    expect(len(children), 1, "children")
    change(s, done[0])
    s.say("jobs: listed, updated, archived, children")


def change(s: Story, name: str) -> None:
    job = s.ml.jobs.get(name)
    job.tags["checked"] = "yes"
    job.display_name = "the first one"
    s.ml.jobs.create_or_update(job)
    got = s.ml.jobs.get(name)
    expect((got.tags.get("checked"), got.display_name), ("yes", "the first one"), "changed job")
    s.ml.jobs.archive(name)
    assert name not in [j.name for j in s.ml.jobs.list()], "an archived job is not listed"
    s.ml.jobs.restore(name)


def fails(s: Story) -> None:
    broken = s.work / "broken"
    broken.mkdir()
    (broken / "score.py").write_text("import time\n\ndef init():\n    pass\n\ndef run(mini_batch):\n    raise ValueError('the light is off')\n")
    slow = s.work / "slow"
    slow.mkdir()
    (slow / "score.py").write_text("import time\n\ndef init():\n    pass\n\ndef run(mini_batch):\n    time.sleep(60)\n    return mini_batch\n")
    for name in "broken", "slow":
        s.ml.batch_deployments.begin_create_or_update(ModelBatchDeployment(
            name=name, endpoint_name="digits", model="azureml:digits:1", environment="digits-env@latest", code_configuration=CodeConfiguration(code=str(s.work / name), scoring_script="score.py"), compute="cpu-cluster",
            settings=ModelBatchDeploymentSettings(mini_batch_size=10, error_threshold=0, retry_settings=BatchRetrySettings(max_retries=0, timeout=90)),
        )).result()
    value = Input(type=AssetTypes.URI_FOLDER, path="azureml:images:1")
    job = s.ml.batch_endpoints.invoke(endpoint_name="digits", deployment_name="broken", input=value)
    try:
        with redirect_stdout(io.StringIO()):
            s.ml.jobs.stream(job.name)
    except Exception as e:  # azure-ai-ml's JobException
        expect(type(e).__name__, "JobException", "what a failed job raises")
    else:
        raise AssertionError("stream of a failed job must raise")
    expect(s.ml.jobs.get(job.name).status, "Failed", "failed job")
    job = s.ml.batch_endpoints.invoke(endpoint_name="digits", deployment_name="slow", input=value)
    s.ml.jobs.begin_cancel(job.name).result()
    for _ in range(100):
        if s.ml.jobs.get(job.name).status == "Canceled":
            break
        time.sleep(0.1)
    expect(s.ml.jobs.get(job.name).status, "Canceled", "cancelled job")
    s.say("a failing script fails its job; a job is cancelled")


def delete(s: Story) -> None:
    s.ml.batch_deployments.begin_delete("green", "digits").result()
    s.ml.batch_endpoints.begin_delete("digits").result()
    try:
        s.ml.batch_endpoints.get("digits")
    except ResourceNotFoundError:
        pass
    else:
        raise AssertionError("the endpoint is still there")
    s.ml.compute.begin_delete("cpu-cluster").result()
    s.say("deleted")


def told(tell) -> int:
    """Tells a story with a client that its users would have; 1 if something was noticed that Azure would not give."""
    noticed, requests = Noticed(), Requests()
    logging.getLogger().addHandler(noticed)
    for name in "urllib3.connectionpool", "urllib3.util.retry":
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).addHandler(requests)
    ml = MLClient(DefaultAzureCredential(), os.environ["AZUREML_ARM_SUBSCRIPTION"], os.environ["AZUREML_ARM_RESOURCEGROUP"], os.environ["AZUREML_ARM_WORKSPACE_NAME"])
    with tempfile.TemporaryDirectory() as work:
        s = Story(ml, Path(work))
        tell(s)
        s.say(f"{requests.count} requests")
    for line in noticed.lines + requests.again:
        print(f"noticed: {line}", file=sys.stderr)
    return 1 if noticed.lines or requests.again else 0


def flow(s: Story) -> None:
    workspace(s)
    model(s)
    env = environment(s)
    folder = data(s)
    compute(s)
    endpoint(s, env)
    jobs(s, folder)
    fails(s)
    delete(s)


if __name__ == "__main__":
    sys.exit(told(flow))
