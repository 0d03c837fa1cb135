// Batch scoring with Azure's own JavaScript packages, from the uploaded model to the deleted endpoint:
//
//	azmlbatch emulator exec -- node interop/node/walkthrough.mjs
//
// It knows nothing of the emulator: DefaultAzureCredential and the proxy come from the environment. The packages are
// those of package.json beside this file.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import machineLearning from "@azure/arm-machinelearning";
import { DefaultAzureCredential } from "@azure/identity";
import { BlobServiceClient } from "@azure/storage-blob";

const digits = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../examples/quickstart/digits");
const began = performance.now();
const say = (text) => console.log(`- [${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s] ${text}`);
const all = async (pages) => { const items = []; for await (const item of pages) items.push(item); return items; };

const credential = new DefaultAzureCredential();
const ml = new machineLearning.AzureMachineLearningWorkspaces(credential, process.env.AZUREML_ARM_SUBSCRIPTION);
const at = [process.env.AZUREML_ARM_RESOURCEGROUP, process.env.AZUREML_ARM_WORKSPACE_NAME];

const workspace = await ml.workspaces.get(...at);
assert.equal(workspace.name, at[1]);
const stores = await all(ml.datastores.list(...at));
const store = (await ml.datastores.get(...at, "workspaceblobstore")).properties;
assert.ok(stores.some((s) => s.name === "workspaceblobstore"));
say(`workspace ${workspace.name}, ${stores.length} datastores`);

const container = new BlobServiceClient(`https://${store.accountName}.blob.${store.endpoint}`, credential)
  .getContainerClient(store.containerName);
for (const folder of ["code", "model", "images"]) {
  for (const entry of await readdir(path.join(digits, folder), { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = await readFile(path.join(entry.parentPath ?? entry.path, entry.name));
    await container.getBlockBlobClient(`js/${folder}/${entry.name}`).uploadData(content);
  }
}
const images = await all(container.listBlobsFlat({ prefix: "js/images/" }));
say(`${images.length} images uploaded`);

const id = (kind, name) => `${workspace.id}/${kind}/${name}`;
await ml.codeVersions.createOrUpdate(...at, "js-score", "1", { properties: { codeUri: `${container.url}/js/code` } });
await ml.modelVersions.createOrUpdate(...at, "js-digits", "1", {
  properties: { modelType: "custom_model", modelUri: "azureml://datastores/workspaceblobstore/paths/js/model" },
});
await ml.environmentVersions.createOrUpdate(...at, "js-env", "1", {
  properties: { image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest" },
});
await ml.computeOperations.beginCreateOrUpdateAndWait(...at, "js-cluster", {
  location: workspace.location,
  properties: { computeType: "AmlCompute", properties: { vmSize: "STANDARD_DS3_V2", scaleSettings: { minNodeCount: 0, maxNodeCount: 1 } } },
});
assert.deepEqual(await all(ml.computeOperations.listNodes(...at, "js-cluster")), []);
say("assets and cluster");

const endpoint = { location: workspace.location, properties: { authMode: "AADToken" } };
// The state of a poller is kept, and the operation is followed by another one, as after a restart.
const first = await ml.batchEndpoints.beginCreateOrUpdate(...at, "js-digits", endpoint);
const resumed = await ml.batchEndpoints.beginCreateOrUpdate(...at, "js-digits", endpoint, { resumeFrom: first.toString() });
assert.equal((await resumed.pollUntilDone()).properties.provisioningState, "Succeeded");
await ml.batchDeployments.beginCreateOrUpdateAndWait(...at, "js-digits", "blue", {
  location: workspace.location,
  properties: {
    model: { referenceType: "Id", assetId: id("models", "js-digits/versions/1") },
    codeConfiguration: { codeId: id("codes", "js-score/versions/1"), scoringScript: "score.py" },
    environmentId: id("environments", "js-env/versions/1"),
    compute: id("computes", "js-cluster"),
    miniBatchSize: 10, outputAction: "AppendRow", outputFileName: "predictions.csv",
  },
});
await ml.batchEndpoints.beginCreateOrUpdateAndWait(...at, "js-digits", {
  ...endpoint, properties: { ...endpoint.properties, defaults: { deploymentName: "blue" } },
});
await ml.batchEndpoints.beginUpdateAndWait(...at, "js-digits", { tags: { team: "vision" } });
const made = await ml.batchEndpoints.get(...at, "js-digits");
assert.equal(made.properties.defaults.deploymentName, "blue");
assert.equal(made.tags.team, "vision");
const listed = await all(ml.batchDeployments.list(...at, "js-digits", { top: 1 }));
assert.deepEqual(listed.map((d) => d.name), ["blue"]);
say(`endpoint at ${made.properties.scoringUri}`);

// None of Azure's packages invokes a batch endpoint: this is the documented POST, by fetch of Node 24 or newer.
const { token } = await credential.getToken("https://ml.azure.com/.default");
const invoke = async (output) => {
  const response = await fetch(made.properties.scoringUri, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ properties: {
      InputData: { images: { JobInputType: "UriFolder", Uri: "azureml://datastores/workspaceblobstore/paths/js/images" } },
      OutputData: { score: { JobOutputType: "UriFile", Uri: `azureml://datastores/workspaceblobstore/paths/js/${output}` } },
    } }),
  });
  const text = await response.text();
  assert.equal(response.status, 201, text);
  return JSON.parse(text).name;
};
const ended = async (job) => {
  for (;;) {
    const { properties } = await ml.jobs.get(...at, job);
    if (["Completed", "Failed", "Canceled"].includes(properties.status)) return properties.status;
  }
};
const done = await invoke("out/predictions.csv");
assert.equal(await ended(done), "Completed");
const predictions = await container.getBlobClient("js/out/predictions.csv").downloadToBuffer();
assert.equal(predictions.toString().trimEnd().split("\n").length, images.length);
assert.ok((await all(ml.jobs.list(...at))).some((job) => job.name === done));
const cancelled = await invoke("other/predictions.csv");
await ml.jobs.beginCancelAndWait(...at, cancelled);
assert.equal(await ended(cancelled), "Canceled");
say(`job ${done}: ${images.length} rows; job ${cancelled}: cancelled`);

await ml.batchDeployments.beginDeleteAndWait(...at, "js-digits", "blue");
await ml.batchEndpoints.beginDeleteAndWait(...at, "js-digits");
await assert.rejects(ml.batchEndpoints.get(...at, "js-digits"), { statusCode: 404 });
await ml.computeOperations.beginDeleteAndWait(...at, "js-cluster", "Delete");
for (const blob of await all(container.listBlobsFlat({ prefix: "js/" }))) await container.deleteBlob(blob.name);
say("deleted");
