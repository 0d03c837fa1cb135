// Package emulator is a small Azure for batch scoring: the token service, the management plane, the
// scoring hosts and the data plane of Azure ML workspaces, and their Blob storage. It runs scoring
// scripts, with the Python of this machine and the batch rules of package scoring, and the commands
// of pipelines, with the shell of this machine. No call to the
// emulator leaves the machine: an unknown host is refused.
//
// # In a Go test
//
//	client, endpoint := emulator.NewEndpoint(t, emulator.Script{Dir: "testdata/code"}, nil)
//
// starts an emulator in memory, without a socket, that ends with the test. It returns a client of
// the SDK and the name of an endpoint that the client can invoke: its deployment runs
// testdata/code/score.py. An [MLFlowModel] takes the place of a script, and so does a Go function
// ([Func]), which needs no Python.
//
// [NewClient] is for a test that deploys by itself, and [NewTest] for one that needs the emulator
// too: to inject faults, or for several endpoints ([Emulator.Deploy]). Programs without a test use
// [New].
//
// An [Emulator] is an [http.Handler] routed by host name, and a transport for any Azure client of
// Go ([Emulator.Do], [Emulator.RoundTrip]) with [Emulator.Credential].
//
// # For other programs
//
// [Start] serves an emulator on one port of this machine: a TLS server with its own certificate
// authority, and an HTTP CONNECT proxy that leads to it. A program in any language finds it by the
// environment variables of [Server.Env]. The same from a shell:
//
//	azmlbatch emulator exec -- COMMAND
//
// # What it plays
//
//   - login.microsoftonline.com: tokens for a service principal, in every form that azidentity,
//     MSAL and az ask for.
//   - management.azure.com: subscriptions, resource groups, storage accounts with keys, workspaces,
//     datastores, codes, models, environments, data, components, computes, batch endpoints,
//     deployments, jobs, schedules, and their long-running operations; permissions and quotas.
//   - {endpoint}.{region}.inference.ml.azure.com: invoke and job status.
//   - {region}.api.azureml.ms: discovery, jobs of an endpoint, run history, metrics, and the places
//     of registered data and of outputs.
//   - cert-{region}.experiments.azureml.net: the assets of registries ([Options.Registries]), which
//     references name, and uploads to them.
//   - azuremlschemasprod.azureedge.net: the schema of MLTable files, which a client asks for.
//   - {account}.blob.core.windows.net: blobs, leases, and the checks of account keys, SAS and
//     tokens.
//
// Every host refuses tokens for another audience. The emulator accepts what the service accepts:
// trailing commas, numbers as text, names and enum values in any case.
//
// # What it does not do
//
//   - Registries on the management host, and who may use them, are not played.
//   - A schedule fires when the emulator runs: times that pass while it does not are skipped. The
//     service has not published how a schedule names what it invokes; see
//     [azmlbatch.NewEndpointScheduleAction] for the form that the emulator takes.
//   - Of jobs that ARM makes, commands and pipelines run; sweeps, AutoML, Spark and other kinds of
//     steps are refused. A command runs once, whatever its instance count and distribution say, and
//     every step runs again: none is reused. Loops and conditions in pipelines are refused.
//   - Docker images do not run. Scripts run with the Python of this machine, and the job's log says
//     so. The pip part of a conda file is installed only if [Options.Environments] asks for it.
//     MLflow models without a scoring script need a Python with mlflow.
//   - Scripts and commands run without a sandbox: they can read files and reach the network. Of the
//     variables of the emulator's process they get only those that every program needs and those of
//     [Options.ScriptEnv].
//   - Nothing expires but ended jobs and operations, if [Options.Keep] says so: outputs stay until
//     the emulator is closed or, with a DataDir, until the folder is removed.
//   - A job does not go on after a restart: one that waited or ran when the emulator ended, or was
//     killed, has failed then and says why.
//   - Nobody has roles: the service principal may do everything but what [ParseDeny] denies.
//   - Online endpoints, queues, tables, files and data lakes are not played; neither are page blobs,
//     copies, snapshots, versions, tags and changes of tier of blobs, nor batches of requests. A
//     request that is not played is answered as such, with a warning in the log.
//   - An mltable is a folder with a file MLTable to the commands of a pipeline, which can read it
//     with the Python package mltable. To a parallel step it is the files that it names: one with
//     transformations is refused. As in Azure, a deployment of a model takes none.
//   - [PaceReal] applies to operations only; a job takes as long as its script.
package emulator
