package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// checkClusters looks for clusters that can run jobs.
func (d *doctor) checkClusters(ctx context.Context) {
	clusters := map[string]azmlbatch.Compute{}
	for c, err := range d.client.Computes().List(ctx) {
		if err != nil {
			d.failed("clusters", statusUnknown, err, "")
			return
		}
		if c.Type == azmlbatch.ComputeTypeAmlCompute {
			clusters[strings.ToLower(c.Name)] = c
		}
	}
	d.clusters = clusters
	if len(clusters) == 0 {
		d.add(finding{"clusters", statusMissing, "there is none",
			"az ml compute create --type amlcompute --name cpu-cluster --size STANDARD_DS3_V2 --min-instances 0 --max-instances 2" + d.azWorkspace()})
	}
	for _, name := range sortedKeys(clusters) {
		d.checkCluster(clusters[name])
	}
}

func (d *doctor) checkCluster(c azmlbatch.Compute) {
	check := "cluster " + c.Name
	properties, _ := c.Properties.(azmlbatch.AmlCompute) // one whose creation failed may have none
	switch {
	case c.ProvisioningState == azmlbatch.ProvisioningStateFailed:
		d.add(finding{check, statusMissing, "its creation failed: " + rawTexts(c.ProvisioningErrors),
			"az ml compute delete --name " + c.Name + d.azWorkspace() + ", then make it anew"})
		return
	case len(properties.Errors) > 0:
		d.add(finding{check, statusMissing, "its nodes do not start: " + rawTexts(properties.Errors), "see the quota below"})
		return
	case properties.MaxNodes == 0:
		d.add(finding{check, statusMissing, "it may have no nodes", "az ml compute update --max-instances 2 --name " + c.Name + d.azWorkspace()})
		return
	}
	d.ok(check, "%s, at most %s", properties.VMSize, plural(properties.MaxNodes, "node", "nodes"))
	if d.keyless() {
		d.checkClusterIdentity(c)
	}
}

// checkClusterIdentity is for storage without keys: there a job also needs the cluster's own identity.
func (d *doctor) checkClusterIdentity(c azmlbatch.Compute) {
	check := "identity of cluster " + c.Name
	switch {
	case c.Identity.PrincipalID != "":
		d.add(finding{check, statusUnknown, "whether it may read the storage cannot be seen from here",
			"if jobs are refused: " + assignTo(c.Identity.PrincipalID, "ServicePrincipal", "Storage Blob Data Reader", d.workspace.StorageAccount)})
	case len(c.Identity.UserAssignedIdentities) > 0:
		d.add(finding{check, statusUnknown, "whether it may read the storage cannot be seen from here",
			fmt.Sprintf("if jobs are refused, assign the role %q on %s to %s", "Storage Blob Data Reader", d.workspace.StorageAccount,
				sortedKeys(c.Identity.UserAssignedIdentities)[0])})
	default:
		d.add(finding{check, statusMissing, "it has none, and the workspace's storage takes no keys",
			"az ml compute update --identity-type SystemAssigned --name " + c.Name + d.azWorkspace()})
	}
}

// azWorkspace are the flags that name the workspace to az ml.
func (d *doctor) azWorkspace() string {
	ws := d.client.Workspace()
	return " --resource-group " + shellWord(ws.ResourceGroup) + " --workspace-name " + shellWord(ws.Name) +
		" --subscription " + shellWord(ws.SubscriptionID)
}

// rawTexts joins JSON values on one line.
func rawTexts[T ~[]byte](values []T) string {
	var texts []string
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return strings.Join(texts, ", ")
}

// checkQuota compares what clusters may grow to with the cores that the subscription has left for them.
func (d *doctor) checkQuota(ctx context.Context) {
	if len(d.clusters) == 0 {
		return
	}
	quotas, err := d.client.Computes().Quotas(ctx)
	if err != nil {
		d.quotaUnknown(err)
		return
	}
	for _, name := range sortedKeys(d.clusters) {
		if c := d.clusters[name]; c.ProvisioningState != azmlbatch.ProvisioningStateFailed {
			d.add(quotaFinding(c, quotas.OfCluster(c)))
		}
	}
}

func (d *doctor) quotaUnknown(err error) {
	remedy := ""
	if errors.Is(err, azmlbatch.ErrForbidden) {
		remedy = d.assign("Reader", "/subscriptions/"+d.client.Workspace().SubscriptionID)
	}
	d.failed("quota", statusUnknown, err, remedy)
}

// quotaFinding tells a quota that has no room for a single node from one that only keeps the cluster from its maximum.
func quotaFinding(c azmlbatch.Compute, quota azmlbatch.ClusterQuota) finding {
	f := finding{Check: "quota of cluster " + c.Name, Status: statusUnknown, Detail: quota.Unknown}
	if quota.Unknown != "" {
		return f
	}
	properties, _ := c.Properties.(azmlbatch.AmlCompute)
	usage, needed := quota.Usage, int64(properties.MaxNodes)*int64(quota.VCPUs)
	f.Status = statusOK
	f.Detail = fmt.Sprintf("%s: %d of %d cores are used, the cluster may take %d", usage.Name, usage.CurrentValue, usage.Limit, needed)
	switch room := quota.RoomNodes(); {
	case room < 1:
		f.Status = statusMissing
	case room < properties.MaxNodes:
		f.Status = statusOptional
	default:
		return f
	}
	f.Remedy = fmt.Sprintf("ask for a quota of %d at https://ml.azure.com/quota, or use fewer or smaller nodes", needed+usage.CurrentValue-quota.Own)
	return f
}

// checkEndpoints looks whether each endpoint can take a job.
func (d *doctor) checkEndpoints(ctx context.Context) {
	for e, err := range d.client.Endpoints().List(ctx) {
		if err != nil {
			d.failed("endpoints", statusUnknown, err, "")
			return
		}
		check := "endpoint " + e.Name
		if e.DefaultDeployment == "" {
			d.add(finding{check, statusMissing, "it has no default deployment", "azmlbatch endpoint set-default " + e.Name + " DEPLOYMENT" + d.again()})
			continue
		}
		deployment, err := d.client.Deployments(e.Name).Get(ctx, e.DefaultDeployment)
		if err != nil {
			d.failed(check, statusMissing, err, "azmlbatch endpoint set-default "+e.Name+" DEPLOYMENT"+d.again())
			continue
		}
		cluster := shortReference(azmlbatch.ReferenceKindCompute, deploymentCompute(deployment))
		if cluster == "" {
			d.ok(check, "default deployment %s, whose pipeline names the clusters of its steps", e.DefaultDeployment)
			continue
		}
		if _, found := d.clusters[strings.ToLower(cluster)]; !found && d.clusters != nil {
			d.add(finding{check, statusMissing,
				fmt.Sprintf("its default deployment %s runs on %s, which is no cluster of the workspace", e.DefaultDeployment, cluster),
				"make the cluster, or set another default with azmlbatch endpoint set-default " + e.Name + " DEPLOYMENT" + d.again()})
			continue
		}
		d.ok(check, "default deployment %s on cluster %s", e.DefaultDeployment, cluster)
	}
}

// deploymentCompute is what the jobs of a deployment run on. A pipeline component has a default in its settings; it may be
// empty, because each step can name its own.
func deploymentCompute(d azmlbatch.Deployment) string {
	if c, ok := d.Configuration.(azmlbatch.PipelineComponentDeployment); ok {
		return c.Settings["default_compute"]
	}
	return d.Compute
}
