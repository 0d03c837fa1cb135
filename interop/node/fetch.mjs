// Azure as Node's own fetch sees it (Node 24 or newer), without any package:
//
//	azmlbatch emulator exec -- node interop/node/fetch.mjs
//
// It knows no proxy and no certificate authority: NODE_USE_ENV_PROXY makes fetch read HTTPS_PROXY, and
// NODE_EXTRA_CA_CERTS names the CA file.

const env = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this with azmlbatch emulator exec`);
  return value;
};

const json = async (what, response) => {
  const text = await response.text();
  if (!response.ok) throw new Error(`${what}: ${response.status} ${text}`);
  return JSON.parse(text);
};

const form = new URLSearchParams({
  grant_type: "client_credentials",
  client_id: env("AZURE_CLIENT_ID"),
  client_secret: env("AZURE_CLIENT_SECRET"),
  scope: "https://management.azure.com/.default",
});
const authority = env("AZURE_AUTHORITY_HOST") + env("AZURE_TENANT_ID");
const { access_token: token } = await json("token",
  await fetch(`${authority}/oauth2/v2.0/token`, { method: "POST", body: form }));

const workspace = `/subscriptions/${env("AZUREML_ARM_SUBSCRIPTION")}/resourceGroups/${env("AZUREML_ARM_RESOURCEGROUP")}` +
  `/providers/Microsoft.MachineLearningServices/workspaces/${env("AZUREML_ARM_WORKSPACE_NAME")}`;
const { name } = await json("workspace",
  await fetch(`https://management.azure.com${workspace}?api-version=2024-04-01`, { headers: { Authorization: `Bearer ${token}` } }));
if (name !== env("AZUREML_ARM_WORKSPACE_NAME")) throw new Error(`the workspace is called ${name}`);
console.log("fetch reads the workspace");
