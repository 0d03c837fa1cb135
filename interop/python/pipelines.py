"""Jobs of more than one step with azure-ai-ml, as its users write them:

    azmlbatch emulator exec -- python interop/python/pipelines.py

A pipeline job, then batch deployments of its component in the three ways that there are: from YAML, from the class, and
from the job; and a command job. Each runs to its end, and its steps, logs and outputs are read back.
"""

import io
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from azure.ai.ml import Input, Output, command, dsl, load_component
from azure.ai.ml.entities import AmlCompute, BatchEndpoint, Environment, PipelineComponentBatchDeployment
from azure.ai.ml.entities._load_functions import load_pipeline_component_batch_deployment  # where the CLI finds it
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient

from walkthrough import Story, expect, told

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"

UPPER = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: upper
version: "1"
type: command
inputs:
  texts:
    type: uri_folder
  sign:
    type: string
    default: "!"
outputs:
  loud:
    type: uri_folder
code: ./src
environment: azureml:plain@latest
command: >-
  python upper.py --texts ${{inputs.texts}} --sign "${{inputs.sign}}" --loud ${{outputs.loud}}
"""

UPPER_PY = """\
import argparse, pathlib
p = argparse.ArgumentParser()
p.add_argument("--texts", type=pathlib.Path)
p.add_argument("--sign")
p.add_argument("--loud", type=pathlib.Path)
a = p.parse_args()
a.loud.mkdir(parents=True, exist_ok=True)
for file in sorted(a.texts.iterdir()):
    (a.loud / file.name).write_text(file.read_text().upper() + a.sign)
    print("louder:", file.name)
"""

DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponentBatchDeployment.schema.json
name: from-yaml
endpoint_name: {endpoint}
type: pipeline
component: azureml:{component}:{version}
settings:
  continue_on_step_failure: false
  default_compute: cpu-cluster
"""


def quiet(call, *args, **kwargs):
    with redirect_stdout(io.StringIO()) as text:
        return call(*args, **kwargs), text.getvalue()


def prepare(s: Story) -> Path:
    s.ml.environments.create_or_update(Environment(name="plain", image=IMAGE))
    s.ml.compute.begin_create_or_update(AmlCompute(name="cpu-cluster", size="STANDARD_DS3_v2", min_instances=0, max_instances=2)).result()
    (s.work / "src").mkdir()
    (s.work / "src" / "upper.py").write_text(UPPER_PY)
    (s.work / "upper.yml").write_text(UPPER)
    texts = s.work / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("one")
    (texts / "b.txt").write_text("two")
    return texts


def component(s: Story):
    step = load_component(source=str(s.work / "upper.yml"))

    @dsl.pipeline(name="louder", description="two steps, one after the other")
    def louder(texts: Input(type="uri_folder"), sign: str = "!"):
        first = step(texts=texts, sign=sign)
        second = step(texts=first.outputs.loud, sign="?")
        return {"loud": second.outputs.loud}

    return louder


def check(s: Story, job: str, place: str, want: dict[str, str], steps: int) -> None:
    """Follows a job to its end, and reads its steps, its logs and the files at the place of its output back."""
    if steps:
        _, text = quiet(s.ml.jobs.stream, job)
        assert "RunId: " in text, f"stream printed {text!r}"
    expect(s.ml.jobs.get(job).status, "Completed", f"job {job}")
    children = list(s.ml.jobs.list(parent_job_name=job))
    expect(len(children), steps, f"steps of {job}")
    expect({c.status for c in children}, {"Completed"} if steps else set(), f"states of the steps of {job}")
    expect(files(s, place), want, f"output of {job}")
    quiet(s.ml.jobs.download, name=job, download_path=str(s.work / job))
    logs = [p for p in (s.work / job).rglob("*.txt")]
    assert logs, f"{job} has no logs"


def files(s: Story, place: str) -> dict[str, str]:
    """Reads the files below a place. 1.35.2 itself compares a run's "UriFolder" with "uri_folder" and downloads nothing."""
    store = s.ml.datastores.get("workspaceblobstore")
    url = f"{store.protocol}://{store.account_name}.blob.{store.endpoint}"
    with ContainerClient(url, store.container_name, DefaultAzureCredential()) as container:
        names = [b.name for b in container.list_blobs(name_starts_with=place + "/")]
        return {name[len(place) + 1 :]: container.download_blob(name).readall().decode() for name in names}


def pipeline_job(s: Story, louder, texts: Path) -> str:
    job = louder(texts=Input(type="uri_folder", path=str(texts)))
    job.settings.default_compute = "cpu-cluster"
    job.outputs.loud = Output(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/louder/pipeline")
    made = s.ml.jobs.create_or_update(job, experiment_name="louder")
    check(s, made.name, "louder/pipeline", {"a.txt": "ONE!?", "b.txt": "TWO!?"}, 2)
    s.say(f"pipeline job {made.name}")
    return made.name


def deployments(s: Story, louder, job: str, texts: Path) -> None:
    endpoint = s.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="louder-batch")).result()
    registered = s.ml.components.create_or_update(louder().component)
    file = s.work / "deployment.yml"
    file.write_text(DEPLOYMENT.format(endpoint=endpoint.name, component=registered.name, version=registered.version))
    made = {
        "from YAML": load_pipeline_component_batch_deployment(str(file)),
        "from the class": PipelineComponentBatchDeployment(
            name="from-class", endpoint_name=endpoint.name, component=registered, settings={"default_compute": "cpu-cluster"},
        ),
        "from the job": PipelineComponentBatchDeployment(
            name="from-job", endpoint_name=endpoint.name, job_definition=s.ml.jobs.get(job), settings={"default_compute": "cpu-cluster"},
        ),
    }
    for way, deployment in made.items():
        got = s.ml.batch_deployments.begin_create_or_update(deployment).result()
        started = s.ml.batch_endpoints.invoke(
            endpoint_name=endpoint.name, deployment_name=got.name,
            inputs={"texts": Input(type="uri_folder", path=str(texts)), "sign": Input(type="string", default="#")},
            outputs={"loud": Output(type="uri_folder", path=f"azureml://datastores/workspaceblobstore/paths/louder/{got.name}")},
        )
        check(s, started.name, f"louder/{got.name}", {"a.txt": "ONE#?", "b.txt": "TWO#?"}, 2)
        s.say(f"deployment {way}: job {started.name}")
    expect({d.name for d in s.ml.batch_deployments.list(endpoint.name)}, {"from-yaml", "from-class", "from-job"}, "deployments")
    s.ml.batch_endpoints.begin_delete(endpoint.name).result()


def command_job(s: Story, texts: Path) -> None:
    job = command(
        code=str(s.work / "src"), command="python upper.py --texts ${{inputs.texts}} --sign . --loud ${{outputs.loud}}",
        inputs={"texts": Input(type="uri_folder", path=str(texts))}, outputs={"loud": Output(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/louder/command")},
        environment="plain@latest", compute="cpu-cluster",
    )
    made = s.ml.jobs.create_or_update(job)
    # 1.35.2 cannot stream a command job whose datastore hands out SAS, as Azure's do: it signs with the SAS as if it were
    # the account key.
    while s.ml.jobs.get(made.name).status not in ("Completed", "Failed", "Canceled"):
        time.sleep(0.1)
    check(s, made.name, "louder/command", {"a.txt": "ONE.", "b.txt": "TWO."}, 0)
    s.say(f"command job {made.name}")


def flow(s: Story) -> None:
    texts = prepare(s)
    louder = component(s)
    command_job(s, texts)
    job = pipeline_job(s, louder, texts)
    deployments(s, louder, job, texts)


if __name__ == "__main__":
    sys.exit(told(flow))
