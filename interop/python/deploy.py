"""Deploys YAML files with azure-ai-ml as az ml does it: python deploy.py KIND=FILE...

The kinds are those of az ml: compute, model, environment, data, component, batch-endpoint, batch-deployment; and
pipeline-deployment, for which az ml has the same command as for batch-deployment.
"""

from __future__ import annotations

import os
import sys

from azure.ai.ml import (
    MLClient,
    load_batch_endpoint,
    load_component,
    load_compute,
    load_data,
    load_environment,
    load_model,
)
from azure.ai.ml.entities._load_functions import (  # where az ml takes them from
    load_model_batch_deployment,
    load_pipeline_component_batch_deployment,
)
from azure.identity import DefaultAzureCredential


def main() -> None:
    names = ("SUBSCRIPTION", "RESOURCEGROUP", "WORKSPACE_NAME")
    ml = MLClient(DefaultAzureCredential(), *(os.environ["AZUREML_ARM_" + name] for name in names))
    for argument in sys.argv[1:]:
        kind, file = argument.split("=", 1)
        if kind == "compute":
            ml.compute.begin_create_or_update(load_compute(file)).result()
        elif kind == "model":
            ml.models.create_or_update(load_model(file))
        elif kind == "environment":
            ml.environments.create_or_update(load_environment(file))
        elif kind == "data":
            ml.data.create_or_update(load_data(file))
        elif kind == "component":
            ml.components.create_or_update(load_component(file))
        elif kind == "pipeline-deployment":
            ml.batch_deployments.begin_create_or_update(load_pipeline_component_batch_deployment(file)).result()
        elif kind == "batch-endpoint":
            ml.batch_endpoints.begin_create_or_update(load_batch_endpoint(file)).result()
        elif kind == "batch-deployment":
            ml.batch_deployments.begin_create_or_update(load_model_batch_deployment(file)).result()
        else:
            raise SystemExit(f"unknown kind {kind}")


main()
