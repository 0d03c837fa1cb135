"""azure-ai-ml's half of TestTurnsWithAzureAIML: one step for each call, its result as JSON on standard output.

    turns.py upload FOLDER PREFIX      registers FOLDER as model, data and code of a deployment
    turns.py read ENDPOINT             prints what the SDK's endpoint looks like to azure-ai-ml
    turns.py write ENDPOINT            reads endpoint and deployments and puts them back unchanged
"""

from __future__ import annotations

import json
import os
import sys

from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data, Model
from azure.identity import DefaultAzureCredential


def upload(ml: MLClient, folder: str, prefix: str) -> dict:
    model = ml.models.create_or_update(Model(name=prefix + "-model", path=folder, type=AssetTypes.CUSTOM_MODEL))
    data = ml.data.create_or_update(Data(name=prefix + "-data", path=folder, type=AssetTypes.URI_FOLDER))
    return {"model": model.path, "data": data.path}


def read(ml: MLClient, endpoint: str) -> dict:
    e = ml.batch_endpoints.get(endpoint)
    return {
        "name": e.name, "description": e.description, "tags": e.tags, "default": e.defaults.deployment_name,
        "deployments": {
            d.name: {
                "description": d.description, "mini_batch_size": d.mini_batch_size, "error_threshold": d.error_threshold,
                "max_concurrency_per_instance": d.max_concurrency_per_instance, "output_file_name": d.output_file_name,
                "retries": d.retry_settings.max_retries, "timeout": d.retry_settings.timeout, "logging_level": d.logging_level,
                "environment_variables": d.environment_variables, "instance_count": d.resources.instance_count,
            }
            for d in ml.batch_deployments.list(endpoint)
        },
    }


def write(ml: MLClient, endpoint: str) -> dict:
    ml.batch_endpoints.begin_create_or_update(ml.batch_endpoints.get(endpoint)).result()
    names = [d.name for d in ml.batch_deployments.list(endpoint)]
    for name in names:
        ml.batch_deployments.begin_create_or_update(ml.batch_deployments.get(name, endpoint)).result()
    return {"written": names}


if __name__ == "__main__":
    client = MLClient(DefaultAzureCredential(), os.environ["AZUREML_ARM_SUBSCRIPTION"], os.environ["AZUREML_ARM_RESOURCEGROUP"], os.environ["AZUREML_ARM_WORKSPACE_NAME"])
    step = {"upload": upload, "read": read, "write": write}[sys.argv[1]]
    print("\n" + json.dumps(step(client, *sys.argv[2:])))
