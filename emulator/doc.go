// Package emulator is a small Azure for batch scoring: the token service, the management plane, the
// scoring hosts and the data plane of Azure ML workspaces, and their Blob storage. It really runs
// scoring scripts, with the Python of this machine and the batch rules of package scoring. No call
// that is made to the emulator leaves the machine: a host that is not played is refused.
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
// [Start] puts an emulator behind one port of this machine, as a TLS server with a certificate
// authority of its own and as the CONNECT proxy that leads to it. [Server.Env] is the environment
// with which curl, Python, Node or Go programs find it; the command is
//
//	azmlbatch emulator exec -- COMMAND
//
// # What it plays
//
//   - login.microsoftonline.com: tokens for a service principal, as azidentity, MSAL and az ask for
//     them.
//   - management.azure.com: subscriptions, resource groups, storage accounts with keys, workspaces,
//     datastores, codes, models, environments, data, components, computes, batch endpoints,
//     deployments, jobs, and their long-running operations.
//   - {endpoint}.{region}.inference.ml.azure.com: invoke and job status.
//   - {region}.api.azureml.ms: discovery, jobs of an endpoint, run history.
//   - {account}.blob.core.windows.net: blobs, with account keys, signatures and tokens all checked.
//
// Tokens of the wrong audience are refused everywhere. What the service tolerates is tolerated:
// trailing commas, numbers as text, names and enum values in any case.
//
// # What it does not do
//
//   - Pipeline-component deployments, command and pipeline jobs are kept and shown, and not
//     executed.
//   - Images are not run, and of conda files only the pip part is installed, if
//     [Options.Environments] asks for it: scripts run with the Python of this machine, which the
//     job's log says. MLflow models without a scoring script need an mlflow there.
//   - Scoring scripts are not fenced in. They have the environment of the process that the emulator
//     runs in, with its credentials and without [Server.Env]: what they call themselves goes out.
//   - What has ended is kept: jobs, their logs, and operations, until the emulator is closed or,
//     with a DataDir, until the folder is removed.
//   - Roles are not checked: the one principal may do everything.
//   - Registries, online endpoints, queues, tables, files and data lakes are not played; neither
//     are copies, snapshots and versions of blobs.
//   - With [PaceReal] operations take their time; jobs take what the script takes.
package emulator
