package emulator

// Env returns the environment variables that lead any Azure client to the server: the proxy and the
// CA file for Go, curl, Python and Node, the login host, the service principal and the workspace.
// One of them is a secret: do not log them.
func (s *Server) Env() []string {
	e := s.emulator
	w := e.options.Workspaces[0]
	return []string{
		"HTTPS_PROXY=" + s.ProxyURL(),
		"https_proxy=" + s.ProxyURL(),
		"NO_PROXY=",
		"no_proxy=",
		"SSL_CERT_FILE=" + s.ca,
		"CURL_CA_BUNDLE=" + s.ca,
		"REQUESTS_CA_BUNDLE=" + s.ca,
		"NODE_EXTRA_CA_CERTS=" + s.ca,
		"AZURE_AUTHORITY_HOST=https://" + e.cloud.LoginHosts[0] + "/",
		"AZURE_TENANT_ID=" + e.options.TenantID,
		"AZURE_CLIENT_ID=" + e.options.ClientID,
		"AZURE_CLIENT_SECRET=" + e.options.ClientSecret,
		"AZUREML_ARM_SUBSCRIPTION=" + w.SubscriptionID,
		"AZUREML_ARM_RESOURCEGROUP=" + w.ResourceGroup,
		"AZUREML_ARM_WORKSPACE_NAME=" + w.Name,
	}
}
