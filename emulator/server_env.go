package emulator

import (
	"os"
	"strings"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// Env returns the environment variables that lead any Azure client to the server: the proxy and the
// CA file for Go, curl, Python, Node and Java, the login host, the service principal and the
// workspace. One of them is a secret: do not log them.
//
// Node's own fetch reads them from Node 24 on, and Azure's packages for Node in every version.
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
		"NODE_USE_ENV_PROXY=1",
		"JAVA_TOOL_OPTIONS=" + s.javaOptions(),
		"AZURE_AUTHORITY_HOST=https://" + e.cloud.LoginHosts[0] + "/",
		"AZURE_TENANT_ID=" + e.options.TenantID,
		"AZURE_CLIENT_ID=" + e.options.ClientID,
		"AZURE_CLIENT_SECRET=" + e.options.ClientSecret,
		"AZUREML_ARM_SUBSCRIPTION=" + w.SubscriptionID,
		"AZUREML_ARM_RESOURCEGROUP=" + w.ResourceGroup,
		"AZUREML_ARM_WORKSPACE_NAME=" + w.Name,
	}
}

// javaOptions returns options for any Java machine, after those that this process has in
// JAVA_TOOL_OPTIONS. Java reads neither HTTPS_PROXY nor a PEM file.
func (s *Server) javaOptions() string {
	host, port := s.hostAndPort()
	options := []string{
		"-Dhttps.proxyHost=" + host, "-Dhttps.proxyPort=" + port,
		`-Djavax.net.ssl.trustStore="` + s.trustStore + `"`, "-Djavax.net.ssl.trustStoreType=PKCS12",
		"-Djavax.net.ssl.trustStorePassword=" + pkcs12.DefaultPassword,
	}
	if own := os.Getenv("JAVA_TOOL_OPTIONS"); own != "" {
		options = append([]string{own}, options...)
	}
	return strings.Join(options, " ")
}
